"""Where images are kept: blobs by digest, the graph between them, names, leases; no daemon, many processes.

Invariants (docs/formats.md has the formats):
- Bytes first: a row of the database speaks only of files that are durable already.
- A name moves in one transaction, and its log is written in the same one.
- Nothing that a root or a living lease reaches is ever collected.

Reading order: `blobs`, `ingest`, `ingests` with `locked`, `database` and `schema`, `content`, `catalog`,
`names`, `leases`; `layerfiles` and `unpacked` (mountable layers); `collect`, `store` and `reserve`, `space`;
then what finds damage: `findings`, `check` with `checkblobs`, `checkgraph`, `checklayers` and `reach`; then
what heals it: `actions`, `repair` with `heallayers`, `rebuild` with `salvage`.
"""
