"""Layers as file systems: each made mountable by itself, stacked by overlay into one view.

Invariants:
- A mountable layer is a cache of its blob: it can be thrown away at any time, and is made again where it is
  missing, damaged, or from before a power cut without having been synced.
- Layers know nothing of each other: they are made in parallel, and every chain that contains one shares it.
  What a chain needs beyond its layers, to look exactly as if they had been applied one after the other, is a
  correcting layer of its own.
- No path of the host is ever made from a name in a layer.

Reading order:
- `form`: the port, what can be mounted
- `overlay`: layers on top of each other
- what a chain means and overlay does not show: `facts` (an entry without its bytes), `walk` and `model`
  (trees of them), `interest` (which paths matter), `entries` (reading tars), `adding` (a layer's entries
  into trees), `difference` (of two trees), `correction` (as a layer), `merge` (the door to these)
- `erofs/`: layers as EROFS files
- `tree`: layers as folders; `treefolder`, `treebuilder`, `treelist` (what they must look like), `treecheck`
  (whether they do)
- `copying`: neither; chains written out, `treecopy` (trees copied)
- `probe` and `trial`: which of these works here
- what a store has: `target` (a layer on its way), `blobtar` (its tar, out of its blob), `layers`, `corrections`
  (those of its chains), `snapshots` (stacked), `copied` (where nothing can be)
"""
