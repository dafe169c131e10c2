"""The wire between shale and registries, both ends of it.

Reading order: `protocol` (what both ends agree on), then `client` or `server`.
Specification: distribution-spec 1.1; Docker's token authentication and manifest list for the rest of the world.
"""
