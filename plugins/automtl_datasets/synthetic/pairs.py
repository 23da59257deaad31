"""The kind `pairs`: fields that act alone, and fields that act only in pairs."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from automtl_core.plugin import generator
from automtl_datasets.synthetic.kind import Chance, Ids, Kind, alike


class Pairs(Kind):
    """Fields that act alone, on one group of tasks or on both with opposite signs, or only in pairs.

    `user_id`, `item_id`, `appeal` and `dense_signal` act on both groups with opposite signs, `engage_only`
    and `avoid_only` on one. The fields of a pair act only together: the effect is the product of the signs of
    both values. The two signs are equally frequent, so one field alone is not informative.
    """

    name = "pairs"
    rows = 50_000
    ids: ClassVar[Mapping[str, Ids]] = {
        "user_id": Ids(2000, 0.6),
        "item_id": Ids(1000, 0.9),
        "appeal": Ids(20),
        **dict.fromkeys(("engage_only", "avoid_only"), Ids(12)),
        **dict.fromkeys(("engage_left", "engage_right", "avoid_left", "avoid_right"), Ids(6)),
        "noise_small": Ids(10),
        "noise_large": Ids(500, 0.9),
    }
    numbers = ("dense_signal", "dense_noise")
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "engage": alike(
            {"click": 0.4, "like": 0.15},
            {"user_id": 0.5, "item_id": 0.6, "appeal": 0.7, "dense_signal": 0.6, "engage_only": 0.7},
            {("engage_left", "engage_right"): 0.9},
        ),
        "avoid": alike(
            {"skip": 0.5, "hide": 0.1},
            {"user_id": -0.5, "item_id": -0.6, "appeal": -0.7, "dense_signal": -0.6, "avoid_only": 0.7},
            {("avoid_left", "avoid_right"): 0.9},
        ),
    }
    noise = ("noise_small", "noise_large", "dense_noise")

    def random(self, *purpose: str) -> np.random.Generator:
        """Return the generator of one purpose; its seed does not depend on the name of the kind."""
        return generator(self.seed, "synthetic", *purpose)
