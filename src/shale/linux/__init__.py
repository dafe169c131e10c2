"""System calls and processes: the only floor with ctypes, subprocess and kernel facts.

Reading order: `durable` (what survives a power cut), `boot` (which boot and which process this is),
`process` (starting a program), `beneath` (opening a path below a folder and never outside), `xattr` (extended
attributes of anything).
"""
