"""Effects of keys: of the cells of two or three fields, with few rows each, which aggregates tell."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from automtl_datasets.synthetic.kind import Chance, Floats, Ids, Ints, Kind, alike, draw
from automtl_datasets.synthetic.timed import DAYS

Key = tuple[str, ...]
ITEM, ADVERT, SIZE, TASTE = (
    ("item_id", "seller_id"),
    ("advert_id", "query"),
    ("brand", "colour", "size"),
    ("user_id", "category"),
)


class Keys(Kind):
    """Effects of cells: each key has one number for each combination of values that occurs.

    The logit of a row at time t, for fields f with values v and keys k with cells c, is

        intercept + sum_f s_f e_f(v) + sum_k s_k e_k(c, period(t))

    where s are the sizes in `groups`, and e are random with mean 0 and deviation 1 over rows. e_k is constant
    but for `advert_id` x `query`. There it is a random walk over periods, whose deviation remains 1:

        e_k(c, p) = r e_k(c, p - 1) + sqrt(1 - r^2) z(c, p)        z(c, p) as e_k(c, 0)

    A key has about 6000 cells of 6 to 30 rows, far fewer than there are combinations of its values. No field
    of a key has an effect alone: e_k has mean 0 over the rows of each value. Only pairs of the fields of the
    triple have one: their cells have few triples. Decoys without an effect are `city`, which follows from the
    user and has none with the category either, and two fields that are blank in 99 % of the rows.
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
            {"hour": 0.4, "device": 0.5},
            {ITEM: 0.7, ADVERT: 0.7, SIZE: 0.7, TASTE: 0.7},
        ),
        "order": alike(
            {"cart": 0.3}, {"hour": 0.3, "device": -0.5}, {ITEM: 0.7, ADVERT: 0.7, SIZE: -0.7, TASTE: 0.8}
        ),
    }
    noise = ("city", "coupon", "referrer", "noise_large")
    user = "user_id"
    time = "time"
    split: ClassVar[Mapping[str, Any]] = {"split": "time"}
    constants: ClassVar[Mapping[str, Any]] = {
        "cells": 6000,
        "exponent": 0.4,  # of the Zipf frequencies of cells
        "changing": [ADVERT],
        "periods": 20,
        "correlation": 0.95,  # of the effects of a cell in a period and in the next one
        "blank": {"coupon": 0.99, "referrer": 0.99},  # field -> share of the rows
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
        for key in (ITEM, ADVERT, SIZE, TASTE):
            cells, frequencies = self._cells(key)
            places = cells[draw(self.random("values", *key), frequencies, self.size)]
            drawn |= dict(zip(key, self._values(key, places), strict=True))
        for field, share in self.constants["blank"].items():
            drawn[field] *= self.random("blank", field).random(self.size) >= share
        time = DAYS["start"] + self.random("values", "time").integers(DAYS["seconds"], size=self.size)
        return drawn | {"city": self._city(drawn["user_id"]), "hour": time // 3600 % 24, "time": time}

    def together(self, key: Key, group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the effect of the cell of a key in the period of the row."""
        cells, frequencies = self._cells(key)
        sizes = [self.ids[field].values for field in key]
        cell = np.searchsorted(cells, np.ravel_multi_index([drawn[field] for field in key], sizes))
        values = dict(zip(key, self._values(key, cells), strict=True))
        without = [*values.values()]
        if key == TASTE:
            without.append(self._city(values["user_id"]) * self.ids["category"].values + values["category"])
        random, r = self.random("effects", *key), self.constants["correlation"]
        effects = [_effects_of_cells(random, frequencies, without)]
        if key not in self.constants["changing"]:
            return effects[0][cell]
        for _ in range(1, self.constants["periods"]):
            step = _effects_of_cells(random, frequencies, without)
            effects.append(r * effects[-1] + np.sqrt(1 - r**2) * step)
        period = (drawn["time"] - DAYS["start"]) * self.constants["periods"] // DAYS["seconds"]
        return np.stack(effects)[period, cell]

    def names(self, field: str) -> Any:
        """Return the text of each value, None for blank."""
        names = super().names(field)
        names[: field in self.constants["blank"]] = None
        return names

    def _cells(self, key: Key) -> tuple[Ints, Floats]:
        """Draw the cells of a key, numbers of combinations in ascending order, and their frequencies."""
        random, count = self.random("cells", *key), self.constants["cells"]
        sizes = [self.ids[field].values for field in key]
        cells = np.unique(np.ravel_multi_index([random.permutation(count) % size for size in sizes], sizes))
        return cells, random.permutation(Ids(len(cells), self.constants["exponent"]).frequencies)

    def _values(self, key: Key, cells: Ints) -> tuple[Ints, ...]:
        """Return the values of cells in each field of a key."""
        return np.unravel_index(cells, [self.ids[field].values for field in key])

    def _city(self, users: Ints) -> Ints:
        """Return the cities of users."""
        of_users = self.random("values", "city", "user_id")
        return of_users.integers(self.ids["city"].values, size=self.ids["user_id"].values)[users]


def _effects_of_cells(random: np.random.Generator, frequencies: Floats, without: list[Ints]) -> Floats:
    """Draw the effect of each cell, with deviation 1 over rows, and mean 0 in each group of some divisions."""
    drawn = random.standard_normal(len(frequencies))
    for _ in range(100):
        for groups in without:
            total = np.bincount(groups, frequencies * drawn)
            drawn -= (total / np.maximum(np.bincount(groups, frequencies), 1e-300))[groups]
    return np.asarray(drawn / np.sqrt(frequencies @ drawn**2))
