"""Stages of plugins: what only looks at a run, before its training and on its test rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.part import Part
from automtl_core.data.store import Prepared
from automtl_core.registry.kinds import STAGES
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Fact
from automtl_core.run_dir.run import Run
from automtl_core.space import SearchSpace
from automtl_core.training.events import Listener
from automtl_core.training.metric import Metric
from automtl_core.training.metrics import Metrics, by_unit, metrics_of
from automtl_core.workflow.job import Job
from automtl_core.workflow.trained import Trained


@dataclass(frozen=True)
class OnTestRows:
    """The trained network of a run, and its output for the test rows, by which nothing was chosen."""

    job: Job
    """The settings of the run (`job.config`), and its plugins."""
    run: Run
    """The run directory; facts that are there already can be read."""
    prepared: Prepared
    """The data; `prepared.part("test")` has R rows with the labels of T tasks."""
    space: SearchSpace
    """The search space, with the fields, tasks and encodings of the network in `space.schema`."""
    network: Trained
    """The network."""
    logits: NDArray[Any]
    """Its output for the test rows, [R, T]."""
    seconds_per_row: float
    """Duration of a prediction."""
    listener: Listener
    """Receives progress and warnings."""

    def metrics(self, logits: NDArray[Any], rows: NDArray[np.int64] | None = None) -> Metrics:
        """Return the metrics of an output [R, T] for all test rows, or for some."""
        part = self.prepared.part("test")
        return measured(self.job, self.prepared, part if rows is None else part.some(rows), logits, {})


class Stage:
    """A stage that looks at data and networks of runs, and decides nothing; plugins define subclasses.

    An error of a stage is that of the run, which can be resumed.
    """

    def check(self, prepared: Prepared, job: Job) -> Iterable[str]:
        """Yield warnings about the data, before a training.

        Args:
            prepared: The data.
            job: The settings of the run (`job.config`).

        """
        return ()

    def rows(self, prepared: Prepared, job: Job) -> int:
        """Return the number of rows that `measure` predicts, for the time that is left."""
        return 0

    def measure(self, on: OnTestRows) -> Iterable[Fact]:
        """Yield what is recorded of the network: each `Fact` is a file of the run, `<file>.json`.

        Report sections read it by `record.get(MyFact)`.

        Args:
            on: The network, and its output for the test rows.

        """
        return ()


def stages(registry: Registry) -> list[Stage]:
    """Return the stages of all plugins, by name; raises as `Registry.get`."""
    return [registry.get(STAGES, name)() for name in registry.names(STAGES)]


def measured(
    job: Job, prepared: Prepared, part: Part, logits: NDArray[Any], registered: Mapping[str, Metric]
) -> Metrics:
    """Return the metrics of the output [R, T] of a network for rows."""
    dataset = job.dataset()
    found = metrics_of(prepared.schema.tasks, np.asarray(part.labels), logits, part.groups, registered)
    if prepared.schema.lists is not None:
        return by_unit(found, "lists")
    return by_unit(found, "buckets") if dataset.user in dataset.settings.hashed else found
