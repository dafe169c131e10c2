"""System calls and processes: the only floor with ctypes, subprocess and kernel facts.

Reading order:
- `durable`: what survives a power cut
- `boot`: which boot and which process this is
- `process`: starting a program; `foreground`: one that has our streams, while we wait
- `pidfd`: processes that are not our children
- `terminal`: a terminal for a program, and the one that a person sits at
- `cgroup`: control groups, and removing what is left of one; `freezing`: holding one still
- `idmap`: ids of user namespaces
- `namespaces`: becoming root of one, with `namespaceadvice` and `installing` (what a person can do where that
  fails); `outside`: who one is outside of it
- `syscall`: calls that Python lacks
- `beneath`: opening a path below a folder and never outside
- `xattr`: extended attributes of anything
- `measure`: the bytes of a tree
- `removal`: a tree of files that somebody else made
- `copyfile`: the bytes of a file, shared where the file system can
- mounts: `mounterrors` (why not), `fscontext` (a file system being put together), `loop` (a file as a block
  device), `places` (where mounts are), `privatemounts` (where nobody sees them), `overlaymount` (directories on
  top of each other), `mount` (the door to these), `joining` (those of another process)
"""
