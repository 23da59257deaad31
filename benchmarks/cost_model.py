"""The cost model of large tables: seconds and bytes by rows, fields, ids and history.

    python benchmarks/cost_model.py [--fields 3] [--tasks 4] [--experts 4] [--history 0] [--rows 0.1,1,10]

The time of a step is fitted to the measured steps of `results/scaling.json`, in milliseconds for 2,048 rows:

    step = a + t * tasks + experts * (e + f * fields)

The other constants are the measured ones below (research/measurements.md says how). Rows are in billions.
"""

import argparse
import json
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from timing import RESULTS

BATCH = 2048
BASE = {"rows": 100_000, "fields": 10, "ids": 10_000, "experts": 4, "tasks": 4, "candidates": 5}
"""The sizes of `scaling.py` of which one at a time is multiplied."""
TRAINED = 0.8
"""Share of the rows that train; a tenth each validates and tests."""
FORWARD = 0.35
"""Seconds of a predicted row, as a share of those of a trained one."""
PREPARED = 0.9e-6
"""Seconds per row of preparation with 2 threads: 17.4 s for 20 million rows of 3 fields."""
HISTORY = 1.85
"""Factor of preparation with histories of 50 events."""
PER_EVENT = 0.008
"""Additional share of a step for each event of a history that all encoders read: 1.4 for the latest three,
1.4 for matches, and at most 3.7 for attention over 50."""
IDS_PER_ROW, PUBLISHED_IDS = 0.6, 5.2e6
"""Ids grow as the power `IDS_PER_ROW` of the rows, from those of 100 million rows of UserBehavior."""
DIM = 16
COPIES = 4
"""Copies of the embeddings in training: weights, second moments, average, best average."""
PROCESS = 0.35e9
"""Bytes of a process without tables and rows."""
PER_PREDICTION = 8 * 4
"""Bytes for each validation row: predictions of 4 tasks in double precision."""


class Steps(NamedTuple):
    """The fitted constants of a step, in milliseconds."""

    base: float
    task: float
    expert: float
    expert_field: float

    def ms(self, fields: int, tasks: int, experts: int) -> float:
        """Return the time of a step."""
        return self.base + self.task * tasks + experts * (self.expert + self.expert_field * fields)


def fitted() -> tuple[Steps, float]:
    """Return the constants of a step of MMoE, and the largest relative error of the fit."""
    measured = json.loads((RESULTS / "scaling.json").read_text())["rows"]
    sizes = [BASE | {row["size"]: row["is"]} for row in measured]
    left = np.array([[1, s["tasks"], s["experts"], s["experts"] * s["fields"]] for s in sizes], float)
    right = np.array([row["MMoE, ms"] for row in measured])
    found = np.linalg.lstsq(left / right[:, None], np.ones(len(right)), rcond=None)[0]
    return Steps(*map(float, found)), float(abs(left @ found / right - 1).max())


def main() -> None:
    """Print the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("fields", 3), ("tasks", 4), ("experts", 4), ("history", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rows", default="0.02,0.1,1,10", help="in billions")
    given = parser.parse_args()
    steps, error = fitted()
    ms = steps.ms(given.fields, given.tasks, given.experts) * (1 + PER_EVENT * given.history)
    console = Console(width=160)
    console.print(f"step, ms: {', '.join(f'{k} {v:.3g}' for k, v in steps._asdict().items())}")
    console.print(f"largest error of the fit: {error:.0%}; a step takes {ms:.1f} ms")
    table = Table("rows", "ids", "preparation", "epoch", "tables", "memory", "disk")
    for rows in (float(text) * 1e9 for text in given.rows.split(",")):
        ids = PUBLISHED_IDS * (rows / 1e8) ** IDS_PER_ROW
        prepared = rows * PREPARED * (HISTORY if given.history else 1)
        width = 4 * (given.fields + given.tasks + 1) + (34 if given.history else 0)
        tables = ids * DIM * 4
        each = ms * 1e-3 / BATCH
        epoch = rows * (TRAINED * each + (1 - TRAINED) / 2 * FORWARD * each)
        memory = PROCESS + COPIES * tables + rows / 10 * PER_PREDICTION
        table.add_row(
            f"{rows:,.0f}",
            f"{ids:,.0f}",
            _time(prepared),
            _time(epoch),
            *(f"{size / 1e9:,.1f} GB" for size in (tables, memory, rows * width)),
        )
    console.print(table)


def _time(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:,.0f} s"
    return f"{seconds / 3600:,.1f} h" if seconds < 72 * 3600 else f"{seconds / 86400:,.1f} days"


if __name__ == "__main__":
    main()
