"""Layers: a tar stream to and from files.

A layer is a tar archive, mostly compressed, that says what one step of an image adds, changes and removes
(image-spec layer.md; docs/layers.md says what shale makes of each entry). This package reads such streams as
they come, and never holds one whole.

Never: a size, a name or a record of an archive is trusted before it is checked; memory grows with the
length of a stream; a byte after the end of the archive escapes the DiffID; anything outside the root of a
tree is read, made, changed or removed.

Reading order: `field` (the text and numbers of a header block), `pax` and `sparse` (what stands around it),
`header` (one entry) and `plain` (nearly every one), `extents` (the map of a sparse file in a stream), `scan`
(a stream of entries); `frames`, `gunzip`, `unzstd` and `compression` (bytes under the tar, `behind` the
caller's back), `compressor` (the way back), `verify` (all of it in one pass: what a pull needs to know).

A layer as files: `path` and `whiteout` (what a name means), `limits` (what is too much), `rules` (how it is to
be written), `apply` (one layer), `entries` (each type), `folders` on `openfolders` (the way to each entry),
`whiteouts` (what hides), `filebody`, `attributes`.

Files as a layer: `entry` and `writer` (entries to a tar), `reader` (a tree), `comparison` (what changed),
`diff` (trees to layers).
"""
