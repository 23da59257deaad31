"""The data path: raw files -> columns on disk -> batches."""
