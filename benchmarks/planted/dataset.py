"""The dataset `planted`: all kinds of generated data that results are measured on.

pip install --no-deps -e benchmarks
automtl train --model mmoe --dataset planted --set dataset.kind=cold
"""

from collections.abc import Mapping
from typing import Any, Literal

import duckdb
import pandas as pd
from pydantic import Field, model_validator

from automtl_core.plugin import Dataset, DatasetSettings, Vectors, hookimpl
from automtl_datasets.synthetic.dataset import KINDS as KEPT
from planted.keys import Keys
from planted.lists import Lists
from planted.steady import Factors, Numbers, Rare
from planted.timed import Cold, Drift

KINDS: Mapping[str, Any] = {
    **KEPT,
    **{kind.name: kind for kind in (Factors, Numbers, Rare, Drift, Cold, Keys, Lists)},
}


class PlantedSettings(DatasetSettings):
    """Settings of `planted`."""

    kind: Literal["pairs", "history", "factors", "numbers", "rare", "drift", "cold", "keys", "lists"] = (
        "factors"
    )
    """pairs, history: those of `synthetic`. factors: low-rank preferences of users for items. numbers: steps,
    curves and products of numeric fields. rare: positive rates of 0.4 to 2 %; by default a quarter of the
    rows is for validation and a quarter for the test. drift: effects that change over time. cold: effects of
    items by their pretrained vectors; half of the test rows have new items. keys: effects of combinations of
    two or three values, with few rows each. lists: lists of items, whose order depends on the items, and
    whose positive rates depend on a mood that earlier events show; with `list: list_id` and ten events in a
    history. The last four are split by time by default."""
    rows: int | None = Field(None, ge=100)
    """Number of rows to generate. null: enough rows to learn this kind."""
    seed: int = 0
    """Seed of values, effects and labels. The split has a separate seed."""

    @model_validator(mode="before")
    @classmethod
    def _split_of_the_kind(cls, values: Any) -> Any:
        kind = KINDS.get(str(values.get("kind", "factors"))) if isinstance(values, Mapping) else None
        return values if kind is None else {**kind.split, **values}


class Planted(Dataset[PlantedSettings]):
    """Generated data with a known truth; needs no files."""

    version = 1
    source = "generated"

    def declare(self) -> None:
        """Set the declarations of the kind."""
        kind = KINDS[self.settings.kind]
        self.kind = kind(self.settings.seed, self.settings.rows or kind.rows)
        self.vector_of = getattr(kind, "vector_of", None)
        vectors = [Vectors(f"{self.vector_of}:vector", self.vector_of)] if self.vector_of else []
        self.fields, self.labels = (*kind.fields(), *vectors), kind.labels()
        self.user, self.time, self.histories = kind.user, kind.time, kind.histories

    def rows(self, db: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        """Draw values, then labels from their probabilities."""
        return self.kind.frame()

    def vectors(self, db: duckdb.DuckDBPyConnection, field: str) -> duckdb.DuckDBPyRelation:
        """Draw the vectors of the kind."""
        names = self.kind.names(self.vector_of)
        return db.from_df(pd.DataFrame({"id": names, "vector": list(self.kind.vectors())}))

    def content(self) -> Mapping[str, Any]:
        """Return the parameters of the random draws."""
        return self.kind.content()

    def truth(self) -> Mapping[str, Any]:
        """Return the groups of tasks, the effects of fields and pairs on each task, and the noise fields."""
        return {**self.kind.truth(), **getattr(self.kind, "measured", dict)()}


@hookimpl
def automtl_register_datasets() -> dict[str, type[Dataset[Any]]]:
    """Register the dataset."""
    return {"planted": Planted}
