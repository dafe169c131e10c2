"""Values of the OCI specifications: digests, descriptors, manifests, configs, platforms, references.

Pure values: nothing here does input or output, and nothing here keeps state. Documents are read with
limits and never written again: the bytes that were received are the document, the value is a view of them.

Never: a digest, a size or a name from outside is used before a parser of this package has accepted it.

Reading order: `digest`, `mediatype`, `document`, `descriptor`, `architecture`, `platform`, `manifest`,
`config`, `pattern`, `reference`.
Specifications: image-spec 1.1 (all), distribution-spec 1.1 (names), distribution/reference (grammar).
"""
