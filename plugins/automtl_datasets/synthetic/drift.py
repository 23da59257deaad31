"""Effects of ids that change over time, and others that stay.

The effect of a value rotates from one random effect to another, independent one: at time t in [0, 1] it is
cos(a t) of the first plus sin(a t) of the second, where a is the angle of its field (`TURNS`). The effect of
`item_id` rotates by a quarter of a circle, so older rows are less informative. The effect of `campaign`
rotates by three quarters of a circle, only for the group `browse`: its effects in the first rows are the
opposite of those in the last rows, which are for validation and the test. `browse` is therefore predicted
better without this field, and `order`, for which its effect is constant, better with it. User, category, hour
and price band have constant effects, also in pairs. The noise fields have no effect.

The optimal AUC uses the effects at the time of each row, which past rows do not determine.
Rows are spread evenly over sixty days. `time` is in seconds and is not a field. The default split is by time:
with a random split, models would be trained on rows of the same days.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from automtl_datasets.synthetic.kind import Chance, Floats, Ids, Kind

START, SECONDS = 1_700_000_000, 60 * 86_400
HOURS = 24
TURNS = {"browse": {"item_id": np.pi / 2, "campaign": 1.5 * np.pi}, "order": {"item_id": np.pi / 2}}
"""Group -> field -> angle by which its effects rotate from the first to the last row."""
BROWSE = (
    {"user_id": 0.4, "item_id": 0.8, "campaign": 0.8, "category": 0.5, "hour": 0.3},
    {("category", "hour"): 0.5},
)
ORDER = (
    {"user_id": 0.4, "item_id": -0.6, "campaign": 0.6, "category": -0.5, "price_band": 0.5},
    {("category", "price_band"): 0.5},
)


class Drift(Kind):
    """Effects of items and campaigns that change over time, and constant ones."""

    name = "drift"
    rows = 60_000
    ids: ClassVar[Mapping[str, Ids]] = {
        "user_id": Ids(2000, 0.5),
        "item_id": Ids(600, 0.8),
        "campaign": Ids(40, 0.3),
        "category": Ids(16),
        "hour": Ids(HOURS),
        "price_band": Ids(8),
        "noise_small": Ids(10),
        "noise_large": Ids(500, 0.9),
    }
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "browse": {"click": Chance(0.4, *BROWSE), "like": Chance(0.12, *BROWSE)},
        "order": {"cart": Chance(0.3, *ORDER), "buy": Chance(0.1, *ORDER)},
    }
    noise = ("noise_small", "noise_large")
    user = "user_id"
    time = "time"
    split: ClassVar[Mapping[str, Any]] = {"split": "time"}
    constants: ClassVar[Mapping[str, Any]] = {"turns": TURNS, "start": START, "seconds": SECONDS}

    @classmethod
    def truth(cls) -> Mapping[str, Any]:
        """Return also, for each task, the fields whose effects change, and their angles."""
        truth = super().truth()
        changing = {task: TURNS[group] for group, tasks in cls.groups.items() for task in tasks}
        return {**truth, "changing": changing}

    def draw(self) -> dict[str, Any]:
        """Draw values and times; the hour follows from the time."""
        drawn = super().draw()
        time = START + self.random("values", "time").integers(SECONDS, size=self.size)
        return drawn | {"hour": time // 3600 % HOURS, "time": time}

    def alone(self, field: str, group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the effect of a value at the time of the row."""
        first = super().alone(field, group, drawn)
        if field not in TURNS[group]:
            return first
        angle = TURNS[group][field] * (drawn["time"] - START) / SECONDS
        last = self.effects(field, "last")[drawn[field]]
        return np.asarray(np.cos(angle) * first + np.sin(angle) * last)
