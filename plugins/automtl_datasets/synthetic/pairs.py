"""Fields that matter for one group of tasks, alone or only in pairs, and noise.

There are two groups of two tasks. The logit of a task is a sum of effects of the fields of its group:

- `user_id`, `item_id`, `appeal` and `dense_signal` act on both groups with opposite signs;
- `engage_only` and `avoid_only` act on one group;
- the fields of a pair act only together: the effect is the product of the signs of both values. The two signs
  are equally frequent, so one field alone is not informative;
- the noise fields have no effect.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from automtl_core.seeds import generator
from automtl_datasets.synthetic.kind import Chance, Floats, Ids, Kind

BOTH = {"user_id": 0.5, "item_id": 0.6, "appeal": 0.7, "dense_signal": 0.6}
ENGAGE = BOTH | {"engage_only": 0.7}, {("engage_left", "engage_right"): 0.9}
AVOID = (
    {field: -size for field, size in BOTH.items()} | {"avoid_only": 0.7},
    {("avoid_left", "avoid_right"): 0.9},
)


class Pairs(Kind):
    """Fields that act alone, on one group of tasks or on both with opposite signs, or only in pairs."""

    name = "pairs"
    rows = 50_000
    ids: ClassVar[Mapping[str, Ids]] = {
        "user_id": Ids(2000, 0.6),
        "item_id": Ids(1000, 0.9),
        "appeal": Ids(20),
        "engage_only": Ids(12),
        "avoid_only": Ids(12),
        "engage_left": Ids(6),
        "engage_right": Ids(6),
        "avoid_left": Ids(6),
        "avoid_right": Ids(6),
        "noise_small": Ids(10),
        "noise_large": Ids(500, 0.9),
    }
    numbers = ("dense_signal", "dense_noise")
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "engage": {"click": Chance(0.4, *ENGAGE), "like": Chance(0.15, *ENGAGE)},
        "avoid": {"skip": Chance(0.5, *AVOID), "hide": Chance(0.1, *AVOID)},
    }
    noise = ("noise_small", "noise_large", "dense_noise")

    def together(self, pair: tuple[str, str], group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the product of the signs of both values."""
        left, right = (1.0 - 2 * (drawn[field] % 2) for field in pair)
        return np.asarray(left * right)

    def random(self, *purpose: str) -> np.random.Generator:
        """Return the generator of one purpose; unlike other kinds, its seed does not depend on the name."""
        return generator(self.seed, "synthetic", *purpose)
