"""What cells gave: metrics and costs of each, by model; and what the labels of each split are like."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from automtl_core.comparison.statistics import Summary, summary
from automtl_core.dataset.schema import TaskKind
from automtl_core.training.metrics import Metrics, metrics_from_json


@dataclass(frozen=True)
class TaskFacts:
    """What the labels of the test part are like."""

    kind: TaskKind
    positives: int | None
    """Of a binary task."""
    rows: int
    """Rows that have the label."""
    counts: bool
    """Whether there are enough of them, and of either class, to say anything."""


@dataclass(frozen=True)
class Split:
    """The data of one split."""

    fingerprint: str
    """Of the prepared data."""
    rows: Mapping[str, int]
    """By part."""
    tasks: Mapping[str, TaskFacts]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned."""
        tasks = {task: TaskFacts(**facts) for task, facts in found["tasks"].items()}
        return cls(found["fingerprint"], found["rows"], tasks)


Place = tuple[int, int]
"""Seed of the split, and of the run."""


@dataclass(frozen=True)
class CellCosts:
    """What a network and its training cost."""

    parameters: int
    parameters_beside_embeddings: int
    flops_per_row: int | None
    search_seconds: float
    train_seconds: float
    rows_per_second: float | None


COSTS = tuple(field.name for field in fields(CellCosts))


@dataclass(frozen=True)
class Measured:
    """What one cell gave."""

    split: int
    """Seed of the split."""
    seed: int
    run: str
    """Name of its folder among the cells."""
    best_epoch: int
    test: Metrics
    costs: CellCosts
    cut_short: bool = False
    """Whether its epochs ended before patience did."""

    @property
    def place(self) -> Place:
        """The seeds by which cells of two models belong together."""
        return self.split, self.seed

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        test = {task: m.to_json() for task, m in self.test.items()}
        about = {key: getattr(self, key) for key in ("split", "seed", "run", "best_epoch", "cut_short")}
        return {**about, "test": test, **asdict(self.costs)}


@dataclass(frozen=True)
class Diverged:
    """A cell whose training diverged."""

    split: int
    seed: int
    run: str
    error: str
    """What became infinite or no number."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


CellResult = Measured | Diverged


@dataclass(frozen=True)
class ModelResult:
    """What one model gave."""

    space: str
    strategy: str | None
    """None where nothing was searched."""
    recipes: Mapping[int, Mapping[str, float | None]]
    """Seed of a split -> settings that tuning may change, as it was trained with them there; None where there
    is no such setting."""
    cells: Sequence[CellResult]
    """One for each seed of each split."""

    @property
    def tested(self) -> list[Measured]:
        """The cells that did not diverge."""
        return [cell for cell in self.cells if isinstance(cell, Measured)]

    def costs(self) -> dict[str, Summary | None]:
        """Return each of `COSTS` over the cells, None where it is unknown."""
        known = {
            key: [value for cell in self.tested if (value := getattr(cell.costs, key)) is not None]
            for key in COSTS
        }
        return {key: summary(values) if values else None for key, values in known.items()}

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "space": self.space,
            "strategy": self.strategy,
            "recipes": {str(split): dict(recipe) for split, recipe in self.recipes.items()},
            "costs": {key: asdict(s) if s else None for key, s in self.costs().items()},
            "cells": [cell.to_json() for cell in self.cells],
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned; costs over the cells are computed again."""
        recipes = {int(split): recipe for split, recipe in found["recipes"].items()}
        return cls(found["space"], found["strategy"], recipes, [_cell(cell) for cell in found["cells"]])


def _cell(found: Mapping[str, Any]) -> CellResult:
    if "error" in found:
        return Diverged(**found)
    costs = CellCosts(**{key: found[key] for key in COSTS})
    about = (found["split"], found["seed"], found["run"], found["best_epoch"])
    return Measured(*about, metrics_from_json(found["test"]), costs, found["cut_short"])
