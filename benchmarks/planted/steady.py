"""Problems whose effects do not depend on the time of a row. The noise fields of all have no effect."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from automtl_datasets.synthetic.kind import Chance, Floats, Ids, alike, scaled
from planted.base import Kind

SHAPES: Mapping[str, Callable[[Floats], Floats]] = {
    "step": lambda x: (x > 0.4).astype(np.float64),
    "bands": lambda x: (np.floor(1.5 * x) % 2).astype(np.float64),
    "valley": lambda x: np.minimum(x**2, 4.0),
    "hill": lambda x: np.exp(-2 * (x - 0.5) ** 2),
}
"""Name -> effect of a number of mean 0 and deviation 1."""


class Factors(Kind):
    """Preferences of users for items, as in ratings: products of latent vectors of six numbers.

    A group of tasks reads some dimensions of the vectors: two for itself, and two that both groups read with
    opposite signs. So the embeddings of one group help the other one, but only with separate weights for each
    dimension. Users and items have effects alone too, with opposite signs for the groups; the segment of a
    user and the genre of an item have such vectors too, with only a few values to learn.

    A user has fifty rows, an item a hundred, and frequent items far more: enough for a product of embeddings,
    too few for a network that has to learn the product from ids.
    """

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
        "taste": alike(
            {"click": 0.4, "like": 0.15},
            {"user_id": 0.4, "item_id": 0.5, "hour": 0.3},
            {("user_id", "item_id"): 1.7, ("segment", "genre"): 0.7},
        ),
        "regret": alike(
            {"skip": 0.4, "hide": 0.12},
            {"user_id": -0.4, "item_id": -0.5, "device": 0.3},
            {("user_id", "item_id"): 1.7, ("segment", "genre"): 0.7},
        ),
    }
    noise = ("noise_small", "noise_large")
    user = "user_id"
    constants: ClassVar[Mapping[str, Any]] = {
        "rank": 6,
        # Group -> weight of each dimension.
        "read": {"taste": (1, 1, 1, 1, 0, 0), "regret": (0, 0, -1, -1, 1, 1)},
        # Field -> the id field that determines its value.
        "owners": {"segment": "user_id", "genre": "item_id"},
    }

    def draw(self) -> dict[str, Any]:
        """Draw values; the segment follows from the user, and the genre from the item."""
        drawn = super().draw()
        for field, owner in self.constants["owners"].items():
            among = self.random("values", field, owner)
            drawn[field] = among.integers(self.ids[field].values, size=self.ids[owner].values)[drawn[owner]]
        return drawn

    def together(self, pair: tuple[str, ...], group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the product of the vectors of two fields in the dimensions that the group reads."""
        left, right = (self._vectors(field)[drawn[field]] for field in pair)
        weights = np.array(self.constants["read"][group])
        return np.asarray((left * right) @ weights / np.sqrt(np.sum(weights**2)))

    def _vectors(self, field: str) -> Floats:
        """Draw the vector of each value [V, rank]; each dimension has mean 0 and deviation 1 over rows."""
        dimensions = range(self.constants["rank"])
        return np.stack([self.effects(field, "dimension", str(d)) for d in dimensions], axis=1)


class Numbers(Kind):
    """Steps, curves and products of numbers, some of them with long tails, and few categories.

    The effect of a number has a shape of `SHAPES`, that of a pair is the product of two numbers, relative to
    their means. Numbers with long tails act through their logarithm. Groups of tasks differ in fields and in
    shapes. Some noise fields have long tails too.
    """

    name = "numbers"
    rows = 50_000
    ids: ClassVar[Mapping[str, Ids]] = {"device": Ids(4), "region": Ids(12, 0.5), "noise_small": Ids(10)}
    numbers = (
        *("age", "price", "stock", "rating", "weight", "height", "delay", "discount", "visits"),
        *("noise_normal", "noise_tail", "noise_steps"),
    )
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "order": alike(
            {"click": 0.35, "buy": 0.1},
            {"age": 0.6, "price": 0.6, "stock": 0.5, "rating": 0.5, "device": 0.4},
            {("discount", "visits"): 0.8, ("price", "rating"): 0.5},
        ),
        "return": alike(
            {"cancel": 0.3, "complain": 0.08},
            {"age": 0.5, "price": -0.5, "weight": 0.6, "delay": 0.6, "region": 0.4},
            {("discount", "delay"): 0.7, ("weight", "height"): 0.6},
        ),
    }
    noise = ("noise_small", "noise_normal", "noise_tail", "noise_steps")
    constants: ClassVar[Mapping[str, Any]] = {
        # Group -> number -> its shape.
        "acting": {
            "order": {"age": "valley", "price": "bands", "stock": "step", "rating": "hill"},
            "return": {"age": "step", "price": "step", "weight": "bands", "delay": "valley"},
        },
        # Numbers whose logarithm is normal, with this deviation; all others are normal.
        "tails": ("price", "stock", "delay", "noise_tail"),
        "tail": 1.2,
    }

    def draw(self) -> dict[str, Any]:
        """Draw values; some numbers have long tails, and one has few values."""
        drawn = super().draw()
        drawn |= {field: np.exp(self.constants["tail"] * drawn[field]) for field in self.constants["tails"]}
        return drawn | {"noise_steps": np.round(drawn["noise_steps"])}

    def alone(self, field: str, group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return a shape of a number, or the effect of a category."""
        if field in self.ids:
            return super().alone(field, group, drawn)
        return scaled(SHAPES[self.constants["acting"][group][field]](self._normal(field, drawn)))

    def together(self, pair: tuple[str, ...], group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the product of two numbers."""
        left, right = (self._normal(field, drawn) for field in pair)
        return left * right

    def _normal(self, field: str, drawn: Mapping[str, Any]) -> Floats:
        """Return a number [R], or the normal number behind one with a long tail."""
        has_tail = field in self.constants["tails"]
        return np.asarray(np.log(drawn[field]) / self.constants["tail"] if has_tail else drawn[field])


class Rare(Kind):
    """Positive rates of 0.4 to 2 % and ids with long tails; a funnel of three tasks, and an opposed task.

    There is no cart without a click and no buy without a cart, so the effects on one task apply to the tasks
    after it too. `slot` increases clicks, but decreases carts after a click. Most users have too few rows to
    learn their effects. Items are more informative, because few of them make up most rows, and fields with
    few values are the most informative. `category` and `slot` act on the report with the opposite sign.
    """

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
