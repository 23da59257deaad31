"""Summary of comparisons of several problems: who is ahead on each, and in the mean.

    automtl compare DATA --models mmoe,ple,shared-bottom,single-task,boosting,desan:pd-darts --out cmp/NAME
    python benchmarks/summary.py cmp

reads each folder of `cmp` that `automtl compare` has written, and prints tables in Markdown. Scores are the
mean test AUC of the tasks with enough rows of both classes, with their standard deviation over seeds and
the FLOPs per row in thousands. Leads, and means over problems, have their standard error. Seconds are
those of the search and of the final training, without the encoding search. Problems without mmoe are left
out.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean, stdev

from automtl_core.training.metrics import mean_over_tasks, metrics_from_json

BY_HAND = ("mmoe", "ple", "shared-bottom", "single-task")
"""Models with which a search is compared. The best one of a problem is that with the best test AUC, so the
comparison favours them."""


@dataclass(frozen=True)
class Trained:
    """One model with one seed."""

    validation: float
    test: float
    flops_per_row: float
    seconds: float

    @property
    def flattery(self) -> float:
        """Validation AUC minus test AUC."""
        return self.validation - self.test


@dataclass(frozen=True)
class Sample:
    """Some values with their mean, their standard deviation, and the standard error of the mean."""

    values: Sequence[float]

    @property
    def mean(self) -> float:
        """The mean."""
        return mean(self.values)

    @property
    def spread(self) -> float:
        """The standard deviation of the values."""
        return stdev(self.values) if len(self.values) > 1 else 0.0

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return self.spread / len(self.values) ** 0.5

    def __str__(self) -> str:
        """Return the mean and the standard deviation."""
        return f"{short(self.mean)} ± {short(self.spread)}"


@dataclass(frozen=True)
class Problem:
    """The comparison of one problem."""

    name: str
    models: Mapping[str, Mapping[int, Trained]]
    """Model -> seed -> result."""

    @classmethod
    def read(cls, folder: Path) -> "Problem":
        """Read a comparison and the runs of its models."""
        comparison = json.loads((folder / "compare.json").read_text())
        least = comparison["min_positives"]
        models: dict[str, dict[int, Trained]] = {}
        for name, model in comparison["models"].items():
            for cell in model["cells"]:
                if "test" not in cell:  # it diverged
                    continue
                result = json.loads((folder / "cells" / cell["run"] / "result.json").read_text())
                scores = {part: metrics_from_json(result[part]) for part in ("validation", "test")}
                validation, test = (
                    mean_over_tasks({task: m.score for task, m in part.items()}, part, least) or float("nan")
                    for part in scores.values()
                )
                models.setdefault(name, {})[cell["seed"]] = Trained(
                    validation,
                    test,
                    cell["flops_per_row"] or 0,
                    cell["search_seconds"] + cell["train_seconds"],
                )
        return cls(folder.name, models)

    def test(self, model: str) -> Sample:
        """Return the test AUC of a model over seeds."""
        return Sample([trained.test for trained in self.models[model].values()])

    @cached_property
    def best_by_hand(self) -> str:
        """The hand-designed model with the best mean test AUC."""
        return max((name for name in BY_HAND if name in self.models), key=lambda name: self.test(name).mean)

    def lead(self, model: str, other: str) -> tuple[float, float]:
        """Return the mean test AUC of a model minus that of another, and the standard error."""
        one, two = self.test(model), self.test(other)
        return one.mean - two.mean, (one.error**2 + two.error**2) ** 0.5

    def flattery(self, model: str, other: str = "mmoe") -> float:
        """Return validation AUC minus test AUC of a model, minus the same of another, over common seeds."""
        one, two = self.models[model], self.models[other]
        return mean(one[seed].flattery - two[seed].flattery for seed in one if seed in two)


def table(problems: Sequence[Problem], model: str) -> list[str]:
    """Return the lines of the table of test AUCs, and the lead of a model over the best hand-designed one."""
    names = list(dict.fromkeys(name for problem in problems for name in problem.models))
    lines = header("", *names, f"{model} ahead of the best by hand")
    for problem in problems:
        cells = []
        for name in names:
            found = problem.models.get(name)
            thousands = f" ({mean(t.flops_per_row for t in found.values()) / 1e3:,.0f})" if found else ""
            cells.append(f"{problem.test(name)}{thousands}" if found else "")
        ahead, error = problem.lead(model, problem.best_by_hand)
        lines.append(row(problem.name, *cells, f"{signed(ahead)} ± {short(error)} ({problem.best_by_hand})"))
    leads = Sample([problem.lead(model, problem.best_by_hand)[0] for problem in problems])
    lines.append(row("mean", *[""] * len(names), f"{signed(leads.mean)} ± {short(leads.error)}"))
    return lines


def seconds(problems: Sequence[Problem], model: str, base: str = "mmoe") -> list[str]:
    """Return the lines of a table of seconds and of validation AUC minus test AUC."""
    lines = header("", f"seconds of {model}", f"of {base}", "ratio", f"validation - test, beyond {base}")
    for problem in problems:
        one, two = (mean(t.seconds for t in problem.models[name].values()) for name in (model, base))
        cells = f"{one:,.0f}", f"{two:,.0f}", f"{one / two:.1f}", signed(problem.flattery(model, base))
        lines.append(row(problem.name, *cells))
    flattery = Sample([problem.flattery(model, base) for problem in problems])
    lines.append(row("mean", "", "", "", f"{signed(flattery.mean)} ± {short(flattery.error)}"))
    return lines


def header(*titles: str) -> list[str]:
    """Return the first two lines of a table in Markdown."""
    return [row(*titles), row(*["---"] * len(titles))]


def row(*cells: str) -> str:
    """Return a line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def short(value: float) -> str:
    """Return a number without its leading zero."""
    return f"{value:.4f}".replace("0.", ".", 1)


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return f"{value:+.4f}".replace("0.", ".", 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the folders of comparisons")
    parser.add_argument("--model", default="desan:pd-darts")
    given = parser.parse_args(arguments)
    problems = [Problem.read(path.parent) for path in sorted(given.folder.glob("*/compare.json"))]
    with_model = [problem for problem in problems if {given.model, "mmoe"} <= problem.models.keys()]
    print("\n".join([*table(with_model, given.model), "", *seconds(with_model, given.model)]))


if __name__ == "__main__":
    main()
