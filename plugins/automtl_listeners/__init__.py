"""A listener that records the progress of runs in TensorBoard."""
