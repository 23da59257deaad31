"""A tabular benchmark: a slice of DESAN, of which every architecture is trained, see README.md."""
