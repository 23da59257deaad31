"""Behaviour of a network on test rows: its use of experts, its calibration, and its scores by refresh.

Use of experts: mean weights in gates, and the similarity of their outputs. Letters: R rows, K experts, H
expert width.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import sqrt
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, ndtri
from torch import Tensor, nn

from automtl_core.data.part import Part
from automtl_core.dataset.encodings import Refresh
from automtl_core.modules.network import Mixed, gates_of
from automtl_core.modules.sharing import group_and_word
from automtl_core.run_dir.facts import Fact
from automtl_core.system.documents import Value
from automtl_core.tasks.builtin import log_loss
from automtl_core.training.compute import Compute
from automtl_core.training.loop import predict
from automtl_core.workflow.stage import OnTestRows, Stage
from automtl_inspection.importance import sample

COMPARED = 2_000
"""Maximum number of rows whose outputs are compared."""
ByExpert = Mapping[str, float]


@dataclass(frozen=True)
class ExpertUse(Value):
    """The use of the experts that the parts of a network read."""

    rows: int
    """Number of validation rows."""
    weights: Mapping[str, ByExpert]
    """Reader, such as `task/click` -> expert -> its mean weight in the gate of the reader."""
    similarity: Mapping[str, Mapping[str, ByExpert]]
    """Group of readers, such as `task` -> expert -> expert -> similarity of their outputs, from 0 to 1."""

    def alike(self) -> Iterator[tuple[str, str, float]]:
        """Yield the pairs of experts with nearly the same outputs (above .95), and their similarity."""
        for experts in self.similarity.values():
            for place, (one, others) in enumerate(experts.items()):
                for other, value in list(others.items())[place + 1 :]:
                    if value > 0.95:
                        yield one, other, value

    def idle(self) -> Iterator[str]:
        """Yield the experts whose readers all have a mean weight below .02, with the group of readers."""
        most: dict[tuple[str, str], float] = {}
        for reader, weights in self.weights.items():
            for expert, weight in weights.items():
                key = group_and_word(reader)[0], expert
                most[key] = max(most.get(key, 0.0), weight)
        yield from (f"{expert} (read by {group})" for (group, expert), w in most.items() if w < 0.02)


def expert_use(network: nn.Module, part: Part, compute: Compute) -> ExpertUse | None:
    """Return the use of experts on the rows of a part; None for a network without gates.

    Args:
        network: A trained network; it is left in evaluation mode.
        part: Rows, at least one.
        compute: Device and precision.

    """
    weights: dict[str, dict[str, float]] = {}
    outputs: dict[str, dict[str, list[Tensor]]] = {}
    passed = Counter[str]()

    def observe(member: str, mixed: Mixed) -> None:
        reader = member + mixed.reader
        sums, kept = weights.setdefault(reader, {}), outputs.setdefault(reader, {})
        passed[reader] += len(mixed.weights)  # more than one for a row, if members differ in weights
        totals = mixed.weights.detach().double().sum(0).tolist()
        for name, total, output in zip(mixed.experts, totals, mixed.outputs, strict=True):
            sums[name] = sums.get(name, 0.0) + total
            if sum(map(len, kept.setdefault(name, []))) < COMPARED:
                kept[name].append(output.detach().double().cpu())

    gates = gates_of(network)
    try:
        for member, gate in gates:
            gate.observer = partial(observe, member)
        predict(network, part, compute)
    finally:
        for _, gate in gates:
            gate.observer = None
    if not weights:
        return None
    groups: dict[str, dict[str, Tensor]] = {}
    for reader, kept in outputs.items():
        first = {name: torch.cat(parts)[:COMPARED] for name, parts in kept.items()}  # [R, H] each
        groups.setdefault(group_and_word(reader)[0], {}).update(first)
    return ExpertUse(
        len(part),
        {reader: {name: s / passed[reader] for name, s in sums.items()} for reader, sums in weights.items()},
        {group: _similarities(of_experts) for group, of_experts in groups.items()},
    )


def _similarities(outputs: Mapping[str, Tensor]) -> dict[str, dict[str, float]]:
    """Return the similarity of the outputs [R, H] of each pair of experts: linear CKA.

    Kornblith et al., "Similarity of Neural Network Representations Revisited", ICML 2019, eq. 4.
    """
    centred = {name: outputs[name] - outputs[name].mean(0) for name in sorted(outputs)}
    own = {name: float((x.T @ x).norm()) for name, x in centred.items()}

    def similarity(one: str, other: str) -> float:
        norm = own[one] * own[other]
        return float((centred[one].T @ centred[other]).norm() ** 2) / norm if norm else 0.0

    return {one: {other: similarity(one, other) for other in centred} for one in centred}


@dataclass(frozen=True)
class Bin(Value):
    """Rows with similar predictions."""

    rows: int
    predicted: float
    """Mean predicted probability."""
    observed: float
    """Share of positive rows."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the observed share (Wilson 1927)."""
        # By hand, as scipy.stats takes more than a second to import.
        z, n, p = float(ndtri(0.975)), self.rows, round(self.observed * self.rows) / self.rows
        middle, scale = p + z * z / (2 * n), 1 + z * z / n
        half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def calibration(labels: NDArray[np.float32], logits: NDArray[Any]) -> tuple[Bin, ...]:
    """Return ten groups of rows of about equal size, by rising prediction; none without rows.

    Args:
        labels: Labels of a binary task, NaN where unknown, [R].
        logits: Its logits, [R].

    """
    known = ~np.isnan(labels)
    predicted, observed = expit(logits[known].astype(np.float64)), labels[known].astype(np.float64)
    order = np.argsort(predicted, kind="stable")
    groups = np.array_split(order, min(10, len(order))) if len(order) else []
    return tuple(Bin(len(g), float(predicted[g].mean()), float(observed[g].mean())) for g in groups)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean absolute difference over rows (Naeini et al. 2015)."""
    rows = sum(one.rows for one in bins)
    return sum(one.rows * abs(one.predicted - one.observed) for one in bins) / rows


@dataclass(frozen=True)
class Behaviour(Fact):
    """The behaviour of the trained network: its use of experts, and its calibration."""

    file = "behaviour"

    expert_use: ExpertUse | None
    """On test rows; None for a network without gates."""
    calibration: Mapping[str, tuple[Bin, ...]]
    """Binary task -> groups of test rows by predicted probability."""
    log_loss_without_scaling: Mapping[str, float] = field(default_factory=dict)
    """Binary task with a `Calibration` -> its log loss on test rows without it."""
    refreshes: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """Time at which aggregates are brought up to date, see `features.refresh` -> task -> score of test rows,
    see `TaskKind.evidence`. Empty without aggregates, or if rows are not split by time."""


class BehaviourStage(Stage):
    """Observes gates and probabilities on test rows."""

    def measure(self, on: OnTestRows) -> Iterator[Behaviour]:
        """Yield the behaviour of the network."""
        made, test = on.network, on.prepared.part("test")
        some = sample(test, 10_000, on.job.config.seed)
        with_numbers = made.encoder.with_numbers(some)
        use = expert_use(made.network, with_numbers, made.compute) if len(some) else None
        labels = np.asarray(test.labels)
        binary = [(t, task) for t, task in enumerate(made.tasks) if task.type.probability]
        bins = {task.name: calibration(labels[:, t], on.logits[:, t]) for t, task in binary}
        tested = [(t, task.name) for t, task in binary if bins[task.name]]
        scaled = [(t, name, made.scaling[name]) for t, name in tested if name in made.scaling]
        without = {name: log_loss(labels[:, t], one.undone(on.logits[:, t])) for t, name, one in scaled}
        yield Behaviour(use, bins, without, _refreshes(on))


def _refreshes(on: OnTestRows) -> dict[str, dict[str, float | None]]:
    """Return the scores of test rows for each time at which aggregates can be brought up to date."""
    schema, found = on.space.schema, dict[str, dict[str, float | None]]()
    if not schema.encodings.keys or not on.prepared.can_refresh:
        return found
    for refresh in get_args(Refresh):
        metrics = on.metrics(on.network.predict_logits(on.prepared.refreshed("test", schema, refresh)))
        found[refresh] = {task: one.evidence for task, one in metrics.items()}
    return found
