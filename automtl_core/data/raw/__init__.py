"""Raw files as their publishers lay them out become typed tables."""
