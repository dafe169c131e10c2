"""Archives: images outside a store and a registry, as folders and tar files.

Two forms, and one that is both: the OCI image layout (image-spec image-layout.md) as a folder or a tar of it;
`docker save`'s tar, whose `manifest.json` names config and layers by their place in the tar; and what docker
writes since version 25 and we write too, a tar that has both.

Never: a name in an archive becomes a path (names are keys of a table of byte ranges, or opened component by
component below one folder without following links); a digest is believed before its bytes were hashed; a
document is read before its size is known to be small; an index names a blob that is not there yet.

Reading order: `members` (files of an archive by name), `tartable` and `folder` (where members are),
`expand` and `opening` (from what a person has to members), `contents` (members as a `Source` of images),
`layout` and `dockersave` (which images there are), `reading` (both as one), `load`; for writing `index`,
`tarstream`, `tarlanding`, `layoutfolder`, `outfile`.
"""
