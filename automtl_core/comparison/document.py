"""What a comparison found: the metrics of each cell, and what follows from them over seeds and splits.

A `Comparison` holds what was measured. Means, differences, costs and verdicts are computed from that, so that
what it says cannot contradict itself, however it was read.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from automtl_core.comparison.measured import ModelResult, Place, Split, TaskFacts
from automtl_core.comparison.statistics import Difference, Noise, Summary, holm, paired, summary
from automtl_core.comparison.verdicts import verdict
from automtl_core.dataset.schema import TaskKind
from automtl_core.errors import ArtifactError
from automtl_core.training.metrics import METRICS, Metric, mean_over_tasks

MEAN = "mean"
"""Name of the column that averages the binary tasks which have enough positives; errors in the units of
different labels have no mean."""
ALONE = "single-task"
"""The model against which negative transfer is judged."""

Scores = Mapping[str, Mapping[Place, float]]
"""Task, or `MEAN` -> seeds of split and run -> value."""
Noises = Mapping[str, Mapping[str, Mapping[str, Noise]]]
"""Model that others are compared with -> model -> task, or `MEAN` -> what test rows contribute."""


@dataclass(frozen=True)
class Relative:
    """What a model costs in the mean, over what the reference costs; None where unknown.

    Operations are those of matrix products: of a model without any, such as trees, they are unknown.
    """

    flops_per_row: float | None
    seconds: float | None
    """Of search and training."""


@dataclass(frozen=True)
class Comparison:
    """What was compared, and what each model gave."""

    dataset: str
    splits: Mapping[int, Split]
    """Seed of a split -> its data."""
    user: str | None
    """The field that names users, who are resampled whole; None where rows are."""
    min_positives: int
    """Test rows of either class that a task needs to count."""
    trials: int
    """Recipes that each model tried."""
    reference: str
    """The model that differences are taken against."""
    models: Mapping[str, ModelResult]
    noises: Noises = field(default_factory=dict)
    """For the reference and for `ALONE`."""

    @cached_property
    def tasks(self) -> dict[str, TaskFacts]:
        """The tasks, with the fewest rows of any split; one that counts does so in all."""
        by_split = [split.tasks for split in self.splits.values()]
        return {task: _fewest([tasks[task] for tasks in by_split]) for task in by_split[0]}

    @property
    def seeds(self) -> list[int]:
        """The seeds of the runs."""
        return sorted({cell.seed for model in self.models.values() for cell in model.cells})

    def metrics(self) -> list[Metric]:
        """Return the metrics of all kinds of task that there are."""
        return [metric for kind, metrics in METRICS.items() if self.of_kind(kind) for metric in metrics]

    def of_kind(self, kind: TaskKind) -> list[str]:
        """Return the tasks of a kind."""
        return [task for task, facts in self.tasks.items() if facts.kind == kind]

    def scores(self, model: str, metric: Metric) -> Scores:
        """Return a metric by task and cell where it is defined, and its mean where it has one."""
        found: dict[str, dict[Place, float]] = {}
        for cell in self.models[model].tested:
            values = {task: getattr(m, metric.key, None) for task, m in cell.test.items()}
            counting = {task: m for task, m in cell.test.items() if self.tasks[task].counts}
            values[MEAN] = mean_over_tasks(values, counting, self.min_positives)
            for task, value in values.items():
                if value is not None:
                    found.setdefault(task, {})[cell.place] = value
        return found

    def summaries(self, model: str, metric: Metric) -> dict[str, Summary]:
        """Return the same over the cells."""
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
        noises = self.noises.get(reference, {})
        for task, base in gains[reference].items():
            pairs = {
                name: _paired(gains[name].get(task, {}), base, noises.get(name, {}).get(task))
                for name in found
            }
            known = {name: difference for name, difference in pairs.items() if difference is not None}
            for name, difference in holm(known).items():
                found[name][task] = difference
        return found

    def _gains(self, model: str) -> Scores:
        """Return the deciding metric of each task, signed so that more is better."""
        return {
            task: {place: score.sign * value for place, value in by_place.items()}
            for score, *_ in METRICS.values()
            for task, by_place in self.scores(model, score).items()
        }

    def relative(self, model: str) -> Relative:
        """Return what a model costs, over what the reference costs."""
        own, base = (self.models[name].costs() for name in (model, self.reference))
        flops = [_mean(costs, "flops_per_row") for costs in (own, base)]
        seconds = [_mean(costs, "search_seconds", "train_seconds") for costs in (own, base)]
        return Relative(_ratio(*flops), _ratio(*seconds))

    def verdicts(self) -> dict[str, str]:
        """Return what is said of each model but the reference: by the mean, and by each real label."""
        found = {}
        for name, by_task in self.differences(self.reference).items():
            deciding = {
                column: (metric, by_task[column])
                for kind, (metric, *_) in METRICS.items()
                for column in self.judged(kind)
                if column in by_task
            }
            found[name] = verdict(self.reference, deciding, self.relative(name).flops_per_row)
        return found

    def judged(self, kind: TaskKind) -> list[str]:
        """Return the columns by which models are judged."""
        return [MEAN] if kind == "binary" else [t for t in self.of_kind(kind) if self.tasks[t].counts]

    def to_json(self) -> dict[str, Any]:
        """Return everything that was found, what follows from it included, as `compare.json` has it."""
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
    def from_json(cls, found: Mapping[str, Any]) -> "Comparison":
        """Return the comparison whose `to_json` is given; what follows from it is computed again.

        Raises:
            ArtifactError: it is none.

        """
        try:
            return cls(
                **{key: found[key] for key in ("dataset", "user")},
                **{key: found[key] for key in ("min_positives", "trials", "reference")},
                splits={int(seed): Split.from_json(split) for seed, split in found["splits"].items()},
                models={name: ModelResult.from_json(model) for name, model in found["models"].items()},
                noises={
                    against: {
                        name: {task: Noise(**noise) for task, noise in by_task.items()}
                        for name, by_task in by_model.items()
                    }
                    for against, by_model in found["noises"].items()
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
    """Return the sum of the means of costs; None where one is unknown."""
    means = [found.mean for key in keys if (found := costs[key]) is not None]
    return sum(means) if len(means) == len(keys) else None


def _ratio(cost: float | None, base: float | None) -> float | None:
    return cost / base if cost and base else None


def _plain(found: Any) -> Any:
    """Return mappings of values as plain JSON."""
    return {key: _plain(each) for key, each in found.items()} if isinstance(found, Mapping) else asdict(found)
