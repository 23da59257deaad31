"""Generated problems with a known truth, small versions of typical data; see `KINDS`."""

from automtl_datasets.synthetic.dataset import KINDS, Synthetic, SyntheticSettings

__all__ = ["KINDS", "Synthetic", "SyntheticSettings"]
