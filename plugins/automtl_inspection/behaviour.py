"""Behaviour of a network on test rows: its use of experts, its calibration, and its scores by refresh."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from automtl_core.dataset.encodings import Refresh
from automtl_core.run_dir.facts import Fact
from automtl_core.tasks.builtin import log_loss
from automtl_core.workflow.stage import OnTestRows, Stage
from automtl_inspection.calibration import Bin, calibration
from automtl_inspection.expert_use import ExpertUse, expert_use
from automtl_inspection.importance import sample


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
        use = expert_use(made.network, with_numbers, made.batch_size, made.compute) if len(some) else None
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
