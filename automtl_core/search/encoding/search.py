"""The encoding search: feature encodings, and the decay of embeddings, which depends on them.

One change after another is tried on held-out training rows with a small network, and with boosted trees where
these read it: a search trains both. It is kept if their mean gain is above a margin and significant. Settings
that the user sets are not searched. The caller supplies the training.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from automtl_core.dataset.encodings import PLAIN, Derived, Encodings
from automtl_core.dataset.schema import LAST, MATCHES, Schema, Task
from automtl_core.search.encoding.aggregates import SIGNIFICANCE, SelectedKey, select_keys
from automtl_core.search.encoding.derived import select_derived
from automtl_core.search.encoding.rows import Rows
from automtl_core.search.held_out import difference
from automtl_core.search.trial import TrialResult
from automtl_core.settings.settings import Search
from automtl_core.system.documents import Value
from automtl_core.tasks.kinds import plain_kind
from automtl_core.training.events import SILENT, Event, Listener, ProgressMade
from automtl_core.training.judged import in_other_view
from automtl_core.training.metrics import TaskMetrics
from automtl_core.training.recipe import EMBEDDING_DECAY, Recipe

ENCODING_SEARCH = "encoding search"
"""The phase in events."""
MARGIN = 0.0005
"""Minimum gain of the mean AUC: that of small models is not always one of large ones."""
DECAY_MARGIN = 0.0003
"""Margin of the decay; a gain need not be beyond chance, since another decay costs nothing."""
ERRORS = 1.0
"""Standard errors that a gain must exceed where labels are certainly predictable: the choice is then no
finding, and to miss a better encoding costs more than to take an equal one."""
DECAY = "embedding_decay"
WEAKER = (1e-3, 1e-4, 1e-5)
"""Values of it that are tried, each if the one before is better."""
Answers = dict[str, Any]
"""Setting -> value: settings of `Encodings`, and `DECAY`."""
Train = Callable[[Answers, bool], Sequence[TrialResult]]
"""Trains the small network with values, and trees if the second argument is True and there are any; returns
their results on held-out rows."""
OF_NETWORKS = frozenset({"numbers", DECAY})
"""Settings that trees do not read."""
HISTORY = ((MATCHES, f"{LAST}3"), (MATCHES, f"{LAST}10", "attention"))
"""Inputs from histories: those that are tried first, and those that are tried if these have a gain."""


class OutOfTimeError(Exception):
    """A training was ended by a time limit, so that its score is not comparable."""


@dataclass(frozen=True)
class EncodingTrial(Value):
    """Values of encoding settings that were tried."""

    answers: Answers
    score: float
    """Mean over tasks of `evidence_as_auc` on held-out training rows."""


@dataclass(frozen=True)
class OtherView(Value):
    """The gain of chosen encodings in the view that did not decide: over all rows, or within lists."""

    measure: str
    gain: float
    """In the unit of `EncodingTrial.score`."""
    error: float
    """Standard error of the gain."""


@dataclass(frozen=True)
class EncodingSearchResult(Value):
    """The result of the encoding search."""

    answers: Answers
    """The chosen values of the searched settings."""
    trials: tuple[EncodingTrial, ...] = ()
    """All values that were tried, in order; the first are the defaults."""
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
        """Gain of the chosen values over the defaults."""
        return self.best.score - self.trials[0].score


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
        train: Trains the models; raises `OutOfTimeError` to end the search with its best values so far.
        listener: Receives the progress of the search.

    """
    trials = _Trials(rows, encodings, recipe, train)
    if not rows.enough:
        why = f"too few held-out training rows ({len(rows.look):,}) or positive labels"
        return EncodingSearchResult(trials.best, why=why)
    if "aggregates" in trials.best:
        trials.keys = tuple(select_keys(rows))
    if "derived" in trials.best:
        trials.derived = select_derived(rows)
    with suppress(OutOfTimeError):
        for place, answers in enumerate(trials.candidates()):
            part = f"trial {place + 1} of at most {trials.most}"
            listener(ProgressMade(ENCODING_SEARCH, part, place / trials.most))
            trials.consider(answers)
    tried = trials.trials()
    why = "" if tried else "the time budget is too short for a single trial"
    used = [one["key"] for one in trials.best.get("aggregates", ())]
    chosen = tuple(one for one in trials.keys if one.key in used)
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
        self.keys: Sequence[SelectedKey] = ()
        self.derived: tuple[Derived, ...] = ()
        self.tried: list[tuple[Answers, list[TrialResult]]] = []  # with results of the network, then of trees
        self._by_read: dict[str, list[TrialResult]] = {}  # results of trees by what they read
        self._sure = float(ndtri(1 - SIGNIFICANCE / max(self.most - 1, 1)))  # standard errors

    @property
    def most(self) -> int:
        """Largest number of values to try; fewer where a change has no effect on the best values."""
        numbers = bool(self.rows.schema.dense)
        counts = {"aggregates": 2, "history": len(HISTORY), "numbers": 2 * numbers, "derived": int(numbers)}
        counts[DECAY] = len(WEAKER)
        return 1 + sum(count for name, count in counts.items() if name in self.best)

    def candidates(self) -> Iterator[Answers]:
        """Yield the values to try, each as a change of the best values so far."""
        yield self.best
        if "history" in self.best:
            yield self._changed(history=HISTORY[0])
        keys = tuple(one.aggregate.model_dump(exclude_defaults=True) for one in self.keys)
        # Embeddings of single fields, or histories, may say the same as a key of one field.
        for chosen in filter(None, (keys, tuple(one for one in keys if len(one["key"]) > 1))):
            yield self._changed(aggregates=chosen)
        if self.derived:
            yield self._changed(derived=self.derived)
        if self.rows.schema.dense:
            yield self._changed(numbers="bins")
            if self.best.get("numbers") == "bins" and self.best.get("aggregates"):
                yield self._changed(aggregates=())  # bins may say the same
        for decay in WEAKER if DECAY in self.best else ():
            yield self._changed(**{DECAY: decay})
            if self.best[DECAY] != decay:
                break
        if self.best.get("history"):  # last, since each training with them takes twice as long
            yield self._changed(history=HISTORY[1])

    def consider(self, answers: Answers) -> None:
        """Try values, unless they were tried before, and keep them if they are the best so far."""
        if any(one == answers for one, _ in self.tried):
            return
        read = str([answers[name] for name in answers if name not in OF_NETWORKS])
        network, *trees = self.train(answers, read not in self._by_read)
        self._by_read.setdefault(read, trees)
        results = [network, *self._by_read[read]]
        self.tried.append((answers, results))
        if answers is self.best:
            return
        changed = {name for name in answers if answers[name] != self.best[name]}
        pairs = list(zip(results, self._of(self.best), strict=True))
        pairs = pairs[:1] if changed <= OF_NETWORKS else pairs
        ahead = float(np.mean([self._mean(one) - self._mean(other) for one, other in pairs]))
        if changed == {"aggregates"} and self.best["aggregates"]:  # fewer keys cost less
            kept = ahead > 0
        elif changed == {DECAY}:
            kept = ahead > DECAY_MARGIN
        else:
            kept = ahead > MARGIN and self._significant(pairs)
        self.best = answers if kept else self.best

    def trials(self) -> tuple[EncodingTrial, ...]:
        """Return all values that were tried, in order."""
        return tuple(EncodingTrial(one, float(np.mean([*map(self._mean, of)]))) for one, of in self.tried)

    def other_view(self) -> OtherView | None:
        """Return the gain of the best values over none of them in the other view."""
        task = next((of for of in self.rows.telling if in_other_view(of, self.rows.look.groups)), None)
        other = task and in_other_view(task, self.rows.look.groups)
        if other is None or not self.tried or self.best == self.tried[0][0]:
            return None
        after, before = (of[0].other_view for of in (self._of(self.best), self.tried[0][1]))
        if after is None or before is None:
            return None
        gain = difference(before - after, np.zeros_like(after))
        return OtherView(other.type.measure, gain.mean, gain.error)

    def _changed(self, **changes: Any) -> Answers:
        """Return the best values with changes to searched settings."""
        return {name: changes.get(name, answer) for name, answer in self.best.items()}

    def _of(self, answers: Answers) -> list[TrialResult]:
        """Return the results of the network and the trees with values."""
        return next(of for one, of in self.tried if one == answers)

    def _significant(self, pairs: Sequence[tuple[TrialResult, TrialResult]]) -> bool:
        """Return whether the gain of the first results over the second ones is beyond chance.

        Where labels are certainly predictable, `ERRORS` standard errors are enough. A metric of lists is
        uncertain: inputs may tell about moments, and nothing about the order of a list.
        """
        losses = [(one.losses, other.losses) for one, other in pairs]
        by_row = [other - one for one, other in losses if one is not None and other is not None]
        if not by_row:
            return True
        gain = difference(np.mean(by_row, axis=0), np.zeros_like(by_row[0]))
        first = self.tried[0][1][0].metrics
        predictable = any(_clear(first[task.name]) for task in self.rows.telling)
        loose = predictable and not ranked(self.rows.telling)
        return gain.mean > (ERRORS if loose else self._sure) * gain.error

    def _mean(self, result: TrialResult) -> float:
        """Return the mean score over the tasks with enough held-out rows."""
        return float(np.mean([evidence_as_auc(result.metrics[task.name]) for task in self.rows.telling]))


def encoding_domains(result: EncodingSearchResult, schema: Schema) -> dict[str, Search]:
    """Return the domain of each encoding that was `auto`; none for one without an effect on the data.

    Args:
        result: Result of the encoding search, with the selected aggregates.
        schema: The fields.

    """
    domains: dict[str, Search] = {}
    if schema.dense:
        domains["numbers"] = Search(choices=("standard", "bins"))
    for name in ("aggregates", "derived"):
        if chosen := result.answers.get(name):
            domains[name] = Search(choices=((), chosen))
    if schema.histories:
        domains["history"] = Search(choices=((), *HISTORY))
    return {name: domain for name, domain in domains.items() if name in result.answers and name != DECAY}
