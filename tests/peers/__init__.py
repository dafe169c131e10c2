"""Real peers for tests: engines, registries and tools of Debian, and images made without shale.

Reading order: `process` (starting programs), `ground` (where peers live, and how they leave nothing),
one file per peer, `layout` and `images` (what they exchange), `fixtures` (the names that tests ask for).
"""
