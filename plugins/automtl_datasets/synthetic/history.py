"""The kind `history`: effects of earlier events."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from automtl_core.plugin import History
from automtl_datasets.synthetic.kind import Chance, Floats, Ids, Kind, alike, scaled

DAYS: Mapping[str, Any] = {"start": 1_700_000_000, "seconds": 60 * 86_400}
"""The times of rows, in seconds: sixty days."""


class Histories(Kind):
    """Effects of the last event of the user, and of earlier events with the row's category.

    Two things before a row have an effect: whether the user opened the item of the last event, and the number
    of the last ten events with the row's category. The groups have opposite effects of the first, and `order`
    has a stronger one of the second. Older events have no effect, and neither have the items and campaigns of
    events, nor the outcome `scrolled`. Item, category and hour have effects too; the user has none.

    `opened` and `scrolled` become known after the row: they are outcomes of events, not fields. Rows are
    spread over `DAYS`, at different seconds. By default, histories hold ten events.
    """

    name = "history"
    rows = 60_000
    ids: ClassVar[Mapping[str, Ids]] = {
        "user_id": Ids(1500, 0.3),
        "item_id": Ids(60, 0.5),
        "category": Ids(12),
        "campaign": Ids(40, 0.3),
        "hour": Ids(24),
        "noise_small": Ids(10),
        "noise_large": Ids(500, 0.9),
    }
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "visit": alike(
            {"click": 0.4, "like": 0.12},
            {"item_id": 0.5, "category": 0.4, "hour": 0.3, "past:last1": 0.8, "past:category": 0.5},
        ),
        "order": alike(
            {"cart": 0.3, "buy": 0.1},
            {"item_id": -0.5, "category": 0.4, "past:last1": -0.6, "past:category": 0.9},
        ),
    }
    noise = ("user_id", "campaign", "noise_small", "noise_large")
    user = "user_id"
    time = "time"
    split: ClassVar[Mapping[str, Any]] = {"split": "time", "history_length": 10}
    constants: ClassVar[Mapping[str, Any]] = {**DAYS, "length": 10}
    histories = (
        History("past", "user_id", "time", ("item_id", "category", "campaign"), ("opened", "scrolled")),
    )

    def draw(self) -> dict[str, Any]:
        """Draw values, different times, and what was done after each row."""
        drawn = super().draw()
        time = DAYS["start"] + self.random("values", "time").choice(DAYS["seconds"], self.size, replace=False)
        outcomes = self.histories[0].outcomes
        done = {name: self.random("values", name).integers(0, 2, self.size) for name in outcomes}
        return drawn | {"hour": time // 3600 % 24, "time": time, **done}

    def alone(self, field: str, group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the effect of a field, or of earlier events."""
        if not field.startswith("past:"):
            return super().alone(field, group, drawn)
        is_last = field == "past:last1"
        order = np.lexsort((drawn["time"], drawn["user_id"]))
        user, category = drawn["user_id"][order], drawn["category"][order]
        effect = np.zeros(self.size)
        for lag in range(1, 2 if is_last else self.constants["length"] + 1):
            same = user[lag:] == user[:-lag]
            if is_last:
                effect[lag:] += same * np.where(drawn["opened"][order][:-lag], 1.0, -1.0)
            else:
                effect[lag:] += same & (category[lag:] == category[:-lag])
        by_row = np.empty(self.size)
        by_row[order] = scaled(effect)
        return by_row
