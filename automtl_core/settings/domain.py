"""The domain of a setting: the values that hyperparameter tuning draws from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Search:
    """The domain of a setting, for `Annotated`: a range, or a list of values.

        dropout: Annotated[float, Search(0, 0.4)] = 0.2
        learning_rate: Annotated[float, Search(5e-4, 8e-3, log=True)] = 2e-3
        decay: Annotated[float, Search(choices=(1e-4, 1e-3, 1e-2))] = 1e-2

    A range with two integer bounds holds integers only.
    """

    low: float = 0
    high: float = 0
    log: bool = False
    """Whether values are drawn uniformly in their logarithm."""
    choices: tuple[Any, ...] = ()
    """Values in place of a range, sorted if they have an order."""

    def draw(self, random: "np.random.Generator") -> Any:
        """Return a random value of the domain; numbers from a range have up to three digits."""
        if self.choices:
            return self.choices[int(random.integers(len(self.choices)))]
        if self.log:
            value = math.exp(random.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = random.uniform(self.low, self.high)
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return round(value) if whole else float(f"{value:.3g}")

    def __str__(self) -> str:
        if self.choices:
            return ", ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}{', log scale' if self.log else ''}"


def domains(settings: type[BaseModel]) -> Mapping[str, Search]:
    """Return the domain of each setting of a class that declares one."""
    fields = settings.model_fields.items()
    return {name: each for name, field in fields for each in field.metadata if isinstance(each, Search)}
