"""The commands, one file each; `cli.tree` says which is where."""
