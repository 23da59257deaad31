"""Export of a network for serving: a folder that does not need automtl."""
