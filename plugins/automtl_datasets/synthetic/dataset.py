"""The dataset `synthetic`: one of several kinds of generated data with a known truth."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import duckdb
import pandas as pd
from pydantic import Field, model_validator

from automtl_core.plugin import Dataset, DatasetSettings
from automtl_datasets.synthetic.history import Histories
from automtl_datasets.synthetic.kind import Kind
from automtl_datasets.synthetic.pairs import Pairs

KINDS: Mapping[str, type[Kind]] = {kind.name: kind for kind in (Pairs, Histories)}
REMOVED = ("factors", "numbers", "rare", "drift", "cold", "keys", "lists")
"""Kinds of versions until 0.3; `benchmarks/planted` has them."""


class SyntheticSettings(DatasetSettings):
    """Settings of `synthetic`."""

    removed: ClassVar = {"vectors": True}

    kind: Literal["pairs", "history"] = "pairs"
    """Kind of generated problem. pairs: effects of single fields and of pairs of fields. history: effects of
    earlier events of the user; by default split by time, with ten events in a history."""
    rows: int | None = Field(None, ge=100)
    """Number of rows to generate. null: enough rows to learn this kind."""
    seed: int = 0
    """Seed of values, effects and labels. The split has a separate seed."""

    @model_validator(mode="before")
    @classmethod
    def _split_of_the_kind(cls, values: Any) -> Any:
        """Add the default split of a kind."""
        name = values.get("kind") if isinstance(values, Mapping) else None
        if name in REMOVED:
            raise ValueError(f"this version does not have the kind {name} of synthetic: use version 0.3")
        kind = KINDS.get(str(name))
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
        self.fields, self.labels = kind.fields(), kind.labels()
        self.user, self.time, self.histories = kind.user, kind.time, kind.histories

    def rows(self, db: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        """Draw values, then labels from their probabilities."""
        return self.kind.frame()

    def content(self) -> Mapping[str, Any]:
        """Return the parameters of the random draws."""
        return self.kind.content()
