"""Steps, curves and products of numbers, some of them with long tails, and few categories.

The effect of a number has a shape of `SHAPES`. The effect of a pair is the product of two numbers, relative
to their means. Numbers with long tails (`TAILS`) act through their logarithm. Groups of tasks differ in
fields and in shapes. The noise fields, some with long tails too, have no effect.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from automtl_datasets.synthetic.kind import Chance, Floats, Ids, Kind, scaled

SHAPES: Mapping[str, Callable[[Floats], Floats]] = {
    "step": lambda x: (x > 0.4).astype(np.float64),
    "bands": lambda x: (np.floor(1.5 * x) % 2).astype(np.float64),
    "valley": lambda x: np.minimum(x**2, 4.0),
    "hill": lambda x: np.exp(-2 * (x - 0.5) ** 2),
}
"""Name -> effect of a number of mean 0 and deviation 1."""
ACTING = {
    "order": {"age": "valley", "price": "bands", "stock": "step", "rating": "hill"},
    "return": {"age": "step", "price": "step", "weight": "bands", "delay": "valley"},
}
"""Group -> number -> its shape."""
TAILS = ("price", "stock", "delay", "noise_tail")
"""Numbers whose logarithm is normal; all others are normal."""
TAIL = 1.2
"""Deviation of the logarithm."""
ORDER = (
    {"age": 0.6, "price": 0.6, "stock": 0.5, "rating": 0.5, "device": 0.4},
    {("discount", "visits"): 0.8, ("price", "rating"): 0.5},
)
RETURN = (
    {"age": 0.5, "price": -0.5, "weight": 0.6, "delay": 0.6, "region": 0.4},
    {("discount", "delay"): 0.7, ("weight", "height"): 0.6},
)


class Numbers(Kind):
    """Steps, curves and products of numbers, which differ between the groups of tasks."""

    name = "numbers"
    rows = 50_000
    ids: ClassVar[Mapping[str, Ids]] = {"device": Ids(4), "region": Ids(12, 0.5), "noise_small": Ids(10)}
    numbers = (
        *("age", "price", "stock", "rating", "weight", "height", "delay", "discount", "visits"),
        *("noise_normal", "noise_tail", "noise_steps"),
    )
    groups: ClassVar[Mapping[str, Mapping[str, Chance]]] = {
        "order": {"click": Chance(0.35, *ORDER), "buy": Chance(0.1, *ORDER)},
        "return": {"cancel": Chance(0.3, *RETURN), "complain": Chance(0.08, *RETURN)},
    }
    noise = ("noise_small", "noise_normal", "noise_tail", "noise_steps")
    constants: ClassVar[Mapping[str, Any]] = {"acting": ACTING, "tails": TAILS, "tail": TAIL}

    def draw(self) -> dict[str, Any]:
        """Draw values; some numbers have long tails, and one has few values."""
        drawn = super().draw()
        drawn |= {field: np.exp(TAIL * drawn[field]) for field in TAILS}
        return drawn | {"noise_steps": np.round(drawn["noise_steps"])}

    def alone(self, field: str, group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return a shape of a number, or the effect of a category."""
        if field in self.ids:
            return super().alone(field, group, drawn)
        return scaled(SHAPES[ACTING[group][field]](_plain(field, drawn)))

    def together(self, pair: tuple[str, str], group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the product of two numbers."""
        left, right = (_plain(field, drawn) for field in pair)
        return left * right


def _plain(field: str, drawn: Mapping[str, Any]) -> Floats:
    """Return the normal number [R] behind a number with a long tail."""
    return np.asarray(np.log(drawn[field]) / TAIL if field in TAILS else drawn[field])
