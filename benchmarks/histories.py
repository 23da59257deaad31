"""Times a training step of MMoE with inputs from histories against one without, and torch-rechub's DIN.

    pip install -e '.[bench]'
    python benchmarks/histories.py [--items 1000,900000] [--rows 2048] [--repeats 10] [--out FOLDER]

Users, items and categories, four tasks, histories of 50 events with items and categories, whose frequencies
follow a Zipf law. A step includes the gathering of events, and is complete: forward, loss, backward and
optimiser, and of ours the running average. DIN has one task, and its batch is gathered beforehand.
"""

import argparse
import itertools
import statistics
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from automtl_core.choices import Architecture
from automtl_core.data.part import Events, Histories, Part
from automtl_core.dataset.declarations import History
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.training.balancer import TaskLosses
from automtl_core.training.batches import Batch, take
from automtl_core.training.compute import CPU
from automtl_core.training.loop import objective
from automtl_core.training.optimisers import Optimiser, WeightAverage, weight_groups
from automtl_core.training.process import set_up
from automtl_core.training.recipe import Recipe
from timing import RESULTS, Step, in_ms, in_turns, report

LENGTH, TASKS, CATEGORIES, BATCHES = 50, 4, 5000, 8
INPUTS: tuple[tuple[str, ...], ...] = (
    (),
    ("matches",),
    ("last-3",),
    ("matches", "last-3"),
    ("mean", "last-3"),
    ("attention",),
    ("gru",),
    ("self-attention",),
)
"""Inputs from histories; the first is the reference."""


def schema(items: int) -> Schema:
    """Return three fields, and a history of items and categories."""
    sizes = {"user": max(items // 10, 100), "item": items, "category": CATEGORIES}
    fields = tuple(SparseField(name, size) for name, size in sizes.items())
    past = History("past", "user", "time", ("item", "category"), ("buy", "cart", "favourite"), length=LENGTH)
    return Schema(fields, (), tuple(Task(f"t{n}") for n in range(TASKS)), histories=(past,))


def zipf(random: np.random.Generator, size: int, count: int) -> NDArray[np.int32]:
    """Draw ids from 1 on."""
    weights = np.cumsum(1 / np.arange(1, size) ** 0.8)
    return (np.searchsorted(weights, random.random(count) * weights[-1]) + 1).astype(np.int32)


def rows_of(made: Schema, rows: int) -> Part:
    """Return rows with full histories."""
    random = np.random.default_rng(0)
    ids = np.stack([zipf(random, field.size, rows) for field in made.sparse], axis=1)
    events = rows * LENGTH // 2
    log = Events(
        np.stack([zipf(random, field.size, events) for field in made.sparse[1:]], axis=1),
        random.integers(0, 2, (events, 3)).astype(np.uint8),
        np.arange(events, dtype=np.uint32),
    )
    start = random.integers(0, events - LENGTH, rows)
    spans = np.stack([start, start + LENGTH], axis=1).astype(np.int32)
    past = Histories(log, spans, spans[:, 1] + np.uint32(10), ids[:, 1:])
    labels = random.integers(0, 2, (rows, TASKS)).astype(np.float32)
    return Part(ids, np.zeros((rows, 0), np.float32), labels, histories=(past,))


def ours(made: Schema, part: Part, rows: int, inputs: tuple[str, ...]) -> Step:
    """Return a step of MMoE as `Fit` takes it."""
    registry = load_registry()
    space_class = registry.get(SPACES, "mmoe")
    read = made.encoded(plain().with_answers(history=inputs))
    space = space_class(read, space_class.settings_class(), registry.op, registry.history_encoder)
    network = space.network(Architecture({})).train()
    optimiser = Optimiser(weight_groups(network, dict(network.named_parameters()), Recipe()), CPU)
    average = WeightAverage(network, 100, CPU)
    losses = TaskLosses(torch.ones(TASKS))
    seen, numbers = part if inputs else replace(part, histories=()), batches_of(part, rows)

    def step() -> None:
        batch = take(seen, next(numbers), CPU.device)
        optimiser.step(objective(network, batch, losses, CPU).loss.backward)
        average.update()

    return step


def batches_of(part: Part, rows: int) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of the rows of a few batches, over and over."""
    random = np.random.default_rng(1)
    return itertools.cycle([random.integers(0, len(part), rows) for _ in range(BATCHES)])


def rechub(made: Schema, batch: Batch) -> Step | None:
    """Return a step of torch-rechub's DIN on a batch, if it is installed."""
    try:
        from torch_rechub.basic.features import SequenceFeature, SparseFeature
        from torch_rechub.models.ranking import DIN
    except ImportError:
        return None
    user, *shared = made.sparse
    of_row = [SparseFeature(f.name, vocab_size=f.size, embed_dim=16) for f in shared]
    of_events = [
        SequenceFeature(
            f"past {f.name}", vocab_size=f.size, embed_dim=16, pooling="concat", shared_with=f.name
        )
        for f in shared
    ]
    network = DIN(
        [SparseFeature(user.name, vocab_size=user.size, embed_dim=16)],
        of_events,
        of_row,
        {"dims": [256, 128]},
        {"dims": [36]},
    ).train()
    optimiser, loss = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-5), nn.BCELoss()
    (past,) = batch.features.histories
    inputs = {field.name: batch.features.ids[:, n] for n, field in enumerate(made.sparse)}
    inputs |= {f"past {field.name}": past.ids[:, :, n] for n, field in enumerate(shared)}

    def step() -> None:
        total = loss(network(inputs), batch.labels[:, 0])
        network.zero_grad()
        total.backward()
        optimiser.step()

    return step


def measured(items: int, rows: int, repeats: int) -> list[dict[str, Any]]:
    """Return a row of the table for each step."""
    made = schema(items)
    part = rows_of(made, max(20 * rows, 50_000))
    torch.manual_seed(0)
    steps = {" + ".join(inputs) or "no history": ours(made, part, rows, inputs) for inputs in INPUTS}
    batch = take(part, next(batches_of(part, rows)), CPU.device)
    if (theirs := rechub(made, batch)) is not None:
        steps["torch-rechub DIN"] = theirs
    times = in_turns(steps, repeats)
    base = statistics.median(times["no history"])
    return [
        {
            "items": items,
            "batch": rows,
            "inputs": name,
            **in_ms(seconds),
            "x": statistics.median(seconds) / base,
        }
        for name, seconds in times.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", default="1000,900000", help="numbers of items, with commas")
    parser.add_argument("--rows", type=int, default=2048, help="rows of a step")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", default=str(RESULTS), help="folder of the JSON; empty for none")
    given = parser.parse_args()
    set_up()
    found = [
        row
        for items in map(int, given.items.split(","))
        for row in measured(items, given.rows, given.repeats)
    ]
    report("histories", "a training step with inputs from histories", found, given.out)


if __name__ == "__main__":
    main()
