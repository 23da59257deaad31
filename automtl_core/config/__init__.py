"""The configuration of a run, and the folders that it uses."""
