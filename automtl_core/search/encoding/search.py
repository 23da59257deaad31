"""The encoding search: feature encodings, and the decay of embeddings, which depends on them.

One change after another is tried with a small model on held-out training rows. It is kept if its gain is
above a margin and significant. Settings that the user sets are not searched. The caller supplies the training
of the model.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from automtl_core.dataset.encodings import PLAIN, Encodings
from automtl_core.dataset.schema import LAST, MATCHES, Schema, Task
from automtl_core.search.encoding.aggregates import SIGNIFICANCE, SelectedKey, select_keys
from automtl_core.search.encoding.rows import Rows
from automtl_core.search.held_out import difference
from automtl_core.search.trial import TrialResult
from automtl_core.settings.settings import Search
from automtl_core.system.documents import Value
from automtl_core.tasks.kinds import plain_kind
from automtl_core.training.events import SILENT, Event, Listener, ProgressMade
from automtl_core.training.judged import in_other_view
from automtl_core.training.metrics import Metrics, TaskMetrics
from automtl_core.training.recipe import EMBEDDING_DECAY, Recipe

ENCODING_SEARCH = "encoding search"
"""The phase in events."""
MARGIN = 0.0005
"""Minimum gain of the mean AUC: that of a small model is not always one of a large model."""
DECAY_MARGIN = 0.0003
"""Margin of the decay; a gain need not be beyond chance, since another decay costs nothing."""
CLEAR = 0.01
"""Gain of the mean AUC from which one training is enough."""
ERRORS = 1.0
"""Standard errors that a gain must exceed where labels are certainly predictable: the choice is then no
finding, and to miss a better encoding costs more than to take an equal one."""
DECAY = "embedding_decay"
WEAKER = (1e-3, 1e-4, 1e-5)
"""Values of it that are tried, each if the one before is better."""
Answers = dict[str, Any]
"""Setting -> value: settings of `Encodings`, and `DECAY`."""
Train = Callable[[Sequence[tuple[Answers, int]]], Sequence[TrialResult]]
"""Trains the small model with each pair of values and seed, and returns its results on held-out rows."""
HISTORY = ((MATCHES, f"{LAST}3"), (MATCHES, f"{LAST}3", "attention"))
"""Inputs from histories to try, in order."""


class OutOfTimeError(Exception):
    """A training was ended by a time limit, so that its score is not comparable."""


@dataclass(frozen=True)
class EncodingTrial(Value):
    """Values of encoding settings that were tried."""

    answers: Answers
    score: float
    """Mean over tasks of `evidence_as_auc` on held-out training rows."""
    trainings: int
    """Number of trainings that the score is averaged over."""


@dataclass(frozen=True)
class OtherView(Value):
    """The gain of chosen encodings in the view that did not decide: over all rows, or within lists."""

    measure: str
    gain: float
    """In the unit of `EncodingTrial.score`."""
    error: float
    """Standard error of the gain."""

    @property
    def worse(self) -> bool:
        """Whether the gain is below 0 beyond chance."""
        return self.gain < -1.96 * self.error


@dataclass(frozen=True)
class EncodingSearchResult(Value):
    """The result of the encoding search."""

    answers: Answers
    """The chosen values of the searched settings."""
    trials: tuple[EncodingTrial, ...] = ()
    """All values that were tried, in order; the first are the selected aggregates and the defaults, which are
    kept unless fewer aggregates or other values are better."""
    keys: tuple[SelectedKey, ...] = ()
    """The keys of aggregates, with their evidence."""
    why: str = ""
    """Reason why no values were tried; else empty."""
    measure: str = "AUC or R2"
    """Title of the scores."""
    other_view: OtherView | None = None
    """The gain in the other view; None where the data has no users and no lists, or nothing was chosen."""

    @property
    def best(self) -> EncodingTrial:
        """The chosen values, with their score; there must be some that were tried."""
        return next(trials for trials in self.trials if trials.answers == self.answers)

    @property
    def gain(self) -> float:
        """Gain of the chosen values over none of them: no aggregates, and the defaults."""
        none = next((one for one in self.trials if not one.answers.get("aggregates")), self.trials[0])
        return self.best.score - none.score


@dataclass(frozen=True)
class EncodingsChosen(Event):
    """The encoding search ended."""

    result: EncodingSearchResult


def search_encodings(
    rows: Rows, encodings: Encodings, recipe: Recipe, train: Train, listener: Listener = SILENT
) -> EncodingSearchResult:
    """Return values of the settings `auto` of encodings and recipe.

    Args:
        rows: Rows to learn from, and held-out rows.
        encodings: Encodings; settings of the user are kept.
        recipe: The training settings.
        train: Trains the small model; raises `OutOfTimeError` to end the search with its best values so far.
        listener: Receives the progress of the search.

    """
    trials = _Trials(rows, encodings, recipe, train)
    if not rows.enough:
        why = f"too few held-out training rows ({len(rows.look):,}) or positive labels to compare encodings"
        return EncodingSearchResult(trials.best, why=why)
    keys = tuple(select_keys(rows)) if "aggregates" in trials.best else ()
    if keys:
        trials.best["aggregates"] = tuple(one.aggregate.model_dump(exclude_defaults=True) for one in keys)
    if trials.best.keys() <= {"aggregates"}:  # their selection needs no training
        return EncodingSearchResult(trials.best, keys=keys)
    with suppress(OutOfTimeError):
        for place, answers in enumerate(trials.candidates()):
            part = f"trial {place + 1} of at most {trials.most}"
            listener(ProgressMade(ENCODING_SEARCH, part, place / trials.most))
            trials.consider(answers)
    tried = trials.trials()
    why = "" if tried else "the time budget is too short for a single trial"
    used = [one["key"] for one in trials.best.get("aggregates", ())]
    chosen = tuple(one for one in keys if one.key in used)
    title = " or ".join(dict.fromkeys(task.type.measure for task in rows.telling))
    return EncodingSearchResult(trials.best, tried, chosen, why, title, trials.other_view())


def _clear(metrics: TaskMetrics) -> bool:
    """Return whether a task is predicted beyond any doubt: an R2 above .02, or an AUC far above .5."""
    if metrics.evidence is None:
        return False
    if metrics.interval is None:
        return metrics.positives is None and metrics.evidence > 0.02
    return metrics.evidence - 0.5 > 3 * (metrics.evidence - metrics.interval[0])


def evidence_as_auc(metrics: TaskMetrics) -> float:
    """Return the AUC of a task, or another measure of `TaskKind.evidence`; R2 on the scale of AUC.

    If label and prediction are normal with correlation sqrt(R2), the row with the larger prediction is that
    with the larger label with probability 1/2 + arcsin(sqrt(R2)) / pi (Greiner 1909). A gain of R2 itself is
    several times as large as one of AUC, and would decide alone.
    """
    if metrics.evidence is None or metrics.type.evidence != "r2":
        return np.nan if metrics.evidence is None else metrics.evidence
    return 0.5 + math.asin(max(metrics.evidence, 0.0) ** 0.5) / math.pi


def ranked(tasks: Sequence[Task]) -> list[str]:
    """Return the tasks of 0 and 1 that a metric of lists judges: one with `terms`, not one of all rows."""
    judged = {task.name: task.type for task in tasks if task.kind != plain_kind(task.kind)}
    return [name for name, of in judged.items() if of.two_classes and of.evidence == of.score.key]


class _Trials:
    """Values that were tried, with their scores, and the best of them."""

    def __init__(self, rows: Rows, encodings: Encodings, recipe: Recipe, train: Train) -> None:
        self.rows, self.encodings, self.train = rows, encodings, train
        searched = [name for name in encodings.unanswered() if name != "history" or rows.schema.histories]
        self.best: Answers = {name: PLAIN[name] for name in searched}
        if recipe.embedding_decay == "auto":
            self.best[DECAY] = EMBEDDING_DECAY
        self._results: list[tuple[Answers, list[TrialResult]]] = []
        self._sure = float(ndtri(1 - SIGNIFICANCE / max(self.most - 1, 1)))  # standard errors

    @property
    def most(self) -> int:
        """Largest number of values to try; fewer where a change has no effect on the best values."""
        numbers = bool(self.rows.schema.dense)
        counts = {"aggregates": 2, "history": len(HISTORY), "numbers": 2 * numbers, DECAY: len(WEAKER)}
        return 1 + sum(count for name, count in counts.items() if name in self.best)

    def candidates(self) -> Iterator[Answers]:
        """Yield the values to try, each as a change of the best values so far."""
        yield self.best
        if keys := self.best.get("aggregates"):
            # Embeddings of single fields may say the same.
            yield self._changed(aggregates=tuple(one for one in keys if len(one["key"]) > 1))
            yield self._changed(aggregates=())
        if "history" in self.best:
            for parts in HISTORY:
                yield self._changed(history=parts)
        if self.rows.schema.dense:
            yield self._changed(numbers="bins")
            if self.best.get("numbers") == "bins" and self.best.get("aggregates"):
                yield self._changed(aggregates=())  # bins may say the same too
        for decay in WEAKER if DECAY in self.best else ():
            yield self._changed(**{DECAY: decay})
            if self.best[DECAY] != decay:
                break

    def consider(self, answers: Answers) -> None:
        """Try values, unless they were tried before, and keep them if they are the best so far."""
        if any(answers == tried for tried, _ in self._results):
            return
        self._train(answers)
        if answers is self.best:
            return
        if answers.get("aggregates") != self.best.get("aggregates"):  # their selection is evidence for them
            self.best = answers if self._ahead(answers) > 0 else self.best
            return
        changed = [name for name in answers if answers[name] != self.best[name]]
        decay = changed == [DECAY]
        least, seeds = DECAY_MARGIN if decay else MARGIN, self.rows.settings.seeds
        while least < self._ahead(answers) < CLEAR and len(self._of(answers)) < seeds:
            behind = len(self._of(self.best)) <= len(self._of(answers))
            self._train(answers, *[self.best] * behind)
        # A metric of lists is uncertain: small gains are often chance. Inputs may tell about moments, and
        # nothing about the order of a list.
        errors = 0.0 if decay else self._sure if ranked(self.rows.telling) else ERRORS
        if self._ahead(answers) > least and self._significant(answers, errors):
            self.best = answers

    def trials(self) -> tuple[EncodingTrial, ...]:
        """Return all values that were tried, in order."""
        return tuple(
            EncodingTrial(answers, float(np.mean([self._mean(r.metrics) for r in results])), len(results))
            for answers, results in self._results
            if results
        )

    def other_view(self) -> OtherView | None:
        """Return the gain of the best values over none of them in the other view."""
        none = next((one for one, _ in self._results if not one.get("aggregates")), self.best)
        pairs = [
            (one.other_view, other.other_view)
            for one, other in zip(self._of(self.best), self._of(none), strict=False)
        ]
        by_row = [other - one for one, other in pairs if one is not None and other is not None]
        task = next((of for of in self.rows.telling if in_other_view(of, self.rows.look.groups)), None)
        other = task and in_other_view(task, self.rows.look.groups)
        if none == self.best or not by_row or other is None:
            return None
        gain = difference(np.mean(by_row, axis=0), np.zeros_like(by_row[0]))
        return OtherView(other.type.measure, gain.mean, gain.error)

    def _changed(self, **changes: Any) -> Answers:
        """Return the best values with changes to searched settings."""
        return {name: changes.get(name, answer) for name, answer in self.best.items()}

    def _ahead(self, answers: Answers) -> float:
        """Return the gain over the best values, averaged over the seeds that both have."""
        pairs = list(zip(self._of(answers), self._of(self.best), strict=False))
        return float(np.mean([self._mean(one.metrics) - self._mean(other.metrics) for one, other in pairs]))

    def _significant(self, answers: Answers, errors: float) -> bool:
        """Return whether the gain over the best values is beyond chance, on the rows that were compared.

        Args:
            answers: The values.
            errors: Number of standard errors that are enough where labels are certainly predictable.

        """
        pairs = list(zip(self._of(answers), self._of(self.best), strict=False))
        losses = [(one.losses, other.losses) for one, other in pairs]
        by_row = [other - one for one, other in losses if one is not None and other is not None]
        if not by_row:
            return True
        gain = difference(np.mean(by_row, axis=0), np.zeros_like(by_row[0]))
        first = self._results[0][1][0].metrics
        predictable = any(_clear(first[task.name]) for task in self.rows.telling)
        return gain.mean > (errors if predictable else self._sure) * gain.error

    def _of(self, answers: Answers) -> list[TrialResult]:
        return next((results for tried, results in self._results if tried == answers), [])

    def _train(self, *answers: Answers) -> None:
        """Train once more with each of these values, each with its next seed."""
        for each in answers:
            if not self._of(each):
                self._results.append((each, []))
        trained = self.train([(each, len(self._of(each))) for each in answers])
        for each, result in zip(answers, trained, strict=True):
            self._of(each).append(result)

    def _mean(self, metrics: Metrics) -> float:
        """Return the mean score over the tasks with enough held-out rows."""
        return float(np.mean([evidence_as_auc(metrics[task.name]) for task in self.rows.telling]))


def encoding_domains(result: EncodingSearchResult, schema: Schema) -> dict[str, Search]:
    """Return the domain of each encoding that was `auto`; none for one without an effect on the data.

    Args:
        result: Result of the encoding search, with the selected aggregates.
        schema: The fields.

    """
    domains: dict[str, Search] = {}
    if schema.dense:
        domains["numbers"] = Search(choices=("standard", "bins"))
    if chosen := result.answers.get("aggregates"):
        domains["aggregates"] = Search(choices=((), chosen))
    if schema.histories:
        domains["history"] = Search(choices=((), *HISTORY))
    return {name: domain for name, domain in domains.items() if name in result.answers and name != DECAY}
