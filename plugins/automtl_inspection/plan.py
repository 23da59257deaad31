"""The plan of a search: its rows, choices, costs and epochs, before it begins."""

from collections.abc import Mapping
from dataclasses import dataclass

from automtl_core.data.store import PARTS, Prepared
from automtl_core.modules.cost import Cost
from automtl_core.run_dir.progress import SEARCH, TRAINING
from automtl_core.system.documents import Value
from automtl_core.training.batches import steps
from automtl_core.training.compute import guarded
from automtl_core.workflow.job import Job
from automtl_core.workflow.pipeline import to_come


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


def plan(job: Job, prepared: Prepared) -> Plan:
    """Return the plan of a search; raises as `start` does."""
    with guarded():
        space = job.checked(prepared)
        alone = {"the network": job.fixed_architecture(space)} if job.config.strategy is None else None
        rows = {name: len(prepared.part(name)) for name in PARTS}
        parameters = sum(p.numel() for p in space.outline.parameters())
        most = {stage.stage: stage.epochs for stage in to_come(job, prepared)}
        return Plan(
            rows=rows,
            fields=len(prepared.schema.sparse) + len(prepared.schema.dense),
            tasks=tuple(task.name for task in prepared.schema.tasks),
            choices=len(space.outline.choices()),
            supernet_parameters=parameters,
            supernet_bytes=4 * 4 * parameters,  # weights, gradients and two moments of Adam
            most_search_epochs=most.get(SEARCH, 0),
            most_training_epochs=most.get(TRAINING) or 0,
            steps_per_epoch=steps(rows["train"], job.config.training.batch_size),
            device=str(job.compute().device),
            answers=space.costs(),
            points={name: space.cost(point) for name, point in (alone or space.landmarks()).items()},
        )
