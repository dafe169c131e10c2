"""The engine: opens the parts for one store and hands them out; what a Python program begins with.

Reading order: `settings` (where things are), `parts`, `snapshotting`, `engine` (opens them), `images` with
`naming` and `verbs` (the library's verbs) and `image` (what they return); what the verbs do: `registries`,
`policy` and `transfers`, `saveformat` and `archives`, `copies`, `download`, `mountverbs`; `containers` with
`rows`, `endverbs`, `runverbs` and `runoptions`, `container` and `started` (what they return), `runner` (what
runs them), `ancestry`; `follow` (progress as an iterator); then what is about no image: `access` (logins,
searches), `surroundings` (what is configured), `upkeep` (check and repair).
"""
