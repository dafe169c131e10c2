"""Files in and out of containers, running or not: `shale cp` and `shale export`.

Invariants:
- Nothing that a container has is ever run, and nothing of it leads out of its tree or out of the folder that is
  written to: every step is taken from the descriptor of a folder, with one name that is not followed.
- Of a container's files only regular ones are ever opened for reading, and they may change meanwhile.

Reading order: `copyrules` (where a copy lands: pure text), `inside` and `outside` (what a path means on either
side); `trail` (folders on the way down), `reading` (a tree as entries) and `export`; `folderpath`, `newfile`,
`dressing`, `putting` (entries into a folder), `tarinto` (those of an archive); `transit` (what copies have in
common), `copying`.
"""
