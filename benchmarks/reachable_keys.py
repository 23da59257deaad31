"""AUC that a model can reach on `synthetic` of kind `keys` if it learns the effects from the training rows.

The optimal AUC uses the true effects, which ten rows of a cell do not determine. The reachable AUC is that of
a logistic regression that knows all else: which keys and fields have effects, the size of each on each label,
and how effects walk. Effects have a Gaussian prior with the deviation of the truth, and are at their
posterior mode:

    logit of label t = b_t + sum_k s_tk e_k(c, period)     e = L z, z ~ N(0, 1)

where L is the identity for constant effects. The columns of the table are test AUCs:

    optimal    of the true probabilities
    reachable  effects learned from the training rows, as a model knows them that is not refreshed
    alone      the same, if a label is learned without the others: labels have the same effects in other sizes
    refreshed  effects learned from all rows of earlier days, as with `features.refresh: 1d`
    RUN        of a run, and its difference to reachable

    automtl train --dataset synthetic --set dataset.kind=keys --model mmoe --name mmoe
    python benchmarks/reachable_keys.py --seed 0 runs/mmoe
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize
from scipy.special import expit

from automtl_core.prepare.prepare import prepare
from automtl_core.tasks.builtin import auc
from automtl_datasets.synthetic.dataset import Synthetic, SyntheticSettings
from automtl_datasets.synthetic.keys import Keys
from automtl_datasets.synthetic.timed import DAYS

Floats = NDArray[np.float64]
DAY = 86_400


class Effects:
    """Effects of the cells of a field or of a key, in each period if they change.

    Args:
        cells: Cell of each row, [R].
        periods: Period of each row, [R].
        sizes: Deviation of the effects on each label, [T].
        correlation: Correlation of the effects of a cell in a period and in the next one; 1 if constant.

    """

    def __init__(
        self, cells: NDArray[np.int64], periods: NDArray[np.int64], sizes: Floats, correlation: float
    ) -> None:
        self.sizes, count = sizes, 1 if correlation == 1 else int(periods.max()) + 1
        self.shape = count, int(cells.max()) + 1  # [P, C]
        self.places = (periods if count > 1 else 0) * self.shape[1] + cells
        lags = np.subtract.outer(np.arange(count), np.arange(count))
        self.walk = np.where(lags >= 0, correlation ** np.maximum(lags, 0), 0.0)  # L
        self.walk[:, 1:] *= np.sqrt(1 - correlation**2)

    def of_rows(self, z: Floats) -> Floats:
        """Return the effect of each row, [R]."""
        return np.asarray((self.walk @ z.reshape(self.shape)).ravel()[self.places])

    def gradient(self, by_row: Floats) -> Floats:
        """Return the gradient for z of a sum whose gradients for the effects of rows are `by_row`, [R]."""
        sums = np.bincount(self.places, by_row, self.shape[0] * self.shape[1])
        return np.asarray((self.walk.T @ sums.reshape(self.shape)).ravel())


class Problem:
    """The rows of a seed, in the order of time, and the test rows as automtl splits them."""

    def __init__(self, seed: int) -> None:
        kind = Keys(seed, Keys.rows)
        settings = SyntheticSettings.model_validate({"kind": "keys", "seed": seed})
        with tempfile.TemporaryDirectory() as folder:
            prepared = prepare(Synthetic(settings), "synthetic", None, Path(folder))
            self.counts, self.fingerprint = prepared.manifest["rows"], prepared.manifest["fingerprint"]
        drawn, frame = kind.draw(), kind.frame()
        order = np.argsort(drawn["time"], kind="stable")
        drawn, frame = {name: values[order] for name, values in drawn.items()}, frame.iloc[order]
        self.tasks, constants = kind.tasks(), kind.constants
        self.labels = frame[[*self.tasks]].to_numpy(np.float64)  # [R, T]
        self.truth = frame[[f"probability_{task}" for task in self.tasks]].to_numpy()
        self.times = drawn["time"] - DAYS["start"]
        sizes = [
            {**{(field,): s for field, s in one.effects.items()}, **one.pairs} for one in self.tasks.values()
        ]
        self.effects = [
            Effects(
                np.unique(np.stack([drawn[field] for field in key]), axis=1, return_inverse=True)[1].ravel(),
                self.times * constants["periods"] // DAYS["seconds"],
                np.array([of_task.get(key, 0.0) for of_task in sizes]),
                constants["correlation"] if key in constants["changing"] else 1.0,
            )
            for key in dict.fromkeys(key for of_task in sizes for key in of_task)
        ]

    @property
    def test(self) -> slice:
        """The test rows: the last ones."""
        return slice(len(self.times) - self.counts["test"], None)

    def logits(self, rows: int, tasks: Sequence[int]) -> Floats:
        """Return the logits [R, T] of some labels, with effects learned from the first rows."""
        labels, count = self.labels[:rows, tasks], len(tasks)
        starts = np.cumsum([count, *(one.walk.shape[0] * one.shape[1] for one in self.effects)])

        def logits_of(values: Floats) -> Floats:
            parts = zip(self.effects, np.split(values, starts[:-1])[1:], strict=True)
            return values[:count] + sum(np.outer(one.of_rows(z), one.sizes[tasks]) for one, z in parts)

        def loss(values: Floats) -> tuple[float, Floats]:
            logits = logits_of(values)[:rows]
            errors = np.zeros((len(self.times), count))
            errors[:rows] = expit(logits) - labels
            gradient = np.concatenate(
                [errors.sum(0), *(one.gradient(errors @ one.sizes[tasks]) for one in self.effects)]
            )
            effects = values[count:]
            gradient[count:] += effects
            lost = np.logaddexp(0, logits).sum() - (labels * logits).sum() + effects @ effects / 2
            return float(lost), gradient

        found = minimize(loss, np.zeros(starts[-1]), jac=True, method="L-BFGS-B", options={"maxiter": 300})
        return logits_of(found.x)

    def aucs(self, scores: Floats) -> list[float]:
        """Return the test AUC of scores of all rows for each label."""
        test = self.labels[self.test].T, scores[self.test].T
        return [auc(*columns) or np.nan for columns in zip(*test, strict=True)]

    def columns(self) -> dict[str, list[float]]:
        """Return the columns of the table without those of runs: name -> AUC of each label."""
        every, train = [*range(len(self.tasks))], self.counts["train"]
        refreshed = np.zeros_like(self.truth)
        days = self.times // DAY
        for day in np.unique(days[self.test]):
            rows = np.flatnonzero(days == day)
            refreshed[rows] = self.logits(int(rows[0]), every)[rows]
        return {
            "optimal": self.aucs(self.truth),
            "reachable": self.aucs(self.logits(train, every)),
            "alone": self.aucs(np.hstack([self.logits(train, [t]) for t in every])),
            "refreshed": self.aucs(refreshed),
        }


def of_run(folder: Path, problem: Problem) -> list[float]:
    """Return the test AUC of each label of a run."""
    if json.loads((folder / "data.json").read_text())["fingerprint"] != problem.fingerprint:
        raise SystemExit(f"{folder}: a run of other data")
    result = json.loads((folder / "result.json").read_text())
    return [result["test"][task]["auc"] for task in problem.tasks]


def main() -> None:
    """Print the table of a seed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="`dataset.seed`")
    parser.add_argument("runs", nargs="*", type=Path)
    given = parser.parse_args()
    problem = Problem(given.seed)
    columns = problem.columns()
    for folder in given.runs:
        columns[folder.name] = scores = of_run(folder, problem)
        columns[f"{folder.name} - reachable"] = list(np.subtract(scores, columns["reachable"]))
    table = Table("label", *columns, title=f"seed {given.seed}")
    of_labels = np.array([*columns.values()]).T  # [T, columns]
    for name, scores in zip([*problem.tasks, "mean"], [*of_labels, of_labels.mean(0)], strict=True):
        table.add_row(name, *(f"{score:.4f}" for score in scores))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
