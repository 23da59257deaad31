"""The domain of a setting: the values that a study and hyperparameter tuning try."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True)
class Search:
    """The domain of a setting, for `Annotated`: a range, or a list of values.

        dropout: Annotated[float, Search(0, 0.4)] = 0.2
        learning_rate: Annotated[float, Search(5e-4, 8e-3, log=True)] = 2e-3
        width: Annotated[int, Search(choices=(32, 64, 128))] = 64

    A range with two integer bounds holds integers only.
    """

    low: float = 0
    high: float = 0
    log: bool = False
    """Whether values are uniform in their logarithm."""
    choices: tuple[Any, ...] = ()
    """Values in place of a range, sorted if they have an order."""

    def __str__(self) -> str:
        if self.choices:
            return ", ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}{', log scale' if self.log else ''}"


def domains(settings: type[BaseModel]) -> Mapping[str, Search]:
    """Return the domain of each setting of a class that declares one."""
    fields = settings.model_fields.items()
    return {name: each for name, field in fields for each in field.metadata if isinstance(each, Search)}
