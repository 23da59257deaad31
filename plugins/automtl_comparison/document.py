"""The outcome of a comparison: the metrics of each cell, and statistics over seeds and splits.

A `Comparison` holds the measured values. Means, differences, costs and verdicts are computed from them on
demand, so that they are always consistent, also after reading from JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import nan
from typing import Any, Literal

import numpy as np

from automtl_comparison.statistics import Influences, Noise, Place, Summary, noises, paired, summary
from automtl_core.choices import Decision
from automtl_core.modules.cost import cost_in_words
from automtl_core.system.documents import Value, plain
from automtl_core.tasks.kind import Measure, TaskKind
from automtl_core.tasks.kinds import distinct
from automtl_core.training.metrics import Metrics, flat, mean_over_tasks, measures
from automtl_core.training.significance import Difference, Standing
from automtl_report.numbers import AGAINST, LEVEL, change, p_value

MEAN = "mean"
"""Column of the mean over tasks of two classes with enough positives; errors in the units of different labels
have no mean."""


ALONE = "single-task"
"""The model that negative transfer is measured against."""


@dataclass(frozen=True)
class Split(Value):
    """The data of one split."""

    fingerprint: str
    """Fingerprint of the prepared data."""
    rows: Mapping[str, int]
    """Part -> number of rows."""
    tasks: Metrics
    """Rows and positive labels of the test part by task; no predictions are measured."""


Part = Literal["test", "validation"]


@dataclass(frozen=True)
class CellResult(Value):
    """One training of a model: its results, or the error that it ended with."""

    split: int
    """Seed of the split."""
    seed: int
    run: str
    """Name of its folder among the cells."""
    best_epoch: int | None = None
    test: Metrics = field(default_factory=dict)
    parameters: int | None = None
    parameters_beside_embeddings: int | None = None
    flops_per_row: int | None = None
    search_seconds: float | None = None
    train_seconds: float | None = None
    rows_per_second: float | None = None
    cut_short: bool = False
    """Whether the last epoch came before early stopping."""
    validation: Metrics = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    """The architecture."""
    error: str | None = None
    """Message of a cell without results; if a loss was not finite, with the loss."""
    diverged: bool = False
    """Whether training diverged, as it would again. Otherwise the same command tries the cell again."""

    @property
    def place(self) -> Place:
        """The seeds that pair cells of two models."""
        return self.split, self.seed


COSTS = (
    "parameters", "parameters_beside_embeddings", "flops_per_row", "search_seconds", "train_seconds",
    "rows_per_second",
)  # fmt: skip
"""The costs of a network and its training, fields of `CellResult`."""


@dataclass(frozen=True)
class ModelResult(Value):
    """The results of one model."""

    space: str
    strategy: str | None
    """None for a model without a search."""
    recipes: Mapping[int, Mapping[str, float | None]]
    """Seed of a split -> the values of settings that tuning may change; None where the model does not have
    the setting."""
    cells: tuple[CellResult, ...]
    """One for each seed and split."""

    @property
    def tested(self) -> list[CellResult]:
        """The cells with results."""
        return [cell for cell in self.cells if cell.error is None]

    def mean_costs(self) -> dict[str, Summary | None]:
        """Return mean and standard deviation of each of `COSTS` over the cells; None where it is unknown."""
        known = {
            key: [value for cell in self.tested if (value := getattr(cell, key)) is not None] for key in COSTS
        }
        return {key: summary(values) if values else None for key, values in known.items()}


Scores = Mapping[str, Mapping[Place, float]]
"""Task, or `MEAN` -> (seed of the split, seed of the run) -> value."""
Noises = Mapping[str, Mapping[str, Mapping[str, Noise]]]
"""Reference model -> model -> task, or `MEAN` -> contribution of test rows to the variance."""


@dataclass(frozen=True)
class Comparison(Value):
    """The compared models with their results."""

    dataset: str
    splits: Mapping[int, Split]
    """Seed of a split -> its data."""
    user: str | None
    """The user field, whose values are units of the test part; None where rows are."""
    min_positives: int
    """Test rows of either class that a task needs to count."""
    trials: int
    """Number of recipes that each model tried."""
    reference: str
    """The model that the other models are compared with."""
    models: Mapping[str, ModelResult]
    noises: Noises = field(default_factory=dict, kw_only=True)
    """Entries for the reference, for `ALONE`, and for the best model."""
    margins: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    """Task, or `MEAN` -> difference that counts as level; 0 where there is none."""
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    """Sentences on the rows and the predictions."""

    @cached_property
    def tasks(self) -> Metrics:
        """Rows and positive labels by task, of the split with the fewest."""
        by_split = [split.tasks for split in self.splits.values()]
        return {
            task: min((tasks[task] for tasks in by_split), key=lambda of: of.effective_rows)
            for task in by_split[0]
        }

    @cached_property
    def few(self) -> Metrics:
        """The tasks with too few test rows, of either class if there are classes, on any split."""
        return {task: of for task, of in self.tasks.items() if not of.is_informative(self.min_positives)}

    @property
    def cells(self) -> list[tuple[str, CellResult]]:
        """All cells, each with the name of its model."""
        return [(name, cell) for name, model in self.models.items() for cell in model.cells]

    @property
    def lost(self) -> dict[str, bool]:
        """Each cell without results, with its error -> whether its training diverged."""
        lost = [(name, cell) for name, cell in self.cells if cell.error is not None]
        return {f"{name}, seed {c.seed}, split {c.split}: {c.error}": c.diverged for name, c in lost}

    @property
    def failed(self) -> list[str]:
        """The cells that failed otherwise than by a training that diverged, with their errors."""
        return [what for what, diverged in self.lost.items() if not diverged]

    @property
    def trained(self) -> bool:
        """Whether the comparison has trained its models, and knows their data and costs."""
        return any(split.fingerprint for split in self.splits.values())

    @property
    def seeds(self) -> list[int]:
        """Seeds of the runs."""
        return sorted({cell.seed for _, cell in self.cells})

    @property
    def kinds(self) -> list[TaskKind]:
        """The kinds of the tasks, first those whose scores have a mean over tasks."""
        return distinct(facts.kind for facts in self.tasks.values())

    @property
    def columns(self) -> dict[str, Measure]:
        """What models are compared in, with its score: the mean of the first kind, and each task."""
        of_tasks = {task: kind.score for kind in self.kinds for task in self.of_kind(kind)}
        return {MEAN: self.kinds[0].score, **of_tasks}

    @property
    def judged(self) -> list[str]:
        """The columns that verdicts are based on: the mean, and each task outside of it; with enough rows."""
        first = self.kinds[0]
        averaged = self.of_kind(first) if first.two_classes else []
        return [MEAN] * bool(averaged) + [
            task for task in self.columns if task not in (MEAN, *averaged, *self.few)
        ]

    def metrics(self) -> list[Measure]:
        """Return the metrics of all tasks in the comparison."""
        every = [metric for kind in self.kinds for metric in self.of_tasks(kind)]
        return list({(metric.key, metric.title): metric for metric in reversed(every)}.values())[::-1]

    def of_tasks(self, kind: TaskKind) -> list[Measure]:
        """Return the metrics of the tasks of a kind, also registered ones."""
        tasks = self.of_kind(kind)
        return measures(kind, [cell.test[t] for _, cell in self.cells for t in tasks if t in cell.test])

    def of_kind(self, kind: TaskKind) -> list[str]:
        """Return the tasks of a kind."""
        return [task for task, facts in self.tasks.items() if facts.kind == kind.name]

    def scores(self, model: str, metric: Measure, part: Part = "test") -> Scores:
        """Return a metric by task and cell where it is defined, with its mean over tasks where it has one."""
        stored: dict[str, dict[Place, float]] = {}
        for cell in self.models[model].tested:
            measured: Metrics = getattr(cell, part)
            values = {task: flat(m).get(metric.key) for task, m in measured.items()}
            counting = {t: m for t, m in measured.items() if t not in self.few and metric.key in flat(m)}
            values[MEAN] = mean_over_tasks(values, counting, self.min_positives)
            for task, value in values.items():
                if value is not None:
                    stored.setdefault(task, {})[cell.place] = value
        return stored

    def summaries(self, model: str, metric: Measure) -> dict[str, Summary]:
        """Return a metric's mean and standard deviation over the cells, by task."""
        return {task: summary(list(by.values())) for task, by in self.scores(model, metric).items()}

    def main_scores(self, model: str) -> Scores:
        """Return the score of each task by cell, and the mean of the first kind."""
        by_score = {score: self.scores(model, score) for score in self.columns.values()}
        found = {column: by_score[score].get(column, {}) for column, score in self.columns.items()}
        return {column: by_place for column, by_place in found.items() if by_place}

    def differences(self, reference: str) -> dict[str, dict[str, Difference]]:
        """Return the difference of each other model to `reference`, in the score of each task.

        It is positive where the model is better, and corrected for the number of models and of scores that
        verdicts are based on. The result is empty if the reference is not among the models.
        """
        if reference not in self.models:
            return {}
        base, noises = self.main_scores(reference), self.noises.get(reference, {})
        signs = {task: self.columns[task].sign for task in base}
        looks = (len(self.models) - 1) * max(1, len(self.judged))
        stored: dict[str, dict[str, Difference]] = {name: {} for name in self.models if name != reference}
        for name, of_model in stored.items():
            scores, rows = self.main_scores(name), noises.get(name, {})
            for task, sign in signs.items():
                if common := sorted(scores.get(task, {}).keys() & base[task].keys()):
                    own, bases = ([sign * of[task][cell] for cell in common] for of in (scores, base))
                    of_model[task] = paired(own, bases, rows.get(task), looks)
        return stored

    def seen_by(self, influences: Mapping[str, Mapping[Place, Influences]]) -> "Comparison":
        """Return the comparison with the contribution of test rows to the variance of each difference.

        Args:
            influences: Model -> cell -> influence of each unit of the test rows on its scores.

        """
        first = self.kinds[0]
        counting = [t for t in self.of_kind(first) if first.two_classes and t not in self.few]

        def with_mean(found: Influences) -> Influences:
            mean = {MEAN: np.mean([found[task] for task in counting], axis=0)} if counting else {}
            return {**found, **mean}

        of = {name: {at: with_mean(one) for at, one in cells.items()} for name, cells in influences.items()}
        bases = [name for name in dict.fromkeys((self.reference, ALONE, self.best)) if name in of]
        against = {b: {name: noises(of[name], of[b]) for name in of if name != b} for b in bases}
        return replace(self, noises=against)

    def relative(self, model: str) -> dict[str, float | None]:
        """Return the mean costs of a model, divided by those of the reference; None where unknown.

        They are `flops_per_row`, and the `seconds` of search and training together. FLOPs count matrix
        products, so they are unknown for a model without any, such as boosted trees.
        """
        costs = {"flops_per_row": ("flops_per_row",), "seconds": ("search_seconds", "train_seconds")}

        def total(name: str, cost: str) -> float:
            means = [self.models[name].mean_costs()[key] for key in costs[cost]]
            return sum(mean.mean if mean else nan for mean in means)

        ratios = {cost: total(model, cost) / (total(self.reference, cost) or nan) for cost in costs}
        return {cost: ratio if ratio > 0 else None for cost, ratio in ratios.items()}

    def verdicts(self) -> dict[str, str]:
        """Return the verdict on each other model: by the mean over tasks, and by each task outside of it."""
        stored = {}
        for name, by_task in self.differences(self.reference).items():
            deciding = {c: (self.columns[c], by_task[c]) for c in self.judged if c in by_task}
            cost = self.relative(name)["flops_per_row"]
            stored[name] = verdict(self.reference, deciding, cost, self.margins)
        return stored

    def standing(self, column: str, difference: Difference) -> Standing | None:
        """Return where a difference in a column stands, beyond the margin of the column."""
        return difference.standing(self.margins.get(column, 0.0))

    def standings(self) -> dict[str, Standing]:
        """Return each other model as ahead in a judged column and behind in none, the reverse, or level."""
        stored: dict[str, Standing] = {}
        for name, by_task in self.differences(self.reference).items():
            of_columns = [
                self.standing(column, by_task[column]) for column in self.judged if column in by_task
            ]
            ahead, behind = "ahead" in of_columns, "behind" in of_columns
            stored[name] = "level" if ahead == behind else "ahead" if ahead else "behind"
        return stored

    @property
    def verdict(self) -> Standing:
        """The standing of the best model beside the reference."""
        found = self.standings().values()
        return "ahead" if "ahead" in found else "level" if "level" in found else "behind"

    @property
    def best(self) -> str | None:
        """The model with the highest mean score over tasks; None without such a mean."""
        means = {name: self.summaries(name, self.kinds[0].score).get(MEAN) for name in self.models}
        known = {name: mean.mean for name, mean in means.items() if mean is not None}
        return max(known, key=lambda name: known[name], default=None)

    def advice(self) -> str | None:
        """Return a sentence on the best model, its equals and the cheapest of them; None without a mean."""
        best = self.best
        against = {} if best is None else self.differences(best)
        known = {name: self.standing(MEAN, of[MEAN]) for name, of in against.items() if MEAN in of}
        if best is None or not any(known.values()):
            return None
        level = [name for name, standing in known.items() if standing == "level"]
        text = f"`{best}` has the best mean test {self.kinds[0].score.title}"
        if not level:
            return f"{text}, and is ahead of all others"
        text += f"; {LEVEL} from it: {', '.join(f'`{name}`' for name in level)}"
        costs = {name: self.models[name].mean_costs()["flops_per_row"] for name in (best, *level)}
        flops = {name: cost.mean for name, cost in costs.items() if cost and cost.mean}
        cheapest = min(flops, key=lambda name: flops[name], default=best)
        if cheapest != best and best in flops:
            text += f"; `{cheapest}` costs least of them, {cost_in_words(flops[cheapest] / flops[best])}"
        return text

    def to_json(self) -> dict[str, Any]:
        """Return the measured values and everything computed from them."""
        values = super().to_json()
        for name, model in values["models"].items():
            means = {metric.key: self.summaries(name, metric) for metric in self.metrics()}
            costs = {"costs": self.models[name].mean_costs()}
            model |= plain({**costs, **means, "relative_costs": self.relative(name)})
        changes = {"differences": self.differences(self.reference), "transfer": self.differences(ALONE)}
        sentences = {"verdicts": self.verdicts(), "standings": self.standings(), "advice": self.advice()}
        return {**values, **plain(changes), "seeds": self.seeds, **sentences}


def verdict(
    reference: str,
    differences: Mapping[str, tuple[Measure, Difference]],
    cost: float | None,
    margins: Mapping[str, float],
) -> str:
    """Return the verdict on a model.

    Args:
        reference: The model that it is compared with.
        differences: Score -> its metric, and the difference, positive where the model is better. Empty where
            the model or the reference has no score.
        cost: FLOPs per row, divided by those of the reference; None where unknown.
        margins: Score -> difference that counts as level; 0 where there is none.

    Returns:
        A text such as "ahead of mmoe at a third of its FLOPs (+0.0041, p .012)".

    """
    if not differences:
        return f"no reliable score to compare with {reference}"
    parts, at = list[str](), "" if cost is None else f" at {cost_in_words(cost)}"
    for name, (metric, one) in differences.items():
        words = change(one.mean, form=metric.form)
        if one.adjusted_p is not None:  # with one pair of trainings, it is over rows
            words += f", p {p_value(one.adjusted_p)}" + " over rows" * (one.cells == 1)
        standing = AGAINST[one.standing(margins.get(name, 0.0))]
        parts.append(f"{name}: " * (len(differences) > 1) + f"{standing} {reference}{at} ({words})")
        at = ""
    return "; ".join(parts)
