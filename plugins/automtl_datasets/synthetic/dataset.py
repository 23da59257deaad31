"""The dataset `synthetic`: one of several kinds of generated data with a known truth."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import duckdb
import pandas as pd
from pydantic import Field, model_validator

from automtl_core.plugin import Dataset, DatasetSettings, Vectors
from automtl_datasets.synthetic.keys import Keys
from automtl_datasets.synthetic.kind import Kind
from automtl_datasets.synthetic.lists import Lists
from automtl_datasets.synthetic.steady import Factors, Numbers, Pairs, Rare
from automtl_datasets.synthetic.timed import Cold, Drift, Histories

KINDS: Mapping[str, type[Kind]] = {
    kind.name: kind for kind in (Pairs, Factors, Numbers, Rare, Drift, Histories, Cold, Keys, Lists)
}


class SyntheticSettings(DatasetSettings):
    """Settings of `synthetic`."""

    removed: ClassVar = {"vectors": True}

    kind: Literal["pairs", "factors", "numbers", "rare", "drift", "history", "cold", "keys", "lists"] = (
        "pairs"
    )
    """Kind of generated problem. pairs: effects of single fields and of pairs of fields. factors: low-rank
    preferences of users for items. numbers: steps, curves and products of numeric fields. rare: positive
    rates of 0.4 to 2 %; by default a quarter of the rows is for validation and a quarter for the test. drift:
    effects that change over time; by default split by time. history: effects of earlier events of the user;
    by default split by time, with ten events in a history. cold: effects of items by their pretrained
    vectors; by default split by time, and half of the test rows have new items. keys: effects of
    combinations of two or three values, with few rows each; by default split by time. lists: lists of items,
    whose order depends on the items, and whose positive rates depend on a mood that earlier events show; by
    default split by time, with `list: list_id` and ten events in a history."""
    rows: int | None = Field(None, ge=100)
    """Number of rows to generate. null: enough rows to learn this kind."""
    seed: int = 0
    """Seed of values, effects and labels. The split has a separate seed."""

    @model_validator(mode="before")
    @classmethod
    def _split_of_the_kind(cls, values: Any) -> Any:
        """Add the default split of a kind."""
        kind = KINDS.get(str(values.get("kind"))) if isinstance(values, Mapping) else None
        return values if kind is None else {**kind.split, **values}


class Synthetic(Dataset[SyntheticSettings]):
    """Generated data with a known truth; needs no files.

    The fields that matter for each task are known, and so is the optimal AUC. `kind` selects the problem.
    """

    version = 1
    source = "generated"

    def declare(self) -> None:
        """Set the declarations of the kind."""
        kind = KINDS[self.settings.kind]
        self.kind = kind(self.settings.seed, self.settings.rows or kind.rows)
        vectors = [Vectors(f"{column}:vector", column) for column in [kind.vector_of] if column]
        self.fields, self.labels = (*kind.fields(), *vectors), kind.labels()
        self.user, self.time, self.histories = kind.user, kind.time, kind.histories

    def rows(self, db: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        """Draw values, then labels from their probabilities."""
        return self.kind.frame()

    def vectors(self, db: duckdb.DuckDBPyConnection, field: str) -> duckdb.DuckDBPyRelation:
        """Draw the vectors of the kind."""
        column = self.kind.vector_of or ""
        return db.from_df(pd.DataFrame({"id": self.kind.names(column), "vector": list(self.kind.vectors())}))

    def content(self) -> Mapping[str, Any]:
        """Return the parameters of the random draws."""
        return self.kind.content()

    def truth(self) -> Mapping[str, Any]:
        """Return the groups of tasks, the effects of fields and pairs on each task, and the noise fields."""
        return {**self.kind.truth(), **self.kind.measured()}
