"""How near errors of scores by influence are to those of a bootstrap, and how often equal models differ.

    cd benchmarks; python errors_of_scores.py [DATASETS [DRAWS]]

The first table has the standard error of the score of a model, of another one, and of their difference,
divided by that of a bootstrap that draws units (users or rows) whole, as a mean over generated data. The
second one has, for models whose true scores are equal, how often any of several is told apart from the
reference, and how often a 95 % interval of a single difference holds the true one.

Letters: R rows.
"""

import sys
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from automtl_comparison.statistics import influences, noise, paired
from automtl_core.dataset.schema import Task
from automtl_core.registry.plugins import load_registry
from automtl_core.tasks.kind import Floats, Groups, TaskKind

KINDS = (
    *("binary", "binary by pr-auc", "binary by ne", "binary by gauc", "binary by ndcg-10"),
    *("regression", "poisson", "censored"),
)
SIZES = ((600, 0), (3000, 0), (3000, 200))
"""Rows, and users; 0 for independent rows."""
NULL = (
    ("binary", 0),
    ("binary", 150),
    ("binary by gauc", 150),
    ("binary by ndcg-10", 150),
    ("regression", 0),
)
"""Kind, and users or lists, of comparisons of equal models."""


def generated(
    kind: str, rows: int, users: int, seed: int, noises: Sequence[float]
) -> tuple[Floats, Floats, Groups]:
    """Return labels [R], the logits of models with an error in common, [M, R], and users [R]."""
    draw = np.random.default_rng(seed)
    user = draw.integers(1, users + 1, rows).astype(np.int32) if users else None
    truth = draw.standard_normal(rows) - 1
    if user is not None:
        truth += 0.7 * draw.standard_normal(users + 1)[user]
    logits = truth + 0.5 * draw.standard_normal(rows)
    logits = logits + np.array(noises)[:, None] * draw.standard_normal((len(noises), rows))
    match kind:
        case "poisson":
            return (
                draw.poisson(np.exp(truth / 2)).astype(np.float64),
                truth / 2 + 0.3 * (logits - truth),
                user,
            )
        case "censored":
            times = np.exp(truth + draw.standard_normal(rows))
            return times * np.where(draw.random(rows) < 0.2, -1, 1), logits, user
        case "regression":
            return truth + draw.standard_normal(rows), logits, user
    return (draw.random(rows) < 1 / (1 + np.exp(-truth))).astype(np.float64), logits, user


def bootstrap(kind: TaskKind, labels: Floats, logits: Floats, users: Groups, draws: int) -> Floats:
    """Return the scores of models on drawn units, [draws, M]; a user who is drawn twice is two users."""
    draw, numbers = np.random.default_rng(0), np.arange(len(labels)) if users is None else users
    units = [np.flatnonzero(numbers == number) for number in np.unique(numbers)]
    found = np.empty((draws, len(logits)))
    for each in found:
        some = [units[place] for place in draw.integers(0, len(units), len(units))]
        rows = np.concatenate(some)
        lists = np.repeat(np.arange(1, len(some) + 1, dtype=np.int32), list(map(len, some)))
        groups = None if users is None else lists
        each[:] = [kind.metrics(labels[rows], of[rows], groups).values[kind.score.key] for of in logits]
    return found


def by_unit(task: Task, labels: Floats, logits: Floats, users: Groups) -> Floats:
    """Return the influence of units on the score of each model, [M, U]."""
    return np.stack([influences([task], labels[:, None], of[:, None], users, users)[0] for of in logits])


def ratios(task: Task, rows: int, users: int, datasets: int, draws: int) -> Floats:
    """Return the errors of two models and of their difference, divided by those of a bootstrap, [3]."""
    found = []
    for seed in range(datasets):
        labels, logits, user = generated(task.kind, rows, users, seed, (0.3, 0.6))
        scores = bootstrap(task.type, labels, logits, user, draws).T
        one, other = by_unit(task, labels, logits, user)
        pairs = zip((one, other, one - other), (*scores, scores[0] - scores[1]), strict=True)
        found.append([np.linalg.norm(mine) / drawn.std() for mine, drawn in pairs])
    return np.mean(found, axis=0)


def told_apart(task: Task, users: int, models: int, seeds: int, cases: int) -> Mapping[str, float]:
    """Return how often one of equal models is told apart, and how often an interval holds 0.

    Some of several trainings of a model are better, by about as much as rows change a difference.
    """
    wrong, held = 0, []
    for case in range(cases):
        labels, logits, user = generated(task.kind, 1500, users, case, [0.6] * models * seeds)
        known = [task.type.metrics(labels, of, user).values[task.type.score.key] for of in logits]
        by_training = by_unit(task, labels, logits, user)
        luck = np.random.default_rng(case).standard_normal(models * seeds) * (seeds > 1)
        error = np.linalg.norm(by_training[0] - by_training[1])  # of a difference, by rows
        scores = (known + luck * error / 2).reshape(models, seeds)
        influence = by_training.reshape(models, seeds, -1)
        given = [
            (own, scores[0], noise([(0, one) for one in by_cell - influence[0]]))
            for own, by_cell in zip(scores[1:], influence[1:], strict=True)
        ]
        wrong += any(paired(*one, models - 1).standing() != "level" for one in given)
        held += [paired(*one).standing() == "level" for one in given]
    return {"told apart": wrong / cases, "interval holds 0": float(np.mean(held))}


def main() -> None:
    """Print both tables."""
    datasets, draws = (
        [*map(int, sys.argv[1:]), 20, 1000][:2] if len(sys.argv) < 3 else map(int, sys.argv[1:3])
    )
    load_registry()
    print("| kind | rows | users | first model | second model | difference |\n|---|---|---|---|---|---|")
    for kind in KINDS:
        task = Task("task", kind=kind)
        for rows, users in SIZES:
            if users or not task.type.of_groups:
                cells = (f"{one:.3f}" for one in ratios(task, rows, users, datasets, draws))
                print(f"| {' | '.join([kind, str(rows), str(users), *cells])} |", flush=True)
    print("\n| kind | users | models | seeds | told apart | interval holds 0 |\n|---|---|---|---|---|---|")
    for (kind, users), models, seeds in product(NULL, (2, 5, 8), (1, 3, 5)):
        shares = told_apart(Task("task", kind=kind), users, models, seeds, 20 * datasets).values()
        cells = (f"{100 * share:.1f} %" for share in shares)
        print(f"| {' | '.join([kind, str(users), str(models), str(seeds), *cells])} |", flush=True)


if __name__ == "__main__":
    main()
