"""Rare labels, and ids with long tails: a funnel of click, cart and buy, and a report that opposes it.

There is no cart without a click and no buy without a cart, so the effects on one task apply to the tasks
after it too. `slot` increases clicks, but decreases carts after a click. Most users have too few rows to
learn their effects. Items are more informative, because few of them make up most rows, and fields with few
values are the most informative. `category` and `slot` act on the report with the opposite sign. The noise
fields have no effect.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from automtl_datasets.synthetic.kind import Chance, Ids, Kind


class Rare(Kind):
    """Positive rates of 0.4 to 2 % and ids with long tails; a funnel of three tasks, and an opposed task."""

    name = "rare"
    rows = 120_000
    ids: ClassVar[Mapping[str, Ids]] = {
        "user_id": Ids(10_000, 0.5),
        "item_id": Ids(5000, 1.0),
        "seller_id": Ids(300, 0.8),
        "category": Ids(20, 0.5),
        "slot": Ids(8),
        "hour": Ids(8),
        "price_band": Ids(6),
        "member": Ids(3),
        "noise_small": Ids(10),
        "noise_large": Ids(2000, 0.9),
    }
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "funnel": {
            "click": Chance(
                0.02,
                {"user_id": 0.3, "item_id": 0.5, "category": 0.6, "slot": 0.7},
                {("category", "hour"): 0.7},
            ),
            "cart": Chance(0.008, {"price_band": 0.7, "slot": -0.3}),
            "buy": Chance(0.004, {"member": 0.8}),
        },
        "against": {
            "report": Chance(0.01, {"user_id": 0.3, "seller_id": 0.8, "category": -0.6, "slot": -0.6})
        },
    }
    after: ClassVar[Mapping[str, str]] = {"cart": "click", "buy": "cart"}
    noise = ("noise_small", "noise_large")
    user = "user_id"
    split: ClassVar[Mapping[str, Any]] = {"validation_fraction": 0.25, "test_fraction": 0.25}
