"""Times one training step, as ratios within one process; run it on an idle machine.

    GOMP_SPINCOUNT=1000 python benchmarks/step.py

Three questions: what evaluating the MLPs of a mixed op jointly brings; what masks from random bits bring to
dropout, and to a step of MMoE; and how a step of the embedding table grows with the vocabulary, row by row
and over the whole table.
"""

import statistics
import time
from collections.abc import Callable, Mapping

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from automtl_cli.process import set_up
from automtl_core.choices import Architecture
from automtl_core.data.batches import Batch
from automtl_core.kinds import SPACES
from automtl_core.modules import dropout as masks
from automtl_core.modules import relaxed as relax
from automtl_core.plugins import load_registry
from automtl_core.schema import Schema, SparseField, Task
from automtl_core.space import SearchSpace
from automtl_core.training.compute import CPU
from automtl_core.training.loop import objective
from automtl_core.training.losses import TaskLosses
from automtl_core.training.optimisers import Optimiser, RowAdam, weight_groups
from automtl_core.training.recipe import Recipe

BATCH, FIELDS, TASKS = 2048, 11, 4
REPEATS = 5


def seconds(steps: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return the times of each step, taken in turns after one that warms up."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(REPEATS + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if repeat:
                times[name].append(time.perf_counter() - start)
    return times


def space_of(name: str, fields: int = FIELDS, tasks: int = TASKS) -> SearchSpace:
    """Return a search space at its default sizes, of fields with 1,000 values."""
    registry = load_registry()
    cls = registry.get(SPACES, name)
    sparse = tuple(SparseField(f"f{n}", 1000) for n in range(fields))
    schema = Schema(sparse, (), tuple(Task(f"t{t}") for t in range(tasks)))
    return cls(schema, cls.settings_class(), registry.op)


def step_of(network: nn.Module, weights: Mapping[str, nn.Parameter], schema: Schema) -> Callable[[], object]:
    """Return one step of training."""
    optimiser = Optimiser(weight_groups(network, weights, Recipe()), CPU)
    fields, tasks = len(schema.sparse), len(schema.tasks)
    ids, labels = torch.randint(1000, (BATCH, fields)), torch.randint(2, (BATCH, tasks)).float()
    batch, losses = Batch(ids, torch.zeros(BATCH, 0), labels), TaskLosses(torch.ones(tasks))
    return lambda: optimiser.step(objective(network, batch, losses, CPU)[0])


def supernet_step() -> Callable[[], object]:
    """Return one step of DESAN's supernet."""
    space = space_of("desan")
    supernet = space.supernet()
    return step_of(supernet, supernet.weights(), space.schema)


def mmoe_step(fields: int, tasks: int) -> Callable[[], object]:
    """Return one step of MMoE."""
    space = space_of("mmoe", fields, tasks)
    network = space.network(Architecture({})).train()
    return step_of(network, dict(network.named_parameters()), space.schema)


def masks_of_torch(step: Callable[[], object]) -> Callable[[], object]:
    """Return the step with the masks that torch draws."""

    def run() -> None:
        ours, masks.COARSE = masks.COARSE, 0.0
        try:
            step()
        finally:
            masks.COARSE = ours

    return run


def one_by_one(step: Callable[[], object]) -> Callable[[], object]:
    """Return the step with every candidate evaluated for itself."""

    class Nothing:
        pass

    def run() -> None:
        joint, relax.JointOp = relax.JointOp, Nothing  # type: ignore[misc,assignment]
        try:
            step()
        finally:
            relax.JointOp = joint  # type: ignore[misc]

    return run


def table_step(rows: int, sparse: bool) -> Callable[[], object]:
    """Return one step of Adam on an embedding table, row by row or as a whole."""
    table = torch.nn.Embedding(rows, 16, sparse=sparse)
    if sparse:
        optimiser: torch.optim.Optimizer = RowAdam(table.parameters(), lr=1e-3, weight_decay=1e-3)
    else:
        optimiser = torch.optim.Adam(table.parameters(), lr=1e-3, weight_decay=1e-3, fused=True)
    ids = torch.randint(rows, (BATCH, FIELDS))

    def run() -> None:
        optimiser.zero_grad()
        table(ids).square().sum().backward()
        optimiser.step()

    return run


def show(title: str, times: dict[str, list[float]]) -> None:
    """Print median, spread and the ratio to the first row."""
    table = Table("step", "median s", "min s", "max s", "ratio to the first", title=title)
    first = statistics.median(next(iter(times.values())))
    for name, values in times.items():
        median = statistics.median(values)
        table.add_row(
            name, *(f"{v:.4f}" for v in (median, min(values), max(values))), f"{median / first:.2f}"
        )
    Console().print(table)


def main() -> None:
    """Measure and print."""
    set_up()
    torch.manual_seed(0)
    hidden = torch.randn(BATCH, 1024)
    for title, masked in {
        "dropout of [2048, 1024]": lambda: masks.dropout(hidden, 0.2, training=True),
        "MMoE, 3 fields and 4 tasks": mmoe_step(3, 4),
        "MMoE, 34 fields and 7 tasks": mmoe_step(34, 7),
    }.items():
        show(title, seconds({"masks of torch": masks_of_torch(masked), "masks from bits": masked}))
    step = supernet_step()
    show("DESAN supernet, batch 2048", seconds({"one by one": one_by_one(step), "jointly": step}))
    for rows in (30_000, 1_000_000):
        steps = {
            "Adam, whole table": table_step(rows, sparse=False),
            "RowAdam": table_step(rows, sparse=True),
        }
        show(f"embedding table of {rows:,} rows", seconds(steps))


if __name__ == "__main__":
    main()
