"""Measures trials an hour with one and with two workers, each with one thread, on an idle machine.

    python benchmarks/workers.py [--rows 20000] [--candidates 32] [--repeats 3]

A comparison (six trainings of hand-designed models), and the final comparison of a search (strategy `random`)
with the training after it, which is one process. The runs with one and with two workers take turns, in new
folders. The time includes the start of the workers; the data is prepared before. `ratio` is the median number
of trials an hour against that of one worker. The bytes of the results are compared, too.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

from automtl_comparison.spec import ComparisonSpec
from automtl_core.registry.plugins import load_registry
from automtl_core.training.process import set_up
from automtl_core.workflow.run_trial import executor_of
from automtl_core.workflow.workflow import Workflow
from timing import RESULTS, report

MODELS = ["shared-bottom", "mmoe", "ple"]
SEEDS = 2
WORKERS = 1, 2
EQUAL = ("architecture.json", "metrics.jsonl", "weights.safetensors")
Bytes = list[tuple[str, str, bytes]]


def comparison(flow: Workflow, layer: Mapping[str, Any], folder: Path) -> tuple[int, Bytes]:
    """Compare models; return the number of trials and the bytes of their runs."""
    layer = {key: value for key, value in layer.items() if key != "strategy"}
    spec = ComparisonSpec(MODELS, seeds=SEEDS, out=folder)
    spec.compared(flow, [layer])
    runs = sorted((folder / "cells").iterdir())
    return len(runs), [(run.name, name, (run / name).read_bytes()) for run in runs for name in EQUAL]


def search(flow: Workflow, layer: Mapping[str, Any], folder: Path) -> tuple[int, Bytes]:
    """Search by a final comparison alone; return the number of candidates and the bytes of the run."""
    run = flow.search(flow.job([layer]), folder, "run").path
    return layer["strategy"]["candidates"], [(run.name, name, (run / name).read_bytes()) for name in EQUAL]


LOADS: Mapping[str, Callable[[Workflow, Mapping[str, Any], Path], tuple[int, Bytes]]] = {
    "comparison": comparison,
    "search": search,
}


def timed(load: str, workers: int, layer: Mapping[str, Any], folder: Path) -> tuple[float, Bytes]:
    """Return the trials an hour of a load, and the bytes of its results."""
    registry, start = load_registry(), time.perf_counter()
    with executor_of(registry, workers, None) as executor:
        trials, result = LOADS[load](Workflow(registry, executor=executor), layer, folder)
    return 3600 * trials / (time.perf_counter() - start), result


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--candidates", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", default=str(RESULTS), help="folder of the JSON file; empty for none")
    given = parser.parse_args()
    set_up()
    rows = []
    with tempfile.TemporaryDirectory(prefix="automtl-workers-") as name:
        folder = Path(name)
        layer = {
            "dataset": {"name": "synthetic", "rows": given.rows},
            "training": {"epochs": given.epochs},
            "features": "ids",
            "strategy": {"name": "random", "candidates": given.candidates},
            "prepared_dir": folder / "prepared",
        }
        flow = Workflow(load_registry())
        flow.prepare(flow.job([layer]))
        for load in LOADS:
            speeds: dict[int, list[float]] = {workers: [] for workers in WORKERS}
            expected: Bytes = []
            for repeat in range(given.repeats):
                for workers in WORKERS:
                    speed, result = timed(load, workers, layer, folder / f"{load}-{repeat}-{workers}")
                    speeds[workers].append(speed)
                    expected = expected or result
                    if result != expected:
                        sys.exit(f"FAILED: the {load} with {workers} workers has other bytes")
            for workers in WORKERS:
                median = statistics.median(speeds[workers])
                ratio = median / statistics.median(speeds[WORKERS[0]])
                rows.append({"load": load, "workers": workers, "trials an hour": median, "ratio": ratio})
    report("workers", "Trials an hour, one thread a worker", rows, given.out)


if __name__ == "__main__":
    main()
