"""Times training steps of MMoE on labels without signal, with denormal numbers and with zeros in their place.

    python benchmarks/denormals.py [--steps 6000] [--out FOLDER]

Two equal networks are trained in turns, a block of steps each, on new rows in each step. Weights that no loss
needs shrink, so that later blocks have more denormal numbers.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from automtl_core.system.process_state import flushed
from automtl_core.training.batches import Batch
from automtl_core.training.process import set_up
from step import PROBLEMS, mmoe, training_step
from timing import RESULTS, Step, report

ROWS = 2048
BLOCK = 500
"""Number of steps that are timed together."""


def noise() -> Iterator[Batch]:
    """Yield new rows for each step, whose labels do not depend on their fields."""
    while True:
        yield PROBLEMS[0].batch(ROWS)


def measured(steps: int, block: int = BLOCK) -> list[dict[str, Any]]:
    """Return the milliseconds of a step in each block of steps."""
    modes = {"denormal numbers": nullcontext, "zeros": flushed}
    trained: dict[str, Step] = {}
    for name in modes:
        torch.manual_seed(0)
        trained[name] = training_step(mmoe(PROBLEMS[0]), noise())
    rows = []
    for first in range(0, steps, block):
        ms = {name: _ms(trained[name], block, mode()) for name, mode in modes.items()}
        times = ms["denormal numbers"] / ms["zeros"]
        rows.append(
            {"steps": first + block, **{f"{name}, ms": each for name, each in ms.items()}, "times": times}
        )
    return rows


def _ms(step: Step, count: int, mode: AbstractContextManager[object]) -> float:
    with mode:
        start = time.perf_counter()
        for _ in range(count):
            step()
        return 1e3 * (time.perf_counter() - start) / count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=6000, help="of each network")
    parser.add_argument("--out", default=str(RESULTS), help="folder of the JSON; empty for none")
    given = parser.parse_args()
    set_up()
    report("denormals", "a step of MMoE on labels without signal", measured(given.steps), given.out)


if __name__ == "__main__":
    main()
