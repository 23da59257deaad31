"""Effects of earlier events of the user, beside those of fields.

Two things before a row have an effect: whether the user opened the item of the last event, and the number of
the last ten events with the row's category. The groups have opposite effects of the first, and `order` has a
stronger one of the second. Older events have no effect, and neither have the items and campaigns of events,
nor the outcome `scrolled`. Item, category and hour have effects too; the user and the noise fields have none.

`opened` and `scrolled` become known after the row: they are outcomes of events, not fields. Rows are spread
over sixty days, at different seconds. `time` is in seconds and is not a field. By default, the split is by
time, and histories hold ten events.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from automtl_core.dataset.history import History
from automtl_datasets.synthetic.drift import HOURS, SECONDS, START
from automtl_datasets.synthetic.kind import Chance, Floats, Ids, Kind, scaled

LENGTH = 10
"""Number of latest events that may have an effect."""
LAST, COUNT = "past:last1", "past:category"
"""Effects of the last event, and of the events with the row's category, by the names of inputs."""
OUTCOMES = ("opened", "scrolled")
VISIT = {"item_id": 0.5, "category": 0.4, "hour": 0.3, LAST: 0.8, COUNT: 0.5}
ORDER = {"item_id": -0.5, "category": 0.4, LAST: -0.6, COUNT: 0.9}


class Histories(Kind):
    """Effects of the last event, and of earlier events with the row's category."""

    name = "history"
    rows = 60_000
    ids: ClassVar[Mapping[str, Ids]] = {
        "user_id": Ids(1500, 0.3),
        "item_id": Ids(60, 0.5),
        "category": Ids(12),
        "campaign": Ids(40, 0.3),
        "hour": Ids(HOURS),
        "noise_small": Ids(10),
        "noise_large": Ids(500, 0.9),
    }
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "visit": {"click": Chance(0.4, VISIT), "like": Chance(0.12, VISIT)},
        "order": {"cart": Chance(0.3, ORDER), "buy": Chance(0.1, ORDER)},
    }
    noise = ("user_id", "campaign", "noise_small", "noise_large")
    user = "user_id"
    time = "time"
    split: ClassVar[Mapping[str, Any]] = {"split": "time", "history_length": LENGTH}
    constants: ClassVar[Mapping[str, Any]] = {"start": START, "seconds": SECONDS, "length": LENGTH}
    histories = (History("past", "user_id", "time", ("item_id", "category", "campaign"), OUTCOMES),)

    def draw(self) -> dict[str, Any]:
        """Draw values, different times, and what was done after each row."""
        drawn = super().draw()
        time = START + self.random("values", "time").choice(SECONDS, self.size, replace=False)
        done = {name: self.random("values", name).integers(0, 2, self.size) for name in OUTCOMES}
        return drawn | {"hour": time // 3600 % HOURS, "time": time, **done}

    def alone(self, field: str, group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the effect of a field, or of earlier events."""
        if field not in (LAST, COUNT):
            return super().alone(field, group, drawn)
        order = np.lexsort((drawn["time"], drawn["user_id"]))
        user, category = drawn["user_id"][order], drawn["category"][order]
        effect = np.zeros(self.size)
        for lag in range(1, 2 if field == LAST else LENGTH + 1):
            same = user[lag:] == user[:-lag]
            if field == LAST:
                effect[lag:] += same * np.where(drawn["opened"][order][:-lag], 1.0, -1.0)
            else:
                effect[lag:] += same & (category[lag:] == category[:-lag])
        by_row = np.empty(self.size)
        by_row[order] = scaled(effect)
        return by_row
