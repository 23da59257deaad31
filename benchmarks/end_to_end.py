"""Times a search and the training of what it found against the training of MMoE; watches memory by phase.

    python benchmarks/end_to_end.py --dataset kuairand --data-dir DIR --set dataset.log=standard [--seeds 3]

Three commands, each a process of its own: the search; MMoE as anybody trains it, until validation says that
it is enough; and MMoE for as many epochs as the search took in all. Phases of the last round of a search have
the names of the architectures that it trains. `anonymous` is memory without mapped files.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import assignments
from automtl_core.run_dir.progress import TRAINING
from automtl_core.training.events import EpochEnded, Event, EventHandler, PhaseBegan, PhaseEnded, StepEnded
from automtl_core.training.metrics import mean_over_tasks
from automtl_core.training.process import set_up
from automtl_core.workflow.workflow import Workflow
from timing import RESULTS, report

LOOK = 0.02
"""Seconds between two looks at memory."""
START, TEST = "start", "test"


class Phases(EventHandler):
    """Listener: the phases of a command with their seconds, epochs and most memory in MiB."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {}
        self.phase = ""
        self._since = time.perf_counter()
        self._ended = threading.Event()
        self.enter(START)
        threading.Thread(target=self._look, daemon=True).start()

    def enter(self, phase: str) -> None:
        """Begin a phase, or go on with it."""
        if phase == self.phase:
            return
        now = time.perf_counter()
        if self.phase:
            self.found[self.phase]["seconds"] += now - self._since
        self.found.setdefault(phase, {"seconds": 0.0, "epochs": 0, "resident MiB": 0.0, "anonymous MiB": 0.0})
        self.phase, self._since = phase, now

    def step(self, event: StepEnded) -> bool:
        """Enter the phase of a step."""
        self.enter(event.phase)
        return True

    def epoch(self, event: EpochEnded) -> bool:
        """Count an epoch."""
        self.enter(event.phase)
        self.found[event.phase]["epochs"] += 1
        return True

    def other(self, event: Event) -> bool:
        """Enter a phase; after the training comes the test."""
        match event:
            case PhaseBegan(phase) if phase != TRAINING:
                self.enter(phase)
            case PhaseEnded(phase) if phase == TRAINING:
                self.enter(TEST)
        return True

    def end(self) -> None:
        """Count the time of the last phase."""
        self._ended.set()
        self.found[self.phase]["seconds"] += time.perf_counter() - self._since

    def _look(self) -> None:
        while not self._ended.wait(LOOK):
            lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
            sizes = {words[0]: words[1] for words in lines if words[0] in ("VmRSS:", "RssAnon:")}
            phase = self.found[self.phase]
            for name, key in (("VmRSS:", "resident MiB"), ("RssAnon:", "anonymous MiB")):
                phase[key] = max(phase[key], int(sizes[name]) / 1024)


def measured(model: str, common: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Return the phases of one command in this process, and the mean AUC of validation and test."""
    phases = Phases()
    line = Workflow(load_registry(), phases)
    (job,) = line.models([model], [common, assignments(settings)]).values()
    with tempfile.TemporaryDirectory() as folder:
        result = line.search(job, Path(folder), "one").result
        phases.end()
    least = job.config.training.min_positives
    scores = {
        part: mean_over_tasks({task: m.score for task, m in metrics.items()}, metrics, least)
        for part, metrics in (("validation", result.validation), ("test", result.test or {}))
    }
    return {"phases": phases.found, **scores}


def command(given: argparse.Namespace, model: str, seed: int, *settings: str) -> dict[str, Any]:
    """Measure one command in a process of its own."""
    words = [sys.executable, __file__, "--one", model, "--seeds", str(seed), "--dataset", given.dataset]
    words += ["--data-dir", given.data_dir] if given.data_dir else []
    for word in (*given.settings, *settings):
        words += ["--set", word]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def rows_of(model: str, seed: int, found: dict[str, Any], base: float | None) -> list[dict[str, Any]]:
    """Return a row a phase, and one of the whole."""
    phases = found["phases"]
    whole = {
        "seconds": sum(p["seconds"] for p in phases.values()),
        "epochs": sum(p["epochs"] for p in phases.values()),
        **{key: max(p[key] for p in phases.values()) for key in ("resident MiB", "anonymous MiB")},
    }
    told = {"command": model, "seed": seed}
    ratio = {"x MMoE": whole["seconds"] / base if base else 1.0}
    scores = {"validation AUC": found["validation"], "test AUC": found["test"]}
    parts = [{**told, "phase": phase, **facts} for phase, facts in phases.items()]
    return [*parts, {**told, "phase": "all", **whole, **ratio, **scores}]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="synthetic")
    parser.add_argument("--data-dir")
    parser.add_argument("--model", default="desan:pd-darts", help="what is searched")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--name", help="of the file of results [end_to_end_DATASET]")
    parser.add_argument("--out", default=str(RESULTS), help="folder of the JSON; empty for none")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        set_up()
        common = {"dataset": {"name": given.dataset}, "seed": given.seeds}
        if given.data_dir:
            common["data_dir"] = given.data_dir
        print(json.dumps(measured(given.one, common, given.settings)))
        return
    rows: list[dict[str, Any]] = []
    for seed in range(given.seeds):
        default = rows_of("mmoe", seed, command(given, "mmoe", seed), None)
        base = default[-1]["seconds"]
        search = rows_of(given.model, seed, command(given, given.model, seed), base)
        epochs = f"training.epochs={search[-1]['epochs']}", f"training.patience={search[-1]['epochs']}"
        same = rows_of("mmoe, as many epochs", seed, command(given, "mmoe", seed, *epochs), base)
        rows += [*default, *search, *same]
    title = f"search and training on {given.dataset}, by phase"
    report(given.name or f"end_to_end_{given.dataset}", title, rows, given.out)


if __name__ == "__main__":
    main()
