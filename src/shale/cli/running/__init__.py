"""What `run`, `create` and `start` share: their many flags, read as docker reads them, and the terminal.

Invariants: text that a person typed becomes a checked wish here or an error that names the flag; a terminal
that was changed is put back however the command ends.

Reading order: `options` (the flags), `wishes` (their values put together) with `variables`, `mounts`, `limits`
and `addresses` (one kind of flag each); `attached` (streams, signals, the terminal), `images` (an image that is
not here yet).
"""
