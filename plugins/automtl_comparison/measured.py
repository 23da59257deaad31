"""Measured results of cells: metrics and costs, by model; and facts about the labels of each split."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from automtl_comparison.statistics import Summary, summary
from automtl_core.training.metrics import Metrics, metrics_from_json


@dataclass(frozen=True)
class TaskFacts:
    """Facts about the labels of the test part."""

    kind: str
    """Name of the kind of task."""
    positives: int | None
    """Number of positive labels; None where labels have no classes."""
    rows: int
    """Rows with a label."""
    counts: bool
    """Whether there are enough rows, of either class if there are classes, for a reliable score."""


@dataclass(frozen=True)
class Split:
    """The data of one split."""

    fingerprint: str
    """Fingerprint of the prepared data."""
    rows: Mapping[str, int]
    """Part -> number of rows."""
    tasks: Mapping[str, TaskFacts]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the split of a value of `to_json`."""
        tasks = {task: TaskFacts(**facts) for task, facts in stored["tasks"].items()}
        return cls(stored["fingerprint"], stored["rows"], tasks)


Place = tuple[int, int]
"""Seed of the split, and seed of the run."""


@dataclass(frozen=True)
class CellCosts:
    """Costs of a network and its training."""

    parameters: int
    parameters_beside_embeddings: int
    flops_per_row: int | None
    search_seconds: float
    train_seconds: float
    rows_per_second: float | None


COSTS = tuple(field.name for field in fields(CellCosts))


@dataclass(frozen=True)
class Measured:
    """The results of one cell."""

    split: int
    """Seed of the split."""
    seed: int
    run: str
    """Name of its folder among the cells."""
    best_epoch: int
    test: Metrics
    costs: CellCosts
    cut_short: bool = False
    """Whether the last epoch came before early stopping."""

    @property
    def place(self) -> Place:
        """The seeds that pair cells of two models."""
        return self.split, self.seed

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        test = {task: m.to_json() for task, m in self.test.items()}
        about = {key: getattr(self, key) for key in ("split", "seed", "run", "best_epoch", "cut_short")}
        return {**about, "test": test, **asdict(self.costs)}


@dataclass(frozen=True)
class Failed:
    """A cell without results."""

    split: int
    seed: int
    run: str
    error: str
    """Error message; if a loss was not finite, with the loss."""
    diverged: bool = True
    """Whether training diverged, as it would again. Otherwise the same command tries the cell again."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


CellResult = Measured | Failed


@dataclass(frozen=True)
class ModelResult:
    """The results of one model."""

    space: str
    strategy: str | None
    """None for a model without a search."""
    recipes: Mapping[int, Mapping[str, float | None]]
    """Seed of a split -> the values of settings that tuning may change; None where the model does not have
    the setting."""
    cells: Sequence[CellResult]
    """One for each seed and split."""

    @property
    def tested(self) -> list[Measured]:
        """The cells with results."""
        return [cell for cell in self.cells if isinstance(cell, Measured)]

    def costs(self) -> dict[str, Summary | None]:
        """Return mean and standard deviation of each of `COSTS` over the cells; None where it is unknown."""
        known = {
            key: [value for cell in self.tested if (value := getattr(cell.costs, key)) is not None]
            for key in COSTS
        }
        return {key: summary(values) if values else None for key, values in known.items()}

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "space": self.space,
            "strategy": self.strategy,
            "recipes": {str(split): dict(recipe) for split, recipe in self.recipes.items()},
            "costs": {key: asdict(s) if s else None for key, s in self.costs().items()},
            "cells": [cell.to_json() for cell in self.cells],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the results of a value of `to_json`; costs over the cells are computed again."""
        recipes = {int(split): recipe for split, recipe in stored["recipes"].items()}
        return cls(stored["space"], stored["strategy"], recipes, [_cell(cell) for cell in stored["cells"]])


def _cell(stored: Mapping[str, Any]) -> CellResult:
    if "error" in stored:
        return Failed(**stored)
    costs = CellCosts(**{key: stored[key] for key in COSTS})
    about = (stored["split"], stored["seed"], stored["run"], stored["best_epoch"])
    return Measured(*about, metrics_from_json(stored["test"]), costs, stored["cut_short"])
