"""Layers as EROFS files: the tar as it came, and an index behind it that the kernel mounts.

Nothing is extracted: a layer of fifty thousand files is one file to write, one to sync, one to remove. While
the tar streams by to its place, its headers become a model of the layer in memory; at the end that is
written behind the tar, with inodes that point into it.

Invariants:
- The same tar gives the same file, byte for byte; so a file can be verified by making it again.
- A file whose header is not there was never finished. The kernel mounts nothing that was not finished, and
  nothing but what this package has written.
- Memory grows with the number of entries, never with their bytes, and is bounded.
- No name of a layer is ever a path of the host.

Specification: docs/layers.md; Linux fs/erofs/erofs_fs.h.

Reading order: `layout` (the bytes of EROFS), `attributes` (extended attributes that are kept), `nodes` (what
the model is made of), `records` (an entry becomes an inode), `folders` (where it belongs), `tree` (what
entries do to each other), `listing` and `chunks` (folders and sparse files on disk), `inodes`, `index` (the
model is written), `image` (the file), `remains` (what stands behind the end of a file), `builder` (all of it
while a tar streams by), `section` (the tar inside), `comparison` (is it still good?), `form` (the port).
"""
