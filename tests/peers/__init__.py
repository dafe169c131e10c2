"""Real peers for tests: engines, registries and tools from Debian's packages, and images made without shale.

Reading order: `process` (starting programs), `ground` (where peers live, and how nothing of them is left), one
file per peer, `layout` and `images` (what they exchange), `fixtures` (the names that tests ask for).
"""
