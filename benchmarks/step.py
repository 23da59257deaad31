"""Times one training step of each model against the limit of the machine and against torch-rechub.

    pip install -e '.[bench]'
    python benchmarks/step.py [--batches 512,2048,8192] [--repeats 15] [--out FOLDER]

The limit is the time that the operations of the step would take at the rate of a product of 4096 x 4096
matrices in the same precision. All steps are taken in turns within one process, and are complete: forward,
loss, backward, Adam, and of ours the running average. Two problems: 3 sparse fields and 4 tasks, as in
UserBehavior, 34 and 7 as in KuaiRand; 1,000 values a field.
"""

import argparse
import itertools
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from automtl_core.choices import AnyOf, Architecture
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.modules.features import Features
from automtl_core.modules.supernet import Supernet
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.space import SearchSpace
from automtl_core.training.balancer import TaskLosses
from automtl_core.training.batches import Batch
from automtl_core.training.compute import CPU
from automtl_core.training.loop import objective
from automtl_core.training.optimisers import Optimiser, WeightAverage, weight_groups
from automtl_core.training.process import set_up
from automtl_core.training.recipe import Recipe
from timing import RESULTS, Step, in_ms, in_turns, report

VALUES = 1000
"""Of a field."""
PAPER = {"layers": 2, "blocks": 3, "dropout": 0.2, "residual": False, "gating": "all", "nested": False}
"""Settings of DESAN in the paper's space, but for the ops."""
PAPER_OPS = ("identity", *(f"mlp-{16 * 2**k}" for k in range(7)))
DERIVED = ("mlp-256", "identity", "mlp-64")
"""The blocks of each expert of a network that might be found."""
PATH = "supernet, single path"
"""Whose operations are others at each step."""
SQUARE = 4096


class Problem(NamedTuple):
    """How large it is."""

    name: str
    fields: int
    tasks: int

    @property
    def schema(self) -> Schema:
        """What a model reads and predicts."""
        sparse = tuple(SparseField(f"f{n}", VALUES) for n in range(self.fields))
        return Schema(sparse, (), tuple(Task(f"t{t}") for t in range(self.tasks)))

    def batch(self, rows: int) -> Batch:
        """Return a batch of noise."""
        ids = torch.randint(VALUES, (rows, self.fields))
        return Batch(Features(ids, torch.zeros(rows, 0)), torch.randint(2, (rows, self.tasks)).float())


PROBLEMS = Problem("UB", 3, 4), Problem("KR", 34, 7)


def space_of(name: str, problem: Problem, **settings: Any) -> SearchSpace:
    """Return a search space for a problem."""
    registry = load_registry()
    cls = registry.get(SPACES, name)
    return cls(problem.schema, cls.settings_class(**settings), registry.op)


def training_step(network: nn.Module, batches: Iterable[Batch], bf16: bool = False) -> Step:
    """Return one step as `Fit` takes it, on the next batch; a collection is read over and over."""
    compute, recipe = replace(CPU, precision="bf16" if bf16 else "fp32"), Recipe()
    weights = dict(network.train().named_parameters())
    optimiser = Optimiser(weight_groups(network, weights, recipe), compute)
    average = WeightAverage(network, 100, compute)
    endless = batches if isinstance(batches, Iterator) else itertools.cycle(batches)

    def step() -> None:
        batch = next(endless)
        losses = TaskLosses(torch.ones(batch.labels.shape[1]))
        optimiser.step(objective(network, batch, losses, compute).loss.backward)
        average.update()

    return step


def mmoe(problem: Problem) -> nn.Module:
    """Return our MMoE."""
    return space_of("mmoe", problem).network(Architecture({}))


def derived(problem: Problem) -> nn.Module:
    """Return a network of DESAN in which everything is open."""
    space = space_of("desan", problem, ops=PAPER_OPS, **PAPER)
    decisions = {
        name: choice.options if isinstance(choice, AnyOf) else DERIVED[int(name[-1])]
        for name, choice in space.choices().items()
    }
    return space.network(Architecture(decisions))


def supernet(problem: Problem, nested: bool) -> Supernet:
    """Return the supernet of the paper's space."""
    return space_of("desan", problem, ops=PAPER_OPS, **{**PAPER, "nested": nested}).supernet()


