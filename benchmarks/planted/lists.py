"""Lists of items that users see at one moment: their mood moves all rows of a list, and items order them."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from automtl_core.plugin import History
from automtl_datasets.synthetic.history import DAYS
from automtl_datasets.synthetic.kind import Chance, Floats, Ids, Ints, oracle
from planted.base import Kind

Taste = ("user_id", "category")


class Lists(Kind):
    """Effects of a user's mood, which all rows of a list share, and of items, which order the rows of a list.

    A row is an item in a list of 5 to 15 that a user sees one after the other, a second apart. The logit is

        intercept + s m(user, list) + sum_f s_f e_f(value) + s_t t(user) . c(category)

    where the mood m is a random walk over the lists of a user whose deviation remains 1:

        m(k) = r m(k - 1) + sqrt(1 - r^2) z(k)        m(0), z as N(0, 1)

    The mood changes slowly, so that the labels of the latest events tell it; no field does. It says which
    lists have many positive rows, and nothing about their order: inputs from events raise the AUC over all
    rows, and not the AUC within lists. The taste is a product of two vectors of low rank. By default,
    histories hold ten events, about the last list.

    The optimal AUC, and the optimal GAUC of `measured`, use the mood itself and the true effects.
    """

    name = "lists"
    rows = 32_000
    ids: ClassVar[Mapping[str, Ids]] = {
        "user_id": Ids(200),
        "item_id": Ids(150, 0.5),
        "category": Ids(12),
        "price_band": Ids(8),
        "noise_small": Ids(10),
        "noise_large": Ids(500, 0.9),
    }
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "enjoy": {
            "click": Chance(
                0.35, {"mood": 1.8, "item_id": 0.6, "category": 0.4, "price_band": 0.4}, {Taste: 0.5}
            ),
            "like": Chance(
                0.15, {"mood": 1.8, "item_id": 0.6, "category": 0.4, "price_band": 0.4}, {Taste: 0.5}
            ),
        },
        "order": {
            "buy": Chance(
                0.12, {"mood": 1.6, "item_id": -0.5, "category": 0.4, "price_band": -0.7}, {Taste: 0.5}
            )
        },
    }
    noise = ("noise_small", "noise_large")
    user = "user_id"
    time = "time"
    split: ClassVar[Mapping[str, Any]] = {"split": "time", "history_length": 10, "list": "list_id"}
    constants: ClassVar[Mapping[str, Any]] = {
        **DAYS,
        "lengths": (5, 15),
        "apart": 20,  # seconds between moments at which lists can begin
        "correlation": 0.85,  # of the mood of a user in a list and in the next one
        "rank": 2,  # of the taste
    }
    histories = (
        History("past", "user_id", "time", ("item_id", "category", "price_band"), ("click", "like", "buy")),
    )

    @classmethod
    def truth(cls) -> Mapping[str, Any]:
        """Return the last event in place of the mood, of which it tells."""
        told = dict(super().truth())
        for of_task in told["tasks"].values():
            of_task["fields"] = {
                "past:last1" if f == "mood" else f: size for f, size in of_task["fields"].items()
            }
        return told

    def measured(self) -> Mapping[str, Any]:
        """Return the GAUC of the true probabilities within lists, over all rows, by task."""
        frame = self.frame()
        lists = frame["list_id"].to_numpy()
        return {
            "gauc": {
                label.name: _gauc(frame[label.name].to_numpy(), frame[oracle(label.name)].to_numpy(), lists)
                for label in self.labels()
            }
        }

    def draw(self) -> dict[str, Any]:
        """Draw values, and lists with their users, times and moods."""
        drawn = super().draw()
        lengths = self._lengths()
        count = len(lengths)
        numbers = np.repeat(np.arange(count), lengths)
        random, apart = self.random("values", "time"), self.constants["apart"]
        begin = DAYS["start"] + apart * random.choice(DAYS["seconds"] // apart, count, replace=False)
        users = self.random("values", "user_id").integers(self.ids["user_id"].values, size=count)
        place = np.arange(self.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        of_lists = {"user_id": users[numbers], "time": begin[numbers] + place, "list_id": numbers}
        return drawn | of_lists | {"mood": self._moods(users, begin)[numbers]}

    def frame(self) -> pd.DataFrame:
        """Return the rows without the mood, which no one sees."""
        return super().frame().drop(columns="mood")

    def together(self, pair: tuple[str, ...], group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the product of the vectors of two fields."""
        products = []
        for dimension in map(str, range(self.constants["rank"])):
            left, right = (self.effects(field, "dimension", dimension)[drawn[field]] for field in pair)
            products.append(left * right)
        return np.asarray(sum(products) / np.sqrt(len(products)))

    def _lengths(self) -> Ints:
        """Draw the numbers of rows of lists, whose sum is the number of rows, [L]."""
        low, high = self.constants["lengths"]
        random, count = self.random("lengths"), 2 * self.size // (low + high)
        lengths = random.integers(low, high + 1, count)
        while lack := self.size - int(lengths.sum()):
            free = np.flatnonzero(lengths < high if lack > 0 else lengths > low)
            lengths[random.permutation(free)[: abs(lack)]] += np.sign(lack)
        return np.asarray(lengths)

    def _moods(self, users: Ints, begin: Ints) -> Floats:
        """Draw the moods of lists, [L]."""
        r, order = self.constants["correlation"], np.lexsort((begin, users))
        moods = self.random("mood").standard_normal(len(users))
        for before, now in pairwise(order):
            if users[before] == users[now]:
                moods[now] = r * moods[before] + np.sqrt(1 - r**2) * moods[now]
        return moods


def _gauc(labels: Ints, chances: Floats, lists: Ints) -> float:
    """Return the AUC within lists, averaged over lists with both classes, weighted by their rows."""
    ranks = pd.Series(chances).groupby(lists).rank().to_numpy()
    rows, ones = np.bincount(lists), np.bincount(lists, labels)
    pairs = ones * (rows - ones)
    won = np.bincount(lists, labels * ranks) - ones * (ones + 1) / 2
    mixed = pairs > 0
    return float(np.average(won[mixed] / pairs[mixed], weights=rows[mixed]))
