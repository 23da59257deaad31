"""Table of balancers: test AUC on several problems minus that of the weighted mean.

    for kind in pairs rare factors; do
        automtl compare --dataset planted --set dataset.kind=$kind --models MODELS --out cmp/$kind
    done
    automtl compare KUAIRAND --models MODELS --out cmp/KuaiRand
    python benchmarks/balancers.py cmp

with KUAIRAND = --dataset kuairand --data-dir DIR --set dataset.log=standard
and MODELS = mmoe,mmoe+uncertainty,mmoe+pcgrad,... prints a table in Markdown: the mean test AUC of mmoe with
the weighted mean, and of every other model the difference to it, the mean over common seeds with its standard
error, and p by the test of `automtl compare`, corrected for the number of models in a column.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from automtl_core.training.metrics import mean_over_tasks, metrics_from_json

REFERENCE = "mmoe"


@dataclass(frozen=True)
class Problem:
    """The comparison of one problem."""

    name: str
    models: Mapping[str, Mapping[int, float]]
    """Model -> seed -> mean test AUC of the tasks with enough rows of both classes."""

    @classmethod
    def read(cls, folder: Path) -> "Problem":
        """Read a comparison, without trainings that diverged."""
        comparison = json.loads((folder / "compare.json").read_text())
        models: dict[str, dict[int, float]] = {}
        for name, model in comparison["models"].items():
            for cell in (cell for cell in model["cells"] if "test" in cell):
                test = metrics_from_json(cell["test"])
                scores = {task: m.score for task, m in test.items()}
                score = mean_over_tasks(scores, test, comparison["min_positives"])
                models.setdefault(name, {})[cell["seed"]] = float("nan") if score is None else score
        return cls(folder.name, models)


def table(folders: Sequence[Path]) -> list[str]:
    """Return the lines of the table, one column for each folder of a comparison."""
    problems = [Problem.read(folder) for folder in folders]
    names = list(dict.fromkeys(name for problem in problems for name in problem.models))
    adjusted = [_adjusted(folder) for folder in folders]
    titles = ["", *(problem.name for problem in problems)]
    lines = [row(*titles), row(*["---"] * len(titles))]
    scores = ([*problem.models[REFERENCE].values()] for problem in problems)
    lines.append(row(REFERENCE, *(f"{short(mean(of))} ± {short(_spread(of))}" for of in scores)))
    for name in (name for name in names if name != REFERENCE):
        cells = [
            _cell(problem, name, p.get(name)) if name in problem.models else ""
            for problem, p in zip(problems, adjusted, strict=True)
        ]
        lines.append(row(name, *cells))
    return lines


def _cell(problem: Problem, name: str, p: float | None) -> str:
    one, two = problem.models[name], problem.models[REFERENCE]
    paired = [one[seed] - two[seed] for seed in one if seed in two]
    gain = f"{mean(paired):+.4f}".replace("0.", ".", 1)
    found = f"{gain} ± {short(_spread(paired) / len(paired) ** 0.5)}"
    return found if p is None else f"{found}, p {p:.2f}"


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def row(*cells: str) -> str:
    """Return a line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def short(value: float) -> str:
    """Return a number without its leading zero."""
    return f"{value:.4f}".replace("0.", ".", 1)


def _adjusted(folder: Path) -> dict[str, float]:
    """Return the adjusted p value of each model, of the mean AUC over tasks."""
    found = json.loads((folder / "compare.json").read_text())["differences"]
    return {name: one["mean"]["adjusted_p"] for name, one in found.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of the folders of comparisons")
    given = parser.parse_args()
    print("\n".join(table([path.parent for path in sorted(given.folder.glob("*/compare.json"))])))


if __name__ == "__main__":
    main()
