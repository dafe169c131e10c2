"""The engine: opens the parts for one store and hands them out; what a Python program begins with.

Reading order:
- `settings` (where things are), `usernamespace` (where an ordinary user's containers are), `parts` with
  `snapshotting`, `engine` (opens them)
- images: `images` with `naming`, `verbs` and `mountverbs` (the library's verbs), `image` (what they return)
- what those verbs do: `registries`, `policy` and `transfers`, `saveformat` and `archives`, `copies`, `download`
- containers: `containers` with `rows`, `endverbs`, `runverbs` and `runoptions`; `container` and `started` (what
  they return), `runner` (what runs them), `container_files` (what they changed), `ancestry`; `created`
- `follow` (progress as an iterator)
- what is about neither: `access` (logins, searches), `surroundings` (what is configured), `runtimes` (what
  runs containers here), `upkeep` (check and repair)
"""
