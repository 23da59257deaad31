"""Table of balancers: test AUC on several problems minus that of the weighted mean.

    for kind in pairs rare factors; do
        automtl compare --dataset synthetic --set dataset.kind=$kind --models MODELS --out cmp/$kind
    done
    automtl compare KUAIRAND --models MODELS --out cmp/KuaiRand
    python benchmarks/balancers.py cmp

with KUAIRAND = --dataset kuairand --data-dir DIR --set dataset.log=standard
and MODELS = mmoe,mmoe+uncertainty,mmoe+pcgrad,... prints a table in Markdown: the mean test AUC of mmoe with
the weighted mean, and of every other model the difference to it, the mean over common seeds with its standard
error, and p by the test of `automtl compare`, with Holm's correction for the number of models in a column.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from summary import Problem, Sample, header, row, short, signed

REFERENCE = "mmoe"


def table(folders: Sequence[Path]) -> list[str]:
    """Return the lines of the table, one column for each folder of a comparison."""
    problems = [Problem.read(folder) for folder in folders]
    names = list(dict.fromkeys(name for problem in problems for name in problem.models))
    adjusted = [_adjusted(folder) for folder in folders]
    lines = header("", *(problem.name for problem in problems))
    lines.append(row(REFERENCE, *(str(problem.test(REFERENCE)) for problem in problems)))
    for name in (name for name in names if name != REFERENCE):
        cells = [
            _cell(problem, name, p.get(name)) if name in problem.models else ""
            for problem, p in zip(problems, adjusted, strict=True)
        ]
        lines.append(row(name, *cells))
    return lines


def _cell(problem: Problem, name: str, p: float | None) -> str:
    one, two = problem.models[name], problem.models[REFERENCE]
    paired = Sample([one[seed].test - two[seed].test for seed in one if seed in two])
    found = f"{signed(paired.mean)} ± {short(paired.error)}"
    return found if p is None else f"{found}, p {p:.2f}"


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
