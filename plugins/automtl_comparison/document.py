"""The outcome of a comparison: the metrics of each cell, and statistics over seeds and splits.

A `Comparison` holds the measured values. Means, differences, costs and verdicts are computed from them on
demand, so that they are always consistent, also after reading from JSON.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from automtl_comparison.measured import Failed, ModelResult, Place, Split, TaskFacts
from automtl_comparison.statistics import Difference, Noise, Summary, holm, paired, summary
from automtl_comparison.verdicts import verdict
from automtl_core.errors import ArtifactError
from automtl_core.tasks.kind import Measure, TaskKind
from automtl_core.tasks.kinds import distinct
from automtl_core.training.metrics import flat, mean_over_tasks, measures

MEAN = "mean"
"""Column of the mean over tasks of two classes with enough positives; errors in the units of different labels
have no mean."""
ALONE = "single-task"
"""The model that negative transfer is measured against."""

Scores = Mapping[str, Mapping[Place, float]]
"""Task, or `MEAN` -> (seed of the split, seed of the run) -> value."""
Noises = Mapping[str, Mapping[str, Mapping[str, Noise]]]
"""Reference model -> model -> task, or `MEAN` -> contribution of test rows to the variance."""


@dataclass(frozen=True)
class Relative:
    """Mean costs of a model, divided by those of the reference; None where unknown.

    FLOPs count matrix products, so they are unknown for a model without any, such as boosted trees.
    """

    flops_per_row: float | None
    seconds: float | None
    """Search and training together."""


@dataclass(frozen=True)
class Comparison:
    """The compared models with their results."""

    dataset: str
    splits: Mapping[int, Split]
    """Seed of a split -> its data."""
    user: str | None
    """The user field, whose values are resampled in the bootstrap; None where rows are resampled."""
    min_positives: int
    """Test rows of either class that a task needs to count."""
    trials: int
    """Number of recipes that each model tried."""
    reference: str
    """The model that the other models are compared with."""
    models: Mapping[str, ModelResult]
    noises: Noises = field(default_factory=dict)
    """Entries for the reference and for `ALONE`."""

    @cached_property
    def tasks(self) -> dict[str, TaskFacts]:
        """Facts by task, with the fewest rows of any split; a task counts if it counts in all splits."""
        by_split = [split.tasks for split in self.splits.values()]
        return {task: _fewest([tasks[task] for tasks in by_split]) for task in by_split[0]}

    @property
    def failed(self) -> list[str]:
        """The cells that failed otherwise than by a training that diverged, with their errors."""
        return [
            f"{name}, seed {cell.seed}, split {cell.split}: {cell.error}"
            for name, model in self.models.items()
            for cell in model.cells
            if isinstance(cell, Failed) and not cell.diverged
        ]

    @property
    def seeds(self) -> list[int]:
        """Seeds of the runs."""
        return sorted({cell.seed for model in self.models.values() for cell in model.cells})

    @property
    def kinds(self) -> list[TaskKind]:
        """The kinds of the tasks, first those whose scores have a mean over tasks."""
        return distinct(facts.kind for facts in self.tasks.values())

    def metrics(self) -> list[Measure]:
        """Return the metrics of all tasks in the comparison."""
        return list(dict.fromkeys(metric for kind in self.kinds for metric in self.of_tasks(kind)))

    def of_tasks(self, kind: TaskKind) -> list[Measure]:
        """Return the metrics of the tasks of a kind, also registered ones."""
        tasks = self.of_kind(kind)
        cells = (cell for model in self.models.values() for cell in model.tested)
        return measures(kind, [cell.test[task] for cell in cells for task in tasks])

    def of_kind(self, kind: TaskKind) -> list[str]:
        """Return the tasks of a kind."""
        return [task for task, facts in self.tasks.items() if facts.kind == kind.name]

    def scores(self, model: str, metric: Measure) -> Scores:
        """Return a metric by task and cell where it is defined, with its mean over tasks where it has one."""
        stored: dict[str, dict[Place, float]] = {}
        for cell in self.models[model].tested:
            values = {task: flat(m).get(metric.key) for task, m in cell.test.items()}
            counting = {
                task: m for task, m in cell.test.items() if self.tasks[task].counts and metric.key in flat(m)
            }
            values[MEAN] = mean_over_tasks(values, counting, self.min_positives)
            for task, value in values.items():
                if value is not None:
                    stored.setdefault(task, {})[cell.place] = value
        return stored

    def summaries(self, model: str, metric: Measure) -> dict[str, Summary]:
        """Return a metric's mean and standard deviation over the cells, by task."""
        return {task: summary(list(by.values())) for task, by in self.scores(model, metric).items()}

    def differences(self, reference: str) -> dict[str, dict[str, Difference]]:
        """Return the difference of each other model to `reference`, in the score of each task.

        A difference is positive where the model is better, and its p value is corrected for the number of
        models. The result is empty if the reference is not among the models.
        """
        if reference not in self.models:
            return {}
        gains = {name: self._gains(name) for name in self.models}
        stored: dict[str, dict[str, Difference]] = {name: {} for name in gains if name != reference}
        noises = self.noises.get(reference, {})
        for task, base in gains[reference].items():
            pairs = {
                name: _paired(gains[name].get(task, {}), base, noises.get(name, {}).get(task))
                for name in stored
            }
            known = {name: difference for name, difference in pairs.items() if difference is not None}
            for name, difference in holm(known).items():
                stored[name][task] = difference
        return stored

    def _gains(self, model: str) -> Scores:
        """Return the score of each task, signed so that higher is better."""
        gains: dict[str, dict[Place, float]] = {}
        for kind in self.kinds:  # the mean is that of the first kind
            for task, by_place in self.scores(model, kind.score).items():
                gains.setdefault(task, {at: kind.score.sign * value for at, value in by_place.items()})
        return gains

    def relative(self, model: str) -> Relative:
        """Return the costs of a model, divided by those of the reference."""
        own, base = (self.models[name].costs() for name in (model, self.reference))
        flops = [_mean(costs, "flops_per_row") for costs in (own, base)]
        seconds = [_mean(costs, "search_seconds", "train_seconds") for costs in (own, base)]
        return Relative(_ratio(*flops), _ratio(*seconds))

    def verdicts(self) -> dict[str, str]:
        """Return the verdict on each other model: by the mean over tasks, and by each task outside of it."""
        stored = {}
        for name, by_task in self.differences(self.reference).items():
            deciding = {
                column: (kind.score, by_task[column])
                for kind in self.kinds
                for column in self.judged(kind)
                if column in by_task
            }
            stored[name] = verdict(self.reference, deciding, self.relative(name).flops_per_row)
        return stored

    def judged(self, kind: TaskKind) -> list[str]:
        """Return the columns that verdicts are based on."""
        if kind.two_classes and kind is self.kinds[0]:
            return [MEAN]
        return [task for task in self.of_kind(kind) if self.tasks[task].counts]

    def to_json(self) -> dict[str, Any]:
        """Return the measured values and everything computed from them, as in `compare.json`."""
        return {
            "dataset": self.dataset,
            "splits": {str(seed): split.to_json() for seed, split in self.splits.items()},
            "user": self.user,
            "min_positives": self.min_positives,
            "seeds": self.seeds,
            "trials": self.trials,
            "reference": self.reference,
            "models": {name: self._model_to_json(name) for name in self.models},
            "noises": _plain(self.noises),
            "differences": _plain(self.differences(self.reference)),
            "transfer": _plain(self.differences(ALONE)),
            "verdicts": self.verdicts(),
        }

    def _model_to_json(self, name: str) -> dict[str, Any]:
        scores = {
            metric.key: {task: asdict(s) for task, s in self.summaries(name, metric).items()}
            for metric in self.metrics()
        }
        return {**self.models[name].to_json(), **scores, "relative_costs": asdict(self.relative(name))}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Comparison":
        """Return the comparison of a value of `to_json`; derived values are computed again.

        Raises:
            ArtifactError: the value is not a comparison.

        """
        try:
            return cls(
                **{key: stored[key] for key in ("dataset", "user")},
                **{key: stored[key] for key in ("min_positives", "trials", "reference")},
                splits={int(seed): Split.from_json(split) for seed, split in stored["splits"].items()},
                models={name: ModelResult.from_json(model) for name, model in stored["models"].items()},
                noises={
                    against: {
                        name: {task: Noise(**noise) for task, noise in by_task.items()}
                        for name, by_task in by_model.items()
                    }
                    for against, by_model in stored["noises"].items()
                },
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ArtifactError(f"no comparison: {error!r}", "compare again") from None


def _fewest(facts: list[TaskFacts]) -> TaskFacts:
    positives = [each.positives for each in facts if each.positives is not None]
    return TaskFacts(
        kind=facts[0].kind,
        positives=min(positives) if positives else None,
        rows=min(each.rows for each in facts),
        counts=all(each.counts for each in facts),
    )


def _paired(
    scores: Mapping[Place, float], base: Mapping[Place, float], rows: Noise | None
) -> Difference | None:
    common = sorted(scores.keys() & base.keys())
    return (
        paired([scores[cell] for cell in common], [base[cell] for cell in common], rows) if common else None
    )


def _mean(costs: Mapping[str, Summary | None], *keys: str) -> float | None:
    """Return the sum of the means of some costs; None where one is unknown."""
    means = [stored.mean for key in keys if (stored := costs[key]) is not None]
    return sum(means) if len(means) == len(keys) else None


def _ratio(cost: float | None, base: float | None) -> float | None:
    return cost / base if cost and base else None


def _plain(node: Any) -> Any:
    """Return nested mappings of dataclass values as plain JSON."""
    return {key: _plain(each) for key, each in node.items()} if isinstance(node, Mapping) else asdict(node)
