"""Everything that the report of a run shows, from the files of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from automtl_core.dataset.schema import Schema
from automtl_core.errors import AutoMTLError
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import RunConfig
from automtl_core.run_dir.facts import Behaviour, Costs, Data, Environment, Result
from automtl_core.run_dir.run import Run
from automtl_core.training.events import EpochEnded
from automtl_core.workflow.finding import Finding, finding, space_of


@dataclass(frozen=True)
class RunRecord:
    """A finished run. Sections of reports are functions of it."""

    path: Path
    finding: Finding
    """Architecture, evidence, importance and result."""
    landmarks: Mapping[str, int]
    """Name of a landmark of the space, such as `mmoe` -> its FLOPs per row."""
    config: RunConfig
    data: Data
    result: Result
    costs: Costs
    environment: Environment
    behaviour: Behaviour | None
    """Use of experts, and calibration; None for a run of an earlier version."""
    epochs: Sequence[EpochEnded]

    @cached_property
    def schema(self) -> Schema:
        """Fields, tasks and encodings, as the network reads them."""
        origin = self.finding.architecture.origin
        return Schema.from_json(self.data.schema if origin is None else origin.schema)

    @property
    def title(self) -> str:
        """Title of the report."""
        return f"{self.path.resolve().name}: {self.config.space.name} on {self.data.dataset}"


def read_record(path: Path, registry: Registry) -> RunRecord:
    """Return the record of a run.

    Raises:
        InputMissingError: there is no run at `path`.
        ArtifactError: it is not finished, or a file is damaged.

    """
    run = Run.open(path)
    run.tested()
    found = finding(path, registry)
    return RunRecord(
        path,
        found,
        _landmarks(found, registry),
        run.config(),
        run.read(Data),
        run.read(Result),
        run.read(Costs),
        run.read(Environment),
        run.get(Behaviour),
        [EpochEnded.from_json(line) for line in run.reports()],
    )


def _landmarks(found: Finding, registry: Registry) -> dict[str, int]:
    """Return the FLOPs per row of the landmarks of the search space; none where it is not installed."""
    origin = found.architecture.origin
    if origin is None or not found.search.front:
        return {}
    try:
        space = space_of(origin, registry)
        return {name: space.cost(one).flops_per_row for name, one in space.landmarks().items()}
    except AutoMTLError:
        return {}
