"""Times steps against the size of a problem: rows, fields, ids, experts, tasks and candidates, one at a time.

    python benchmarks/scaling.py [--repeats 7] [--out FOLDER]

From a base of 10 fields with 10,000 ids, 4 experts, 4 tasks, 5 candidates a block and 100,000 rows, one size
at a time is doubled. A step takes its batch from the rows, as training does; steps are those of MMoE, of a
single path of DESAN and with all of its candidates, and a score of held-out rows. All steps of one size are
taken in turns within one process.
"""

import argparse
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from automtl_core.choices import Architecture
from automtl_core.data.part import Part
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.space import SearchSpace
from automtl_core.training.batches import Batch, take
from automtl_core.training.compute import CPU
from automtl_core.training.loop import shuffled
from automtl_core.training.process import set_up
from automtl_core.training.recipe import Recipe
from step import following, training_step
from timing import RESULTS, Step, in_ms, in_turns, report

TIMES = 1, 2, 4, 8
"""What a size is multiplied by."""


class Sizes(NamedTuple):
    """How large a problem is."""

    rows: int = 100_000
    fields: int = 10
    ids: int = 10_000
    experts: int = 4
    tasks: int = 4
    candidates: int = 5


class Endless:
    """Batches of the rows of a problem, epoch after epoch."""

    def __init__(self, sizes: Sizes) -> None:
        random = np.random.default_rng(0)
        each = sizes.ids // sizes.fields
        self.part = Part(
            random.integers(each, size=(sizes.rows, sizes.fields), dtype=np.int32),
            np.zeros((sizes.rows, 0), np.float32),
            random.integers(2, size=(sizes.rows, sizes.tasks)).astype(np.float32),
        )

    def __iter__(self) -> Iterator[Batch]:
        for epoch in itertools.count(1):
            yield from shuffled(self.part, Recipe(), 0, epoch, CPU)


def space_of(name: str, sizes: Sizes) -> SearchSpace:
    """Return a search space for a problem."""
    registry = load_registry()
    cls = registry.get(SPACES, name)
    sparse = tuple(SparseField(f"f{n}", sizes.ids // sizes.fields) for n in range(sizes.fields))
    schema = Schema(sparse, (), tuple(Task(f"t{t}") for t in range(sizes.tasks)))
    settings: dict[str, Any] = {"experts": sizes.experts}
    if name == "desan":
        widths = [8 * (k + 1) for k in range(sizes.candidates - 1)]
        settings["ops"] = ("identity", *(f"mlp-linear-{width}" for width in widths))
    return cls(schema, cls.settings_class(**settings), registry.op)


def steps_of(sizes: Sizes) -> dict[str, Step]:
    """Return the steps that are timed."""
    torch.manual_seed(0)
    batches, desan = Endless(sizes), space_of("desan", sizes)
    paths, everything = desan.supernet(), desan.supernet()
    held_out = take(batches.part, np.arange(8192), CPU.device)
    favourite = everything.architecture().decisions

    def score() -> None:
        with everything.holding(favourite), torch.no_grad():
            everything.eval()(held_out.features)
        everything.train()

    return {
        "MMoE": training_step(space_of("mmoe", sizes).network(Architecture({})), batches),
        "single path": following(paths, training_step(paths, batches)),
        "all candidates": training_step(everything, batches),
        "8,192 rows scored": score,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--times", default=",".join(map(str, TIMES)), help="what sizes are multiplied by")
    parser.add_argument("--out", default=str(RESULTS), help="folder of the JSON; empty for none")
    given = parser.parse_args()
    set_up()
    base, rows = Sizes(), []
    for size in Sizes._fields:
        for factor in map(int, given.times.split(",")):
            sizes = base._replace(**{size: getattr(base, size) * factor})
            times = in_turns(steps_of(sizes), given.repeats)
            medians = {f"{name}, ms": in_ms(seconds)["median ms"] for name, seconds in times.items()}
            minima = {f"{name}, min ms": in_ms(seconds)["min ms"] for name, seconds in times.items()}
            rows.append({"size": size, "is": getattr(sizes, size), **medians, **minima})
    report("scaling", "steps by the size of a problem", rows, given.out)


if __name__ == "__main__":
    main()
