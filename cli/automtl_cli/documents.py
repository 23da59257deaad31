"""Documents of the commands on runs that hold more than one value of the core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from automtl_core.choices import Decision, Origin
from automtl_core.run_dir.record import Findings, Price
from automtl_core.run_dir.run_list import Summary
from automtl_core.training.metrics import Metrics
from automtl_core.workflow.pipeline import Plan

Planned = TypedDict("Planned", {"plan": Plan, "config": Mapping[str, Any]})  # noqa: UP013
"""The plan of a run, of `--dry-run`."""
Listed = TypedDict("Listed", {"folder": str, "runs": Sequence[Summary]})  # noqa: UP013
"""The runs of a folder, by dataset, the best first."""


@dataclass(frozen=True)
class Shown(Findings):
    """An architecture with its evidence, of `automtl show`."""

    format: int
    origin: Origin | None
    decisions: Mapping[str, Decision]
    cost: Price | None
    test: Metrics | None
    """Test metrics; None where the network is not tested."""
    path: str
