"""Outcomes: what the line gives back, as values that can be printed as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automtl_core.choices import Architecture
from automtl_core.disk.value import Value
from automtl_core.modules.cost import Cost
from automtl_core.run_dir.facts import Result
from automtl_core.training.metrics import Metrics
from automtl_core.workflow.finding import Finding

GIVEN = "the network"
"""What is trained where nothing is searched."""


@dataclass(frozen=True)
class Plan(Value):
    """What a search would do."""

    rows: dict[str, int]
    """Of each part."""
    fields: int
    tasks: tuple[str, ...]
    choices: int
    supernet_parameters: int
    supernet_bytes: int
    """Of weights, gradients and the moments of the optimiser."""
    most_search_epochs: int | None
    """Passes over the training part that the search takes at most; None where nobody can say."""
    most_training_epochs: int
    """Those that the found network is trained at most, on top."""
    steps_per_epoch: int
    device: str
    answers: Mapping[str, Mapping[str, Cost]]
    """What answers to each choice cost, see `SearchSpace.costs`."""
    points: Mapping[str, Cost]
    """What known points of the space cost as a whole, by name or, where nothing is searched, `GIVEN`."""


@dataclass(frozen=True)
class Found:
    """What a search found."""

    run: Path
    result: Result
    finding: Finding
    min_positives: int
    """Of the recipe: tasks with fewer are not in the mean over tasks."""
    remarks: tuple[str, ...] = ()
    """What one should know of how it ended, in words."""

    @property
    def architecture(self) -> Architecture:
        """What was found."""
        return self.finding.architecture

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "run": str(self.run),
            "result": self.result.to_json(),
            **self.finding.to_json(),
            "min_positives": self.min_positives,
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True)
class Predicted(Value):
    """Predictions of new examples that were written to a file."""

    run: str
    output: str
    rows: int
    rejected: int
    """Rows that are left out as faulty."""
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Tested:
    """The test of a finished run's network on new examples."""

    run: Path
    test: Metrics
    rows: int
    rejected: int
    """Rows that are left out as faulty."""
    min_positives: int
    """Of the recipe: tasks with fewer are not in the mean over tasks."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "run": str(self.run),
            "test": {task: m.to_json() for task, m in self.test.items()},
            "reachable": {},
            "rows": self.rows,
            "rejected": self.rejected,
            "min_positives": self.min_positives,
        }


@dataclass(frozen=True)
class Evaluation:
    """The test of a finished run's network, made again."""

    run: Path
    test: Metrics
    reachable: dict[str, float | None]
    """Test AUC of the probabilities that labels were drawn with, for tasks where they are known."""
    repeats: bool
    """Whether the metrics are exactly those that the run recorded."""
    min_positives: int
    """Of the recipe: tasks with fewer are not in the mean over tasks."""
    changed: tuple[str, ...]
    """In what data and environment differ from those of the run."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "run": str(self.run),
            "test": {task: m.to_json() for task, m in self.test.items()},
            "reachable": self.reachable,
            "repeats": self.repeats,
            "min_positives": self.min_positives,
            "changed": list(self.changed),
        }
