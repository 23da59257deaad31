"""Effects of keys: of combinations of values of two or three fields, with few rows each."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automtl_datasets.synthetic.history import DAYS
from automtl_datasets.synthetic.kind import Chance, Floats, Ids, Ints, alike, draw, zipf
from planted.base import Kind

Key = tuple[str, ...]
OFFER, SEARCH, VARIANT, TASTE = (
    ("item_id", "seller_id"),
    ("advert_id", "query"),
    ("brand", "colour", "size"),
    ("user_id", "category"),
)
SWEEPS = 40
"""Number of times that the means of all groups are removed from effects, one division after another."""


class Keys(Kind):
    """Effects of cells, the combinations of values of a key that occur. A key has two or three fields.

    The logit of a row at time t, for fields f with values v and keys k with cells c, is

        intercept + sum_f s_f e_f(v) + sum_k s_k e_k(c, period(t))

    where s are the sizes in `groups`, and e are random with mean 0 and deviation 1 over rows. e_k is the same
    in all periods, except for `advert_id` x `query`, where it is a random walk whose deviation remains 1:

        e_k(c, p) = r e_k(c, p - 1) + sqrt(1 - r^2) z(c, p)        z(c, p) as e_k(c, 0)

    A key has about 6000 cells of 6 to 30 rows, far fewer than there are combinations of its values. No field
    of a key has an effect alone: e_k has mean 0 over the rows of each value. A pair of fields of the triple
    has a weaker one, because few triples share its cell. Decoys without an effect are `city`, which follows
    from the user and has none with the category either, and two fields that are blank in 99 % of the rows.

    The optimal AUC uses the true effects, which the few rows of a cell do not determine.
    """

    name = "keys"
    rows = 75_000
    ids: ClassVar[Mapping[str, Ids]] = {
        "item_id": Ids(2000),
        "seller_id": Ids(1500),
        "advert_id": Ids(2000),
        "query": Ids(1500),
        "brand": Ids(60),
        "colour": Ids(30),
        "size": Ids(20),
        "user_id": Ids(1500),
        "category": Ids(30),
        "hour": Ids(24),
        "device": Ids(6),
        "city": Ids(40),
        "coupon": Ids(50),
        "referrer": Ids(200),
        "noise_large": Ids(500, 0.9),
    }
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "visit": alike(
            {"click": 0.4, "like": 0.2},
            {"hour": 0.5, "device": 0.6},
            {OFFER: 0.6, SEARCH: 0.7, VARIANT: 0.6, TASTE: 0.6},
        ),
        "order": alike(
            {"cart": 0.3}, {"hour": 0.5, "device": -0.6}, {OFFER: 0.6, SEARCH: 0.7, VARIANT: -0.6, TASTE: 0.6}
        ),
    }
    noise = ("city", "coupon", "referrer", "noise_large")
    user = "user_id"
    time = "time"
    split: ClassVar[Mapping[str, Any]] = {"split": "time"}
    constants: ClassVar[Mapping[str, Any]] = {
        "cells": 6000,
        "exponent": 0.4,  # of the Zipf frequencies of cells
        "changing": [SEARCH],
        "periods": 20,
        "correlation": 0.95,  # of the effects of a cell in a period and in the next one
        "blank": ("coupon", "referrer"),
        "share": 0.99,  # of blank rows
        **DAYS,
    }

    @classmethod
    def truth(cls) -> Mapping[str, Any]:
        """Return also, for each task, the keys whose effects change."""
        changing = [list(key) for key in cls.constants["changing"]]
        return {**super().truth(), "changing": dict.fromkeys(cls.tasks(), changing)}

    def draw(self) -> dict[str, Any]:
        """Draw a cell of each key, the time, and all other values."""
        drawn = super().draw()
        for key in (OFFER, SEARCH, VARIANT, TASTE):
            cells, frequencies = self._cells(key)
            drawn |= self._values(key, cells[draw(self.random("values", *key), frequencies, self.size)])
        for field in self.constants["blank"]:
            drawn[field] *= self.random("blank", field).random(self.size) >= self.constants["share"]
        time = DAYS["start"] + self.random("values", "time").integers(DAYS["seconds"], size=self.size)
        return drawn | {"city": self._cities(drawn["user_id"]), "hour": time // 3600 % 24, "time": time}

    def together(self, key: Key, group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the effect of the cell of a key in the period of the row."""
        cells, frequencies = self._cells(key)
        values, width = self._values(key, cells), self.ids["category"].values
        divisions = [*values.values()]
        if key == TASTE:
            divisions.append(self._cities(values["user_id"]) * width + values["category"])
        random, changing = self.random("effects", *key), key in self.constants["changing"]
        count, r = self.constants["periods"] if changing else 1, self.constants["correlation"]
        effects = [_effects(random, frequencies, divisions) for _ in range(count)]  # [periods, C]
        for before, now in pairwise(effects):
            now[:] = r * before + np.sqrt(1 - r**2) * now
        period = (drawn["time"] - DAYS["start"]) * count // DAYS["seconds"]
        return np.asarray(np.stack(effects)[period, np.searchsorted(cells, self._numbers(key, drawn))])

    def names(self, field: str) -> NDArray[np.object_]:
        """Return the text of each value [V]; the first one of some fields is blank."""
        names = super().names(field)
        if field in self.constants["blank"]:
            names[0] = None
        return names

    def _cells(self, key: Key) -> tuple[Ints, Floats]:
        """Draw the cells that occur, as ascending numbers of combinations [C], and their frequencies."""
        random, count = self.random("cells", *key), self.constants["cells"]
        values = {field: random.permutation(count) % self.ids[field].values for field in key}
        cells = np.unique(self._numbers(key, values))
        return cells, random.permutation(zipf(len(cells), self.constants["exponent"]))

    def _numbers(self, key: Key, values: Mapping[str, Ints]) -> Ints:
        """Return the numbers of combinations of values."""
        sizes = [self.ids[field].values for field in key]
        return np.ravel_multi_index([values[field] for field in key], sizes)

    def _values(self, key: Key, numbers: Ints) -> dict[str, Ints]:
        """Return the values of combinations."""
        sizes = [self.ids[field].values for field in key]
        return dict(zip(key, np.unravel_index(numbers, sizes), strict=True))

    def _cities(self, users: Ints) -> Ints:
        """Return the cities of users."""
        random = self.random("values", "city", "user_id")
        return random.integers(self.ids["city"].values, size=self.ids["user_id"].values)[users]


def _effects(random: np.random.Generator, frequencies: Floats, divisions: Sequence[Ints]) -> Floats:
    """Draw the effect of each cell [C], with deviation 1 over rows, and mean 0 in each group of divisions."""
    drawn = random.standard_normal(len(frequencies))
    for _ in range(SWEEPS):
        for groups in divisions:
            total, share = (np.bincount(groups, weights) for weights in (frequencies * drawn, frequencies))
            drawn -= total[groups] / share[groups]
    return np.asarray(drawn / np.sqrt(frequencies @ drawn**2))
