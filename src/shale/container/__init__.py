"""Containers: an image with changes of its own, and a process that runs in it.

Invariants:
- What a container changes is in its upper directory and nowhere else; the image stays as it is.
- A container's row says what it should be, its process what it is: states are read from both, so a kill of
  shale at any instant leaves a container that is shown truly and can be removed whole.
- Mounts of a running container live in a mount namespace that ends with its processes.

Reading order: `states` (the one table), `spec` and `record` (one container), `naming`, `folders` (its files,
and who is at work on it), `seeing` (what is true), `containers` (the rows); `listing`, `inspect`; `config` (an
image and wishes become a container), `ports` (what running needs), `command`, `launch`, `streams`,
`supervision` (one run), `failures`, `put_down` (ending, removing, tidying), `lifecycle`; `signals`, `control`
(from any process). Its files: `roots`, `attached` and `view` (one tree by its descriptor); `changes`, `commit`;
`files/` (in and out).
"""
