"""Times a training step of MMoE against the number of ids: whole tables and rows, and where they cross.

    python benchmarks/embedding.py [--ids 0.03,0.1,0.3,1,3,10] [--repeats 15] [--out FOLDER]

Two fields share the ids, in millions, and the others have 100 values each. Ids are drawn as in logs, few of
them often (Zipf, exponent 1.1), or all alike, which is the worst case of rows. Tables up to `--whole` million
ids are also moved as a whole. All steps are taken in turns within one process.
"""

import argparse
import statistics
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from automtl_core.choices import Architecture
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.modules import table
from automtl_core.modules.features import Features
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.training.batches import Batch
from automtl_core.training.process import set_up
from step import training_step
from timing import RESULTS, Step, in_ms, in_turns, report

BATCH, SMALL, EXPONENT = 2048, 100, 1.1
BATCHES = 8
"""Different ones, taken in turns, so that rows are not in the cache from the step before."""


class Case(NamedTuple):
    """What a step is taken on."""

    problem: str
    fields: int
    tasks: int
    ids: int
    draw: str
    table: str


def draw(case: Case, random: np.random.Generator) -> torch.Tensor:
    """Return the ids of a batch."""
    each = case.ids // 2
    ids = random.integers(SMALL, size=(BATCH, case.fields))
    many = (
        random.zipf(EXPONENT, size=(BATCH, 2))
        if case.draw == "zipf"
        else random.integers(each, size=(BATCH, 2))
    )
    # Neighbours in a table are not those that are read alike.
    ids[:, :2] = many * 2_654_435_761 % each
    return torch.from_numpy(ids)


def step_of(case: Case) -> Step:
    """Return a step, which takes another batch each time."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    sizes = [case.ids // 2] * 2 + [SMALL] * (case.fields - 2)
    sparse = tuple(SparseField(f"f{n}", size) for n, size in enumerate(sizes))
    schema = Schema(sparse, (), tuple(Task(f"t{t}") for t in range(case.tasks)))
    registry = load_registry()
    space = registry.get(SPACES, "mmoe")
    before, table.WHOLE_TABLE = table.WHOLE_TABLE, case.ids * 2 if case.table == "whole" else 0
    try:
        network = space(schema, space.settings_class(), registry.op).network(Architecture({}))
    finally:
        table.WHOLE_TABLE = before
    labels = torch.randint(2, (BATCH, case.tasks)).float()
    batches = [Batch(Features(draw(case, random), torch.zeros(BATCH, 0)), labels) for _ in range(BATCHES)]
    return training_step(network, batches)


def cases(ids: list[int], whole: int) -> Iterator[Case]:
    """Yield all cases."""
    for problem, fields, tasks in (("UB", 3, 4), ("KR", 34, 7)):
        for count in ids:
            for drawn in ("zipf", "alike"):
                yield Case(problem, fields, tasks, count, drawn, "rows")
            if count <= whole:
                yield Case(problem, fields, tasks, count, "zipf", "whole")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ids", default="0.03,0.1,0.3,1,3,10", help="in millions, with commas")
    parser.add_argument("--whole", type=float, default=1.0, help="up to which tables are moved as a whole")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", default=str(RESULTS), help="folder of the JSON; empty for none")
    given = parser.parse_args()
    set_up()
    ids = [round(float(word) * 1e6) for word in given.ids.split(",")]
    steps = {case: step_of(case) for case in cases(ids, round(given.whole * 1e6))}
    times = in_turns(steps, given.repeats)
    first = {case: statistics.median(times[case]) for case in steps if case.ids == ids[0]}
    rows = [
        {
            "problem": case.problem,
            "ids": f"{case.ids:,}",
            "drawn": case.draw,
            "table": case.table,
            **in_ms(seconds),
            "against the fewest ids": statistics.median(seconds) / first[case._replace(ids=ids[0])],
        }
        for case, seconds in times.items()
    ]
    report("embedding", "a step of MMoE, by how many ids there are", rows, given.out)


if __name__ == "__main__":
    main()
