"""What a comparison found: the metrics of each cell, and what follows from them over the seeds.

A `Comparison` holds what was measured. Means, differences and costs are computed from that, so that what it
says cannot contradict itself, however it was read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from automtl_core.comparison.statistics import Difference, Summary, holm, paired, summary
from automtl_core.errors import ArtifactError
from automtl_core.schema import TaskKind
from automtl_core.training.metrics import METRICS, Metric, Metrics, mean_over_tasks, metrics_from_json

MEAN = "mean"
"""Name of the column that averages the binary tasks which have enough positives; errors in the units of
different labels have no mean."""
ALONE = "single-task"
"""The model against which negative transfer is judged."""

Scores = Mapping[str, Mapping[int, float]]
"""Task, or `MEAN` -> seed -> value."""


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

    seed: int
    run: str
    """Name of its folder among the cells."""
    best_epoch: int
    test: Metrics
    costs: CellCosts

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        test = {task: m.to_json() for task, m in self.test.items()}
        about = {"seed": self.seed, "run": self.run, "best_epoch": self.best_epoch}
        return {**about, "test": test, **asdict(self.costs)}


@dataclass(frozen=True)
class Diverged:
    """A cell whose training diverged."""

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
    recipe: Mapping[str, float | None]
    """Settings that tuning may change, as it was trained with them; None where it has no such setting."""
    cells: Sequence[CellResult]
    """One for each seed."""

    @property
    def tested(self) -> list[Measured]:
        """The cells that did not diverge."""
        return [cell for cell in self.cells if isinstance(cell, Measured)]

    def costs(self) -> dict[str, Summary | None]:
        """Return each of `COSTS` over the seeds, None where it is unknown."""
        known = {
            key: [value for cell in self.tested if (value := getattr(cell.costs, key)) is not None]
            for key in COSTS
        }
        return {key: summary(values) if values else None for key, values in known.items()}


@dataclass(frozen=True)
class Comparison:
    """What was compared, and what each model gave."""

    dataset: str
    fingerprint: str
    """Of the prepared data."""
    rows: Mapping[str, int]
    """By part."""
    simulated: Mapping[str, Any] | None
    """How the raw files were simulated, if they were."""
    tasks: Mapping[str, TaskFacts]
    min_positives: int
    """Test rows of either class that a task needs to count."""
    trials: int
    """Recipes that each model tried."""
    reference: str
    """The model that differences are taken against."""
    models: Mapping[str, ModelResult]

    @property
    def seeds(self) -> list[int]:
        """The seeds of all cells."""
        return sorted({cell.seed for model in self.models.values() for cell in model.cells})

    def metrics(self) -> list[Metric]:
        """Return the metrics of all kinds of task that there are."""
        return [metric for kind, metrics in METRICS.items() if self.of_kind(kind) for metric in metrics]

    def of_kind(self, kind: TaskKind) -> list[str]:
        """Return the tasks of a kind."""
        return [task for task, facts in self.tasks.items() if facts.kind == kind]

    def scores(self, model: str, metric: Metric) -> Scores:
        """Return a metric by task and seed where it is defined, and its mean where it has one."""
        found: dict[str, dict[int, float]] = {}
        for cell in self.models[model].tested:
            values = {task: getattr(m, metric.key, None) for task, m in cell.test.items()}
            values[MEAN] = mean_over_tasks(values, cell.test, self.min_positives)
            for task, value in values.items():
                if value is not None:
                    found.setdefault(task, {})[cell.seed] = value
        return found

    def summaries(self, model: str, metric: Metric) -> dict[str, Summary]:
        """Return the same over the seeds."""
        return {task: summary(list(by.values())) for task, by in self.scores(model, metric).items()}

    def differences(self, reference: str) -> dict[str, dict[str, Difference]]:
        """Return each other model's difference to `reference` in the score of each task.

        It is positive where the model is better, and corrected for the number of models. There is none
        if the reference is not among the models.
        """
        if reference not in self.models:
            return {}
        gains = {name: self._gains(name) for name in self.models}
        found: dict[str, dict[str, Difference]] = {name: {} for name in gains if name != reference}
        for task, base in gains[reference].items():
            pairs = {name: _paired(gains[name].get(task, {}), base) for name in found}
            known = {name: difference for name, difference in pairs.items() if difference is not None}
            for name, difference in holm(known).items():
                found[name][task] = difference
        return found

    def _gains(self, model: str) -> Scores:
        """Return the deciding metric of each task, signed so that more is better."""
        return {
            task: {seed: score.sign * value for seed, value in by_seed.items()}
            for score, *_ in METRICS.values()
            for task, by_seed in self.scores(model, score).items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything that was found, what follows from it included, as `compare.json` has it."""
        return {
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "rows": dict(self.rows),
            "simulated": self.simulated,
            "tasks": {task: asdict(facts) for task, facts in self.tasks.items()},
            "min_positives": self.min_positives,
            "seeds": self.seeds,
            "trials": self.trials,
            "reference": self.reference,
            "models": {name: self._model_to_json(name) for name in self.models},
            "differences": _plain(self.differences(self.reference)),
            "transfer": _plain(self.differences(ALONE)),
        }

    def _model_to_json(self, name: str) -> dict[str, Any]:
        model = self.models[name]
        return {
            "space": model.space,
            "strategy": model.strategy,
            "recipe": dict(model.recipe),
            **{
                metric.key: {task: asdict(s) for task, s in self.summaries(name, metric).items()}
                for metric in self.metrics()
            },
            "costs": {key: asdict(s) if s else None for key, s in model.costs().items()},
            "cells": [cell.to_json() for cell in model.cells],
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Comparison":
        """Return the comparison whose `to_json` is given; what follows from it is computed again.

        Raises:
            ArtifactError: it is none.

        """
        try:
            return cls(
                **{key: found[key] for key in ("dataset", "fingerprint", "rows", "simulated")},
                **{key: found[key] for key in ("min_positives", "trials", "reference")},
                tasks={task: TaskFacts(**facts) for task, facts in found["tasks"].items()},
                models={name: _model_from_json(model) for name, model in found["models"].items()},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(f"no comparison: {error!r}", "compare again") from None


def _model_from_json(model: Mapping[str, Any]) -> ModelResult:
    cells = [_cell_from_json(cell) for cell in model["cells"]]
    return ModelResult(model["space"], model["strategy"], model["recipe"], cells)


def _cell_from_json(cell: Mapping[str, Any]) -> CellResult:
    if "error" in cell:
        return Diverged(**cell)
    costs = CellCosts(**{key: cell[key] for key in COSTS})
    return Measured(cell["seed"], cell["run"], cell["best_epoch"], metrics_from_json(cell["test"]), costs)


def _paired(scores: Mapping[int, float], base: Mapping[int, float]) -> Difference | None:
    common = sorted(scores.keys() & base.keys())
    return paired([scores[seed] for seed in common], [base[seed] for seed in common]) if common else None


def _plain(differences: Mapping[str, Mapping[str, Difference]]) -> dict[str, Any]:
    return {
        name: {task: difference.to_json() for task, difference in by_task.items()}
        for name, by_task in differences.items()
    }
