"""What goes wrong on purpose: kills at every call, power cuts, bad disks, and a bad registry.

Reading order: `shim`, `zygote`, `killer`, `powercut`, `disk`; the registry that lies is on its own.

A workload is a function `work(root, say, *args)` in an importable module: it does something to the store at
`root` and calls `say(line)` after each step whose result counts as promised. It runs in a child process.
"""
