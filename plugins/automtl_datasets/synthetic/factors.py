"""Preferences of users for items, as in ratings: products of latent vectors.

Each user and each item has a vector of `RANK` numbers. A group of tasks reads some of its dimensions, see
`READ`: each group has two dimensions for itself, and both groups read two more, with opposite signs. So the
embeddings of one group help the other one, but only with separate weights for each dimension. Besides,

- each user and each item has an effect alone, with opposite signs for the groups;
- the segment of a user and the genre of an item have such vectors too, with only a few values to learn;
- the noise fields have no effect.

A user has fifty rows, an item a hundred, and frequent items far more: enough for a product of embeddings, too
few for a network that has to learn the product from ids.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from automtl_datasets.synthetic.kind import Chance, Floats, Ids, Kind

RANK = 6
READ = {"taste": (1, 1, 1, 1, 0, 0), "regret": (0, 0, -1, -1, 1, 1)}
"""Group -> weight of each dimension."""
TASTES = {("user_id", "item_id"): 1.7, ("segment", "genre"): 0.7}
TASTE = {"user_id": 0.4, "item_id": 0.5, "hour": 0.3}, TASTES
REGRET = {"user_id": -0.4, "item_id": -0.5, "device": 0.3}, TASTES
OWNERS = {"segment": "user_id", "genre": "item_id"}
"""Field -> the id field that determines its value."""


class Factors(Kind):
    """Products of latent vectors of users and items; groups of tasks share some dimensions and conflict."""

    name = "factors"
    rows = 60_000
    ids: ClassVar[Mapping[str, Ids]] = {
        "user_id": Ids(1200, 0.3),
        "item_id": Ids(600, 0.7),
        "segment": Ids(8),
        "genre": Ids(12),
        "hour": Ids(24),
        "device": Ids(4),
        "noise_small": Ids(10),
        "noise_large": Ids(500, 0.9),
    }
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "taste": {"click": Chance(0.4, *TASTE), "like": Chance(0.15, *TASTE)},
        "regret": {"skip": Chance(0.4, *REGRET), "hide": Chance(0.12, *REGRET)},
    }
    noise = ("noise_small", "noise_large")
    user = "user_id"
    constants: ClassVar[Mapping[str, Any]] = {"rank": RANK, "read": READ, "owners": OWNERS}

    def draw(self) -> dict[str, Any]:
        """Draw values; the segment follows from the user, and the genre from the item."""
        drawn = super().draw()
        for field, owner in OWNERS.items():
            among = self.random("values", field, owner)
            drawn[field] = among.integers(self.ids[field].values, size=self.ids[owner].values)[drawn[owner]]
        return drawn

    def together(self, pair: tuple[str, str], group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the product of the vectors of two fields in the dimensions that the group reads."""
        left, right = (self._vectors(field)[drawn[field]] for field in pair)
        weights = np.array(READ[group])
        return np.asarray((left * right) @ weights / np.sqrt(np.sum(weights**2)))

    def _vectors(self, field: str) -> Floats:
        """Draw the vector of each value [V, RANK]; each dimension has mean 0 and deviation 1 over rows."""
        return np.stack([self.effects(field, "dimension", str(d)) for d in range(RANK)], axis=1)
