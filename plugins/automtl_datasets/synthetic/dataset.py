"""The dataset `synthetic`: one of several kinds of generated data whose answer is known."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import duckdb
import pandas as pd
from pydantic import Field, model_validator

from automtl_core.dataset.dataset import Dataset, DatasetSettings, FieldKind, Label
from automtl_datasets.synthetic.drift import Drift
from automtl_datasets.synthetic.factors import Factors
from automtl_datasets.synthetic.kind import Kind
from automtl_datasets.synthetic.numbers import Numbers
from automtl_datasets.synthetic.pairs import Pairs
from automtl_datasets.synthetic.rare import Rare

KINDS: Mapping[str, type[Kind]] = {kind.name: kind for kind in (Pairs, Factors, Numbers, Rare, Drift)}


class SyntheticSettings(DatasetSettings):
    """Settings of `synthetic`."""

    kind: Literal["pairs", "factors", "numbers", "rare", "drift"] = "pairs"
    """What there is to be found. `pairs`: fields that act alone or only in pairs; `factors`: tastes of users
    for items; `numbers`: steps, curves and products; `rare`: positives of .4 to 2 %, a quarter of the rows
    for validation and one for the test; `drift`: effects that change, split by time. The split is so unless
    told otherwise."""
    rows: int | None = Field(None, ge=100)
    """Rows to generate; where null, as many as the kind needs to be learned."""
    seed: int = 0
    """Seed of values, effects and labels; apart from that of the split."""

    @model_validator(mode="before")
    @classmethod
    def _split_of_the_kind(cls, values: Any) -> Any:
        """Fill in how a kind is split where nothing is said."""
        kind = KINDS.get(str(values.get("kind"))) if isinstance(values, Mapping) else None
        return values if kind is None else {**kind.split, **values}


class Synthetic(Dataset):
    """Generated at preparation; needs no files.

    Which fields matter to which tasks is known, and so is the best reachable AUC; `kind` says of what.
    """

    settings_class = SyntheticSettings
    settings: SyntheticSettings
    version = 1
    source = "generated"

    @property
    def kind(self) -> type[Kind]:
        """The kind of the settings."""
        return KINDS[self.settings.kind]

    @property
    def fields(self) -> Sequence[FieldKind]:
        """The fields of the kind."""
        return self.kind.fields()

    @property
    def labels(self) -> Sequence[Label]:
        """The labels of the kind."""
        return self.kind.labels()

    @property
    def user(self) -> str | None:
        """The user of the kind."""
        return self.kind.user

    @property
    def time(self) -> str | None:
        """The time of the kind."""
        return self.kind.time

    def rows(self, db: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        """Draw values, then the labels from their probabilities."""
        return self.kind(self.settings.seed, self.settings.rows or self.kind.rows).frame()

    def content(self) -> Mapping[str, Any]:
        """Return what the rows are drawn from."""
        return self.kind.content()

    def truth(self) -> Mapping[str, Any]:
        """Return groups, and each task's fields with their effects and its pairs, and the noise fields."""
        return self.kind.truth()
