"""Images: verbs over the graph of content.

Every verb that moves images is the same walk between a `Source` and a `Destination` (`ports`): pull is
registry to store, push is store to registry, save and load have an archive on one side, copy has the store
on neither.

Invariants:
- A document is moved as the bytes that it is; nothing is ever encoded again.
- Children are in place before their parent, and the name moves last.

Reading order: `ports`, `graph`, `parallel`; `making`, `receiving`, `intake`, `expectation`, `pull`; `stored`,
`remote`, `push`; what the store has: `listing` with `fitting`, `resolve`, `history`, `inspect`, `filters` with
`instants`, `uses`, `remove`, `usage`; as file systems: `layerkeys`, `mounts`, `unpack`; between places:
`notation`, `landing`, `copy`, `relay`; `archive` with `byterange`; of our own: `packing`, `written`, `rootfs`
with `changes` (import).
"""
