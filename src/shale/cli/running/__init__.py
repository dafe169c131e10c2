"""What `run`, `create` and `start` share: their many flags, read as docker reads them, and the terminal.

Invariants: text that a person typed becomes a checked wish here or an error that names the flag; a terminal
that was changed is put back however the command ends.

Reading order: `options` (the flags), `wishes` (their values put together) with `variables` and `addresses`
(mounts and numbers are read by the runtime's notation); `attached` (streams, the terminal) with `signals`,
`cidfile`, `failing` (exit codes).
"""
