"""The commands that work on one dataset."""
