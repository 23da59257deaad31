"""Closed gates against the truth: whether a search closes what does not matter more often than chance does.

`synthetic` knows which fields act on a task by themselves and which only in pairs. A gate of DESAN over
single fields, or over fields in interactions, is rightly closed where the field does not act in that way
on any task that its expert reaches.

    precision = rightly closed / closed        recall = rightly closed / closed by the truth

    python benchmarks/gates.py --strategies pd-darts,random --seeds 5 --set strategy.learning_rate=1e-2
"""

import argparse
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from automtl_core.choices import Architecture
from automtl_core.data.store import Prepared
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import assignments, default, load_config
from automtl_core.training.events import EventHandler
from automtl_core.workflow.job import Job


class Closed(NamedTuple):
    """Counts of gates over fields."""

    closed: int
    useless: int
    both: int

    @property
    def precision(self) -> float:
        """Share of the closed gates that the truth closes."""
        return self.both / self.closed if self.closed else float("nan")

    @property
    def recall(self) -> float:
        """Share of the gates closed by the truth that are closed."""
        return self.both / self.useless if self.useless else float("nan")


def closed_gates(found: Architecture, truth: Mapping[str, Any], fields: Sequence[str]) -> Closed:
    """Compare the gates over fields of an architecture of DESAN with what is known of the data."""
    closed = useless = both = 0
    for expert, tasks in reached(found):
        about = [truth["tasks"][task] for task in tasks]
        needed = {
            "single": {field for task in about for field in task["fields"]},
            "interaction": {field for task in about for pair in task["pairs"] for field in pair},
        }
        for kind, wanted in needed.items():
            is_open = found.decisions[f"layer0/{expert}/{kind}"]
            closed += sum(field not in is_open for field in fields)
            useless += sum(field not in wanted for field in fields)
            both += sum(field not in is_open and field not in wanted for field in fields)
    return Closed(closed, useless, both)


def reached(found: Architecture) -> Iterator[tuple[str, set[str]]]:
    """Yield each expert of the first layer that reaches a task, with all tasks that it reaches."""
    consumers = {
        label.rpartition("/")[0]: options
        for label, options in found.decisions.items()
        if label.endswith("/experts")
    }
    layers = 1 + max((int(c[5:].partition("/")[0]) for c in consumers if c.startswith("layer")), default=0)
    tasks = {c.removeprefix("task/"): {c.removeprefix("task/")} for c in consumers if c.startswith("task/")}
    above = {f"task/{task}": names for task, names in tasks.items()}
    for layer in reversed(range(layers)):
        experts: dict[str, set[str]] = {}
        for consumer, names in above.items():
            for expert in consumers[consumer]:
                experts.setdefault(expert, set()).update(names)
        above = {f"layer{layer}/{expert}": names for expert, names in experts.items()}
    yield from ((label.partition("/")[2], names) for label, names in above.items())


def searched(
    strategy: str, seed: int, settings: Sequence[str], prepared_dir: Path
) -> tuple[Architecture, Prepared]:
    """Search on `synthetic`, and return what was found, and the data."""
    named = {"strategy": {"name": strategy}, "dataset": {"name": "synthetic"}, "seed": seed}
    registry = load_registry()
    layers = (default(registry), named, {"prepared_dir": prepared_dir}, assignments(settings))
    job = Job.resolve(load_config(*layers), registry)
    prepared = job.prepare()
    return job.strategy(job.problem(prepared)).search(EventHandler()).architecture, prepared


def main() -> None:
    """Print a line for each search, and the mean of each strategy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strategies", default="pd-darts,random")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--prepared", type=Path, default=Path("prepared"))
    options = parser.parse_args()
    print("| strategy | seed | closed | precision | recall | seconds |\n|---|---|---|---|---|---|")
    for strategy in options.strategies.split(","):
        rows = []
        for seed in range(options.seeds):
            start = time.monotonic()
            found, prepared = searched(strategy, seed, options.settings, options.prepared)
            fields = [field.name for field in prepared.schema.sparse]
            row = closed_gates(found, prepared.manifest["truth"], fields)
            rows.append(row)
            print(
                f"| {strategy} | {seed} | {row.closed} | {row.precision:.3f} | {row.recall:.3f} "
                f"| {time.monotonic() - start:.0f} |",
                flush=True,
            )
        precision, recall = ([getattr(row, name) for row in rows] for name in ("precision", "recall"))
        print(
            f"| {strategy} | mean | {statistics.mean(row.closed for row in rows):.1f} "
            f"| {statistics.mean(precision):.3f} | {statistics.mean(recall):.3f} | |"
        )


if __name__ == "__main__":
    main()
