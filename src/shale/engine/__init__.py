"""The engine: opens the parts for one store and hands them out; what a Python program begins with.

Reading order: `settings` (where things are), `parts` with `snapshotting`, `engine` (opens them), `images` with
`naming`, `verbs` and `mountverbs` (the library's verbs) and `image` (what they return); what the verbs do:
`registries`, `policy` and `transfers`, `saveformat` and `archives`, `copies`, `download`; `follow` (progress as
an iterator); then what is about no image: `access` (logins, searches), `surroundings` (what is configured),
`upkeep` (check and repair).
"""
