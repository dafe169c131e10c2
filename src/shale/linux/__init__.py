"""System calls and processes: the only floor with ctypes, subprocess and kernel facts.

Reading order:
- `durable`: what survives a power cut
- `boot`: which boot and which process this is
- `process`: starting a program
- `syscall`: calls that Python lacks
- `beneath`: opening a path below a folder and never outside
- `xattr`: extended attributes of anything
- `removal`: a tree of files that somebody else made
- mounts: `mounterrors` (why not), `fscontext` (a file system being put together), `loop` (a file as a block
  device), `places` (where mounts are), `privatemounts` (where nobody sees them), `overlaymount` (directories on
  top of each other), `mount` (the door to these)
"""
