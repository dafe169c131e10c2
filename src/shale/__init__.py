"""shale: a container image engine with no daemon."""
