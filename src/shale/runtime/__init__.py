"""Running a container's process: an OCI bundle, and the program of the distribution that starts it.

Invariants:
- What an image says is never believed: labels become no annotations, there are no hooks, numbers are
  bounded, paths inside the image are resolved inside its root.
- Nothing is weaker than bundle.md's defaults unless the caller asked for it by name.

Reading order: `driver` (the port), `wishes` (what a caller may ask for).
"""
