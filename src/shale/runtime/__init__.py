"""Running a container's process: an OCI bundle, and the program of the distribution that starts it.

Invariants:
- What an image says is never believed: labels become no annotations, there are no hooks, numbers are
  bounded, paths inside the image are resolved inside its root.
- Nothing is weaker than the defaults of `spec`, `capabilities` and `profile` unless the caller asked for it by
  name.

Reading order:
- `driver` (the port), `wishes` (what a caller may ask for), `notation` and `mountnotation` (as people type
  it)
- what is found out: `host` (the machine), `users`, `firstprocess` (arguments, environment), `capabilities`,
  `profile` and `seccomp` (system calls), `devices`, `initprogram`
- what is made in a root: `inside` (places, by descriptor), `etcfiles`, `volumes`, `mounting`
- `spec` (config.json from all that), `bundle` (the whole, in order), `standalone` (one for others to run)
- `crun_runc` (the drivers), `tinyprogram` and `selftest` (which of them works here)
"""
