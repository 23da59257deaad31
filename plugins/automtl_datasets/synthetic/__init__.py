"""Generated problems with a known truth, small versions of typical data; see `dataset.KINDS`."""
