"""New items, which only their pretrained vectors describe: the cold start.

The time has ten periods with equally many rows. Half of the rows of a period have one of its new items, the
others an older one; in the first period all items are new. The last period is the test part, so half of its
rows have items that no training row has. The effect of an item is a linear function of its vector, with other
weights for each group of tasks, and a smaller part that its vector does not tell. The hour has an effect too;
the user and the noise field have none.

`time` is the number of a row, and is not a field. By default, the split is by time.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automtl_datasets.synthetic.kind import Chance, Floats, Ids, Kind, scaled

PERIODS, NEW, WIDTH = 10, 40, 16
"""Periods, new items of a period, and numbers of a vector."""
VECTOR = "item_id:vector"
EFFECTS = {VECTOR: 1.2, "item_id": 0.4, "hour": 0.3}


class Cold(Kind):
    """Effects of items by their vectors; half of the test rows have items that are new."""

    name = "cold"
    rows = 40_000
    ids: ClassVar[Mapping[str, Ids]] = {
        "user_id": Ids(800, 0.3),
        "item_id": Ids(PERIODS * NEW),
        "hour": Ids(24),
        "noise": Ids(50),
    }
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "visit": {"click": Chance(0.4, EFFECTS)},
        "order": {"cart": Chance(0.2, EFFECTS), "buy": Chance(0.1, EFFECTS)},
    }
    noise = ("user_id", "noise")
    user = "user_id"
    time = "time"
    split: ClassVar[Mapping[str, Any]] = {"split": "time"}
    constants: ClassVar[Mapping[str, Any]] = {"periods": PERIODS, "new": NEW, "width": WIDTH}
    vector_of = "item_id"

    def draw(self) -> dict[str, Any]:
        """Draw values, and for each row a new or an older item."""
        time = np.arange(self.size)
        period = time * PERIODS // self.size
        random = self.random("values", "item_id")
        new = random.random(self.size) < 0.5
        older = (random.random(self.size) * period * NEW).astype(np.int64)
        newest = period * NEW + random.integers(0, NEW, self.size)
        return super().draw() | {"item_id": np.where(new | (period == 0), newest, older), "time": time}

    def vectors(self) -> NDArray[np.float64]:
        """Draw the vector of each item, [V, WIDTH]."""
        return self.random("vectors").standard_normal((PERIODS * NEW, WIDTH))

    def alone(self, field: str, group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the effect of a field, or that of the vectors of items on a group."""
        if field != VECTOR:
            return super().alone(field, group, drawn)
        weights = self.random("effects", VECTOR, group).standard_normal(WIDTH)
        return np.asarray(scaled(self.vectors() @ weights)[drawn["item_id"]])
