"""Problems that depend on time: effects that drift, and new items.

`time` is no field, and the split is by time by default: with a random split, models would be trained on rows
of the same days. The noise fields of all have no effect.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automtl_datasets.synthetic.history import DAYS
from automtl_datasets.synthetic.kind import Chance, Floats, Ids, alike, scaled
from planted.base import Kind


class Drift(Kind):
    """Effects of items and campaigns that change over time, and constant ones.

    The effect of a value rotates from one random effect to another, independent one: at time t in [0, 1] it
    is cos(a t) of the first plus sin(a t) of the second, where a is the angle of its field. The effect of
    `item_id` rotates by a quarter of a circle, so older rows are less informative. The effect of `campaign`
    rotates by three quarters of a circle, only for the group `browse`: its effects in the first rows are the
    opposite of those in the last rows, which are for validation and the test. `browse` is therefore predicted
    better without this field, and `order`, for which its effect is constant, better with it. User, category,
    hour and price band have constant effects, also in pairs.

    The optimal AUC uses the effects at the time of each row, which past rows do not determine. Rows are
    spread evenly over `DAYS`.
    """

    name = "drift"
    rows = 60_000
    ids: ClassVar[Mapping[str, Ids]] = {
        "user_id": Ids(2000, 0.5),
        "item_id": Ids(600, 0.8),
        "campaign": Ids(40, 0.3),
        "category": Ids(16),
        "hour": Ids(24),
        "price_band": Ids(8),
        "noise_small": Ids(10),
        "noise_large": Ids(500, 0.9),
    }
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "browse": alike(
            {"click": 0.4, "like": 0.12},
            {"user_id": 0.4, "item_id": 0.8, "campaign": 0.8, "category": 0.5, "hour": 0.3},
            {("category", "hour"): 0.5},
        ),
        "order": alike(
            {"cart": 0.3, "buy": 0.1},
            {"user_id": 0.4, "item_id": -0.6, "campaign": 0.6, "category": -0.5, "price_band": 0.5},
            {("category", "price_band"): 0.5},
        ),
    }
    noise = ("noise_small", "noise_large")
    user = "user_id"
    time = "time"
    split: ClassVar[Mapping[str, Any]] = {"split": "time"}
    constants: ClassVar[Mapping[str, Any]] = {
        # Group -> field -> angle by which its effects rotate from the first to the last row.
        "turns": {"browse": {"item_id": np.pi / 2, "campaign": 1.5 * np.pi}, "order": {"item_id": np.pi / 2}},
        **DAYS,
    }

    @classmethod
    def truth(cls) -> Mapping[str, Any]:
        """Return also, for each task, the fields whose effects change, and their angles."""
        turns = cls.constants["turns"]
        return {
            **super().truth(),
            "changing": {task: turns[group] for group, tasks in cls.groups.items() for task in tasks},
        }

    def draw(self) -> dict[str, Any]:
        """Draw values and times; the hour follows from the time."""
        drawn = super().draw()
        time = DAYS["start"] + self.random("values", "time").integers(DAYS["seconds"], size=self.size)
        return drawn | {"hour": time // 3600 % 24, "time": time}

    def alone(self, field: str, group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the effect of a value at the time of the row."""
        first = super().alone(field, group, drawn)
        turns = self.constants["turns"][group]
        if field not in turns:
            return first
        angle = turns[field] * (drawn["time"] - DAYS["start"]) / DAYS["seconds"]
        last = self.effects(field, "last")[drawn[field]]
        return np.asarray(np.cos(angle) * first + np.sin(angle) * last)


class Cold(Kind):
    """New items, which only their pretrained vectors describe: the cold start.

    The time has ten periods with equally many rows. Half of the rows of a period have one of its new items,
    the others an older one; in the first period all items are new. The last period is the test part, so half
    of its rows have items that no training row has. The effect of an item is a linear function of its vector,
    with other weights for each group of tasks, and a smaller part that its vector does not tell. The hour has
    an effect too; the user has none. `time` is the number of a row.
    """

    name = "cold"
    rows = 40_000
    ids: ClassVar[Mapping[str, Ids]] = {
        "user_id": Ids(800, 0.3),
        "item_id": Ids(400),
        "hour": Ids(24),
        "noise": Ids(50),
    }
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "visit": alike({"click": 0.4}, {"item_id:vector": 1.2, "item_id": 0.4, "hour": 0.3}),
        "order": alike({"cart": 0.2, "buy": 0.1}, {"item_id:vector": 1.2, "item_id": 0.4, "hour": 0.3}),
    }
    noise = ("user_id", "noise")
    user = "user_id"
    time = "time"
    split: ClassVar[Mapping[str, Any]] = {"split": "time"}
    # Periods, new items of a period, and numbers of a vector.
    constants: ClassVar[Mapping[str, Any]] = {"periods": 10, "new": 40, "width": 16}
    vector_of = "item_id"

    def draw(self) -> dict[str, Any]:
        """Draw values, and for each row a new or an older item."""
        count = self.constants["new"]
        time = np.arange(self.size)
        period = time * self.constants["periods"] // self.size
        random = self.random("values", "item_id")
        new = random.random(self.size) < 0.5
        older = (random.random(self.size) * period * count).astype(np.int64)
        newest = period * count + random.integers(0, count, self.size)
        return super().draw() | {"item_id": np.where(new | (period == 0), newest, older), "time": time}

    def vectors(self) -> NDArray[np.float64]:
        """Draw the vector of each item, [V, width]."""
        return self.random("vectors").standard_normal((self.ids["item_id"].values, self.constants["width"]))

    def alone(self, field: str, group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the effect of a field, or that of the vectors of items on a group."""
        if field != "item_id:vector":
            return super().alone(field, group, drawn)
        weights = self.random("effects", field, group).standard_normal(self.constants["width"])
        return np.asarray(scaled(self.vectors() @ weights)[drawn["item_id"]])
