"""The tar stream of a layer: headers, totals, compression.

A layer is a tar archive, mostly compressed, that says what one step of an image adds, changes and removes
(image-spec layer.md). This package reads such streams as they come and never holds one whole.

Never: a size, a name or a record of an archive is trusted before it is checked; memory grows with the
length of a stream; a byte after the end of the archive escapes the DiffID.

Reading order: `field` (the text and numbers of a header block), `pax` and `sparse` (what stands around it),
`header` (one entry), `extents` (the map of a sparse file in a stream), `path` and `whiteout` (what its name
means), `scan` (a stream of them), `frames`,
`gunzip`, `unzstd` and `compression` (bytes under the tar, `behind` the caller's back), `compressor` (the way
back), `verify` (all of it in one pass: what a pull needs to know).
"""