def following(net: Supernet, step: Step) -> Step:
    """Return the step on single paths, each another one."""
    random = np.random.default_rng(0)

    def run() -> None:
        with net.following(net.path(random)):
            step()

    return run


def rechub(problem: Problem, batch: Batch) -> Step | None:
    """Return a step of torch-rechub's MMoE of the same sizes, with its loss and optimiser, if it is here."""
    try:
        from torch_rechub.basic.features import SparseFeature
        from torch_rechub.models.multi_task import MMOE
    except ImportError:
        return None
    settings = space_of("mmoe", problem).settings
    sizes = settings.model_dump()
    fields = [
        SparseFeature(field.name, vocab_size=VALUES, embed_dim=sizes["embedding_dim"])
        for field in problem.schema.sparse
    ]
    expert = {"dims": list(sizes["expert_layers"]), "activation": "relu", "dropout": sizes["dropout"]}
    tower = {"dims": list(sizes["tower_layers"]), "activation": "relu", "dropout": sizes["dropout"]}
    tasks = ["classification"] * problem.tasks
    network = MMOE(fields, tasks, sizes["experts"], expert, [tower] * problem.tasks).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-5)
    loss, ids = nn.BCELoss(), batch.features.ids
    inputs = {field.name: ids[:, n] for n, field in enumerate(problem.schema.sparse)}

    def step() -> None:
        logits = network(inputs)
        total = sum(loss(logits[:, t], batch.labels[:, t]) for t in range(problem.tasks)) / problem.tasks
        network.zero_grad()
        total.backward()
        optimiser.step()

    return step


def operations(step: Step) -> int:
    """Return the operations of the products of a step."""
    with FlopCounterMode(display=False) as counter:
        step()
    return int(counter.get_total_flops())


def products() -> dict[str, Step]:
    """Return a product of large square matrices by precision."""
    square = torch.randn(SQUARE, SQUARE)
    coarse = square.bfloat16()
    return {"fp32": lambda: square @ square, "bf16": lambda: coarse @ coarse}


def steps_of(problem: Problem, rows: int) -> Iterator[tuple[str, str, Step]]:
    """Yield steps with their names and precisions."""
    torch.manual_seed(0)
    batch = problem.batch(rows)
    theirs = rechub(problem, batch)
    if theirs is not None:
        yield "torch-rechub MMoE", "fp32", theirs
    for precision in ("fp32", "bf16"):
        bf16 = precision == "bf16"
        for name, network in {
            "MMoE": mmoe(problem),
            "DESAN derived": derived(problem),
            "supernet, all candidates": supernet(problem, nested=False),
            "supernet, nested widths": supernet(problem, nested=True),
        }.items():
            yield name, precision, training_step(network, [batch], bf16)
        net = supernet(problem, nested=True)
        yield PATH, precision, following(net, training_step(net, [batch], bf16))


def measured(problem: Problem, rows: int, repeats: int) -> list[dict[str, Any]]:
    """Return a row of the table for each step of a problem."""
    steps = {(name, precision): step for name, precision, step in steps_of(problem, rows)}
    counts = {key: operations(step) for key, step in steps.items() if key[0] != PATH}
    rates = {
        precision: 2 * SQUARE**3 / statistics.median(seconds)
        for precision, seconds in in_turns(products(), 3).items()
    }
    times = in_turns({" ".join(key): step for key, step in steps.items()}, repeats)
    base = statistics.median(next(iter(times.values())))
    found = []
    for (name, precision), seconds in zip(steps, times.values(), strict=True):
        median, count = statistics.median(seconds), counts.get((name, precision))
        found.append(
            {
                "problem": problem.name,
                "batch": rows,
                "step": name,
                "precision": precision,
                **in_ms(seconds),
                "GFLOP": None if count is None else count / 1e9,
                "x limit": None if count is None else median * rates[precision] / count,
                "rows/s": float(rows / median),
                "rows/s against the first": base / median,
            }
        )
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", default="2048", help="rows of a step, with commas")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", default=str(RESULTS), help="folder of the JSON; empty for none")
    given = parser.parse_args()
    set_up()
    found = [
        row
        for rows in map(int, given.batches.split(","))
        for problem in PROBLEMS
        for row in measured(problem, rows, given.repeats)
    ]
    report("step", "one step of training", found, given.out)


if __name__ == "__main__":
    main()
