"""The run directory: the files of a run, and the facts in them."""
