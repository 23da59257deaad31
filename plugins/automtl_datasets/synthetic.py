"""Generated data with a known answer: which fields matter to which task, alone or together.

Two groups of two tasks. A task's logit is a sum of effects of its group's fields, see `EFFECTS`:

- `user_id`, `item_id`, `appeal` and `dense_signal` act on both groups with opposite signs;
- `engage_only` and `avoid_only` act on one group;
- the fields of a pair act only together: the effect is the product of a sign of either value, and both
  signs are as frequent, so that each field alone tells nothing;
- the noise fields act on nothing.

The probabilities that the labels are drawn with are kept, so the best reachable AUC is known.
"""

from collections.abc import Mapping
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from automtl_core.dataset import Dataset, DatasetSettings, Dense, Label, Sparse
from automtl_core.seeds import generator
from automtl_datasets.simulated.draws import Floats, Ints, draw, effects, intercept, sigmoid, zipf

VALUES = {
    "user_id": 2000,
    "item_id": 1000,
    "appeal": 20,
    "engage_only": 12,
    "avoid_only": 12,
    "engage_left": 6,
    "engage_right": 6,
    "avoid_left": 6,
    "avoid_right": 6,
    "noise_small": 10,
    "noise_large": 500,
}
"""Sparse field -> how many values it has."""
DENSE = ("dense_signal", "dense_noise")
ZIPF = {"user_id": 0.6, "item_id": 0.9, "noise_large": 0.9}
"""Field -> exponent of the frequencies of its values; other fields are uniform."""
TASKS = {"engage": {"click": 0.4, "like": 0.15}, "avoid": {"skip": 0.5, "hide": 0.1}}
"""Group -> task -> expected positive rate."""
EFFECTS = {
    "engage": {"user_id": 0.5, "item_id": 0.6, "appeal": 0.7, "dense_signal": 0.6, "engage_only": 0.7},
    "avoid": {"user_id": -0.5, "item_id": -0.6, "appeal": -0.7, "dense_signal": -0.6, "avoid_only": 0.7},
}
"""Group -> field -> standard deviation, with sign, of its effect on the logit."""
PAIRS = {"engage": ("engage_left", "engage_right"), "avoid": ("avoid_left", "avoid_right")}
"""Group -> the two fields that act on it only together."""
PAIR_EFFECT = 0.9
NOISE = ("noise_small", "noise_large", "dense_noise")


class SyntheticSettings(DatasetSettings):
    """Settings of `synthetic`."""

    rows: int = Field(50_000, ge=100)
    """Rows to generate."""
    seed: int = 0
    """Seed of values, effects and labels; apart from that of the split."""


class Synthetic(Dataset):
    """Generated at preparation; needs no files."""

    settings_class = SyntheticSettings
    settings: SyntheticSettings
    version = 1
    source = "generated"
    fields = (*map(Sparse, VALUES), *map(Dense, DENSE))
    labels = tuple(Label(task, oracle=f"probability_{task}") for rates in TASKS.values() for task in rates)

    def rows(self, db: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        """Draw values, then the labels from their probabilities."""
        ids = {field: self._ids(field) for field in VALUES}
        dense = {field: self._random("values", field).standard_normal(self.settings.rows) for field in DENSE}
        acting = {
            field: effects(self._random("effects", field), _frequencies(field))[ids[field]]
            for field in VALUES
        } | dense
        columns: dict[str, Any] = {field: _names(field)[ids[field]] for field in VALUES} | dense
        for group, rates in TASKS.items():
            logit = self._logit(group, ids, acting)
            for task, rate in rates.items():
                probability = sigmoid(logit + intercept(logit, rate))
                columns[task] = (self._random("label", task).random(len(logit)) < probability).astype(np.int8)
                columns[f"probability_{task}"] = probability
        return pd.DataFrame(columns)

    def content(self) -> Mapping[str, Any]:
        """Return what the rows are drawn from."""
        effects = {"effects": EFFECTS, "pairs": PAIRS, "pair_effect": PAIR_EFFECT}
        return {"values": VALUES, "dense": DENSE, "zipf": ZIPF, "rates": TASKS, **effects}

    def truth(self) -> Mapping[str, Any]:
        """Return groups, and each task's fields with their effects and its pair, and the noise fields."""
        return {
            "groups": {group: list(rates) for group, rates in TASKS.items()},
            "tasks": {
                task: {"fields": EFFECTS[group], "pairs": [list(PAIRS[group])]}
                for group, rates in TASKS.items()
                for task in rates
            },
            "noise": list(NOISE),
        }

    def _random(self, *purpose: str) -> np.random.Generator:
        return generator(self.settings.seed, "synthetic", *purpose)

    def _ids(self, field: str) -> Ints:
        """Draw a value's number for each row [R]."""
        return draw(self._random("values", field), _frequencies(field), self.settings.rows)

    def _logit(self, group: str, ids: Mapping[str, Ints], acting: Mapping[str, Floats]) -> Floats:
        """Return the logit [R] of a group's tasks, without intercept."""
        left, right = (_sign(ids[field]) for field in PAIRS[group])
        logit = PAIR_EFFECT * left * right
        for field, size in EFFECTS[group].items():
            logit += size * acting[field]
        return logit


def _names(field: str) -> NDArray[np.object_]:
    return np.array([f"{field}_{number}" for number in range(VALUES[field])], dtype=object)


def _frequencies(field: str) -> Floats:
    return zipf(VALUES[field], ZIPF.get(field, 0.0))


def _sign(ids: Ints) -> Floats:
    return np.asarray(1 - 2 * (ids % 2), dtype=np.float64)
