"""How often the board tells apart what is equal, and what differs by .005 of AUC.

    cd benchmarks; python -m board.check [BOARD]

Equal are two trainings of a model that differ in their seed alone. A difference is planted: noise, the same
in all trainings, is added to the logits of the other seeds until their mean AUC is lower by .005.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from board.read import BOARD, OPTIMUM, Problem, Trainings, read, trainings, unpaired, usual

LEVEL = 0.05
PLANTED = 0.005
Case = tuple[Trainings, Trainings, float]
"""A training, those that it is compared with, and the variance over seeds of a model with one training."""


def some(of: Trainings, *seeds: int) -> Trainings:
    """Return some of the trainings."""
    return Trainings(*(part[[*seeds]] for part in of))


def pairs(of: Trainings, variance: float) -> Iterator[Case]:
    """Yield each pair of seeds."""
    count = len(of.scores)
    for one in range(count):
        yield from ((some(of, one), some(of, other), variance) for other in range(one))


def each_and_rest(of: Trainings, others: Trainings, variance: float) -> Iterator[Case]:
    """Yield each seed, and the other seeds of the same model or of its worse copy."""
    for one in range(len(of.scores)):
        rest = [seed for seed in range(len(of.scores)) if seed != one]
        yield some(of, one), some(others, *rest), variance


def worse(problem: Problem) -> Problem:
    """Return the problem with models whose logits have noise, so that the mean AUC is lower by `PLANTED`."""
    noise = np.random.default_rng(0).standard_normal((len(problem.rows), len(problem.labels)))
    before, found = trainings(problem), {}
    for name, logits in problem.models.items():
        low, high = 0.0, 4.0
        for _ in range(12):
            middle = (low + high) / 2
            found[name] = logits + middle * logits.std(axis=1, keepdims=True) * noise
            of_model = trainings(problem._replace(models={name: found[name]}))[name]
            lost = before[name].scores.mean() - of_model.scores.mean()
            low, high = (middle, high) if lost < PLANTED else (low, middle)
    return problem._replace(models=found)


def share(cases: list[list[Case]], better: bool = False) -> str:
    """Return how many cases, each of one or more problems, have a p value below `LEVEL`."""
    found = [unpaired(one) for one in cases]
    told = sum(d.p is not None and d.p < LEVEL and (d.mean > 0 or not better) for d in found)
    return f"{100 * told / len(found):.1f} % of {len(found)}"


def main() -> None:
    """Print the shares."""
    board = read(Path(sys.argv[1]) if sys.argv[1:] else BOARD)
    print("| | pairs of seeds | a seed and the others | .005 worse |\n|---|---|---|---|")
    equal: dict[str, list[list[Case]]] = {}
    planted: dict[str, list[list[Case]]] = {}
    two: list[list[Case]] = []
    for name, full in board.problems.items():
        problem = full._replace(models={m: of for m, of in full.models.items() if m != OPTIMUM})
        plain, lower = (trainings(one) for one in (problem, worse(problem)))
        variance, of_pairs, alone, below = (
            usual(plain),
            list[list[Case]](),
            list[list[Case]](),
            list[list[Case]](),
        )
        for model, of in plain.items():
            rest, copies = [*each_and_rest(of, of, variance)], [*each_and_rest(of, lower[model], variance)]
            of_pairs += [[case] for case in pairs(of, variance)]
            alone, below = alone + [[case] for case in rest], below + [[case] for case in copies]
            for seed, (case, copy) in enumerate(zip(rest, copies, strict=True)):
                equal.setdefault(f"{model}.{seed}", []).append(case)
                planted.setdefault(f"{model}.{seed}", []).append(copy)
        two += of_pairs
        print(f"| {name} | {share(of_pairs)} | {share(alone)} | {share(below, True)} |")
    every = (
        [[case] for cases in equal.values() for case in cases],
        [[c] for cs in planted.values() for c in cs],
    )
    print(f"| each problem | {share(two)} | {share(every[0])} | {share(every[1], True)} |")
    equal_on_all, worse_on_all = (
        [cases for cases in of.values() if len(cases) == len(board.problems)] for of in (equal, planted)
    )
    print(f"| all problems together | | {share(equal_on_all)} | {share(worse_on_all, True)} |")


if __name__ == "__main__":
    main()
