"""A registry in one process: distribution-spec 1.1 over HTTP, from one folder.

Invariants (docs/registry.md has the formats and the endpoints):
- Never: a blob or a manifest is served through a repository that it was not pushed or mounted to.
- Never: a repository's name, a tag or any other text from a client becomes part of a path.
- A row of the database speaks only of bytes that are durable already.
- Work that may wait for a disk is done in threads; the event loop moves bytes between sockets and them.

Reading order: `names` and `routes` (what is asked), `storage` (the port), `schema`, `links`, `sessions`,
`folder` (the port on a folder), `answers`, `bodies`, `sending`, then the endpoints `blobs`, `uploads`,
`manifests`, `listings`, and `application`, `options`, `listen`, `service`. Only this package imports
aiohttp, and nothing here is imported by this file, so that a command line that names it stays light.
"""
