"""`make bench`: shale and its peers, measured in turn on the same work.

Reading order: `cost` (what one run of a program takes), `disk` (where stores lie), `contest` (rounds, medians,
ratios), `stage` (what rows find ready), the rows themselves (`transfers`, `listings`, `serving` with `load` as
their client, `containers` with `corpus` and `tree_pull`), `footprint` (disk, not time), `figures`, `report`.

Never: the figures of one contestant from another round than those of the others, or from a store that
something else has used.
"""
