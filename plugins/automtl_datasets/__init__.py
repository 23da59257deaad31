"""Public multi-task datasets, and one that is generated."""
