"""Generated problems with known answers, small versions of what users bring; see `KINDS`."""

from automtl_datasets.synthetic.dataset import KINDS, Synthetic, SyntheticSettings

__all__ = ["KINDS", "Synthetic", "SyntheticSettings"]
