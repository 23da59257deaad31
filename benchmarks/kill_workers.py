"""Kills workers during comparisons, and checks that nothing is lost, doubled or different.

    OMP_NUM_THREADS=1 python benchmarks/kill_workers.py [--kills 20]

Comparisons run in two workers, of which one is killed (SIGKILL) at random times, until there were enough
kills. Each comparison must have the tables and the bytes of one process, and each trial must end once. Linux
only.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from automtl_comparison.spec import ComparisonSpec
from automtl_core.registry.plugins import load_registry
from automtl_core.search.trial import TrialBegan
from automtl_core.training.events import EpochEnded, Event
from automtl_core.training.process import set_up
from automtl_core.workflow.run_trial import executor_of
from automtl_core.workflow.workflow import Workflow
from automtl_engines.processes import ATTEMPTS

MODELS = ["shared-bottom", "mmoe", "ple"]
EQUAL = ("architecture.json", "config.yaml", "metrics.jsonl", "weights.safetensors")
"""Files of a run that do not contain times."""
SHARE = 0.1
"""Share of the epochs after which a worker is killed."""


class Heard:
    """Listener that counts cells and epochs.

    Args:
        on_epoch: Called for each epoch.

    """

    def __init__(self, on_epoch: Callable[[], object] = lambda: None) -> None:
        self.began: Counter[str] = Counter()
        self.epochs = 0
        self._on_epoch = on_epoch

    def __call__(self, event: Event) -> bool:
        """Count an event."""
        match event:
            case TrialBegan(title) if title:
                self.began[title.rpartition(": ")[2]] += 1
            case EpochEnded():
                self.epochs += 1
                self._on_epoch()
        return True


def compared(folder: Path, out: str, engine: Mapping[str, Any] | None, heard: Heard, rows: int) -> Any:
    """Compare the models, and return their results and the bytes of their runs."""
    layer = {
        "dataset": {"name": "synthetic", "rows": rows},
        "training": {"batch_size": 256, "epochs": 12, "min_positives": 1},
        "features": "ids",
        "prepared_dir": folder / "prepared",
    }
    registry = load_registry()
    spec = ComparisonSpec(MODELS, seeds=2, out=folder / out)
    with executor_of(registry, None if engine is None else 2, engine) as executor:
        result, path = spec.compared(Workflow(registry, heard, executor), [layer])
    cells = {name: [(cell.run, cell.test) for cell in model.tested] for name, model in result.models.items()}
    runs = sorted((path / "cells").iterdir())
    return cells, result.verdicts(), [(run.name, f, (run / f).read_bytes()) for run in runs for f in EQUAL]


def children() -> list[int]:
    """Return the identifiers of the worker processes of this process."""
    tasks = Path("/proc/self/task").iterdir()
    pids = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    return [pid for pid in pids if b"automtl_engines.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


class Killing:
    """Kills a random worker after some of the epochs, within a second.

    Args:
        most: Maximum number of kills.
        draw: Draws epochs, times and workers.

    """

    def __init__(self, most: int, draw: random.Random) -> None:
        self.most, self.draw = most, draw
        self.killed: list[int] = []

    def __call__(self) -> None:
        """Receive an epoch."""
        if self.draw.random() < SHARE:
            threading.Timer(self.draw.random(), self._kill).start()

    def _kill(self) -> None:
        with suppress(OSError):  # it has ended
            pids = children()
            if pids and len(self.killed) < self.most:
                os.kill(pid := self.draw.choice(pids), signal.SIGKILL)
                self.killed.append(pid)


def check(found: Any, expected: Any, heard: Heard, trials: int) -> None:
    """Check the results of a comparison against those of one process.

    Raises:
        SystemExit: they differ.

    """
    for what, one, other in zip(("tables", "verdicts", "files"), found, expected, strict=True):
        if one != other:
            sys.exit(f"FAILED: {what} differ from those of one process")
    if len(heard.began) != trials or len(found[2]) != trials * len(EQUAL):
        sys.exit(f"FAILED: {len(heard.began)} cells began, expected {trials}")


def by_processes(folder: Path, kills: int, expected: Any, rows: int, draw: random.Random) -> None:
    """Kill worker processes until there were enough kills."""
    total = number = 0
    while total < kills:
        killing = Killing(min(kills - total, ATTEMPTS - 1), draw)
        heard = Heard(killing)
        found = compared(folder, f"out-{number}", {"name": "processes"}, heard, rows)
        check(found, expected, heard, 2 * len(MODELS))
        again = sum(heard.began.values()) - len(heard.began)
        total, number = total + len(killing.killed), number + 1
        print(
            f"comparison {number}: {len(killing.killed)} kills, {again} trainings continued, all equal",
            flush=True,
        )
    print(f"{total} kills in {number} comparisons: no trial lost, none doubled, equal tables and bytes")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    set_up()
    with tempfile.TemporaryDirectory(prefix="automtl-kill-") as name:
        folder = Path(name)
        expected = compared(folder, "one", None, Heard(), given.rows)
        print("one process: done", flush=True)
        by_processes(folder, given.kills, expected, given.rows, random.Random(given.seed))  # noqa: S311 - no secret


if __name__ == "__main__":
    main()
