"""Results of the workflow, as values that can be printed as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automtl_core.disk.documents import Value
from automtl_core.modules.cost import Cost
from automtl_core.training.metrics import Metrics


@dataclass(frozen=True)
class Plan(Value):
    """The plan of a search."""

    rows: dict[str, int]
    """Part -> number of rows."""
    fields: int
    tasks: tuple[str, ...]
    choices: int
    supernet_parameters: int
    supernet_bytes: int
    """Bytes for weights, gradients and optimiser moments."""
    most_search_epochs: int | None
    """Largest number of passes of the search over the training part; None where it is unknown."""
    most_training_epochs: int
    """Largest number of epochs of the training after the search."""
    steps_per_epoch: int
    device: str
    answers: Mapping[str, Mapping[str, Cost]]
    """Choice -> option -> its cost, see `SearchSpace.costs`."""
    points: Mapping[str, Cost]
    """Landmark of the space -> cost of the whole network; without a search, `the network` -> cost."""


@dataclass(frozen=True)
class Predicted(Value):
    """Predictions of new examples, in a file."""

    run: str
    output: str
    rows: int
    rejected: int
    """Number of skipped faulty rows."""
    skipped: tuple[str, ...]
    """Places and faults of the skipped rows."""
    tasks: tuple[str, ...]
    scores: Mapping[str, str]
    """Column of the predictions -> its meaning."""


@dataclass(frozen=True)
class Tested(Value):
    """The test of a finished run's network on new examples."""

    run: Path
    test: Metrics
    rows: int
    skipped: tuple[str, ...]
    """Places and faults of the skipped rows."""
    min_positives: int
    """Rows of either class that a task needs to count in the mean over tasks; from the recipe."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**super().to_json(), "reachable": {}, "rejected": len(self.skipped)}


@dataclass(frozen=True)
class Evaluation(Value):
    """The repeated test of a finished run's network."""

    run: Path
    test: Metrics
    reachable: dict[str, float | None]
    """Test AUC of the true probabilities of generated labels, by task."""
    repeats: bool
    """Whether the metrics equal those that the run recorded."""
    min_positives: int
    """Rows of either class that a task needs to count in the mean over tasks; from the recipe."""
    changed: tuple[str, ...]
    """Differences of data and environment to those of the run."""
