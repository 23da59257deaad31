"""LightGBM with means of labels made by hand, against runs on the same table of purchases.

    python benchmarks/public_tables.py . tables
    automtl train tables/purchases.yaml --model mmoe --name never
    automtl train tables/purchases.yaml --model mmoe --name always --set features.refresh=always
    OMP_NUM_THREADS=1 python benchmarks/hand_made_means.py tables/purchases.yaml runs/never runs/always

Each label has a model. For each key it reads the shrunken means of all labels over the earlier rows with the
same values, and their number; with ids, it reads these as categories too. `never`: validation and test rows
read the means as of the end of training. `always`: they read those of the moment before them. A run is
compared with LightGBM of its seed and of its setting `features.refresh`. Scores are AUC, or R2 of a number,
on test rows. The mean is that of the labels with enough rows of both classes. Intervals are of 95 %, paired,
over households and seeds.

Letters: R rows, F columns, T labels, B resamples.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_comparison.statistics import influences, noise, paired, summary
from automtl_core.data.store import PARTS, Prepared
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.system.strict_yaml import read_yaml
from automtl_core.tasks.kind import Floats
from automtl_core.training.process import set_up
from automtl_core.workflow.evaluation import predict_logits
from automtl_core.workflow.workflow import Workflow

KEYS = (
    ("type",),
    ("category",),
    ("type", "size"),
    ("store", "type"),
    ("household",),
    ("household", "type"),
    ("household", "category"),
)
SHRINKAGE = 10
"""Number of rows with the mean of all rows that are added to the rows of a cell."""
ROUNDS, PATIENCE = 1000, 50
TREES = {
    "learning_rate": 0.05,
    "num_leaves": 31,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "num_threads": 1,
    "verbosity": -1,
}


def means(
    cells: pd.Series, times: pd.Series, labels: pd.DataFrame, known: NDArray[np.bool_], refresh: bool
) -> Floats:
    """Return the shrunken means of labels over earlier rows of the same cell, and their number, [R, T + 1].

    Args:
        cells: Number of the cell of each row.
        times: Time of each row.
        labels: Labels without missing values.
        known: Whether a row is one of the training rows.
        refresh: Whether other rows see all earlier rows; else they see the training rows.

    """
    values = labels.assign(rows=1.0)
    ordered = values.loc[times.sort_values().index]
    before = ordered.groupby(cells).cumsum() - ordered
    before = before.groupby([cells, times]).transform("first").loc[values.index]  # no rows of the same time
    if not refresh:
        in_training = values[known].groupby(cells[known]).sum()
        before[~known] = in_training.reindex(cells[~known], fill_value=0.0).to_numpy()
    prior = labels[known].mean()
    sums = before[labels.columns] + SHRINKAGE * prior
    return np.column_stack([sums.div(before.rows + SHRINKAGE, axis=0), before.rows])


def boosted(
    columns: Floats, labels: Floats, part: NDArray[np.int64], ids: Sequence[int], settings: Mapping[str, Any]
) -> Floats:
    """Return predictions of the test rows by trees that validation rows end: [R, F], [R] -> [R of test]."""
    train, validation, test = (part == place for place in range(3))
    learned = lightgbm.Dataset(columns[train], labels[train], categorical_feature=list(ids))
    ending = lightgbm.Dataset(columns[validation], labels[validation], reference=learned)
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    model = lightgbm.train({**TREES, **settings}, learned, ROUNDS, [ending], callbacks=[stop])
    return np.asarray(model.predict(columns[test], num_threads=1))


class Scores(NamedTuple):
    """Scores of predictions on the test rows, the mean the last one."""

    all_rows: Floats  # [T + 1]
    influences: Floats  # [T + 1, U]


class Purchases:
    """The prepared table, with LightGBM on it and scores of predictions."""

    def __init__(self, prepared: Prepared, least: int) -> None:
        """Read the rows; `least` rows of both classes are enough for the mean over labels."""
        parts = [prepared.part(name) for name in PARTS]
        fields = [field.name for field in prepared.schema.sparse]
        codes = [np.stack([part.coded[k].codes for k in range(len(fields))], axis=1) for part in parts]
        self.ids = pd.DataFrame(np.concatenate(codes), columns=fields)
        self.times = pd.Series(np.concatenate([prepared.times(name) for name in PARTS]))
        self.labels = pd.DataFrame(np.concatenate([part.labels for part in parts]).astype(np.float64))
        self.part = np.repeat(range(len(PARTS)), [len(part) for part in parts])
        self.tasks, self.test = prepared.schema.tasks, parts[-1].labels
        self.users = np.asarray(parts[-1].users, np.int32)
        self.counting = [
            t
            for t, task in enumerate(self.tasks)
            if task.type.two_classes and task.type.effective_rows(self.test[:, t]) >= least
        ]

    def by_hand(self, refresh: bool, seed: int, with_ids: bool) -> Floats:
        """Return what LightGBM predicts for the test rows, [R, T]."""
        keys = (self.ids.groupby(list(key)).ngroup() for key in KEYS)
        read = [means(key, self.times, self.labels, self.part == 0, refresh) for key in keys]
        columns = np.column_stack([*read, self.ids] if with_ids else read)
        ids = range(sum(one.shape[1] for one in read), columns.shape[1])
        found = []
        for t, task in enumerate(self.tasks):
            settings = {"objective": task.type.boosting, "metric": task.type.boosting_metric, "seed": seed}
            found.append(boosted(columns, self.labels[t].to_numpy(), self.part, ids, settings))
        return np.stack(found, axis=1)

    def scores(self, predictions: Floats) -> Scores:
        """Return the scores of predictions of the test rows, [R, T]."""
        by_unit = influences(self.tasks, self.test, predictions, self.users, self.users)
        scores = np.empty(len(self.tasks))
        for t, task in enumerate(self.tasks):
            labels = self.test[:, t]
            values = task.type.metrics(labels, predictions[:, t], self.users).values
            scores[t] = values[task.type.evidence]
            if task.type.score.in_units:  # of RMSE to that of R2
                by_unit[t] *= -2 * values["rmse"] / labels.var() / task.deviation
        one, many = (np.concatenate([a, a[[*self.counting]].mean(axis=0)[None]]) for a in (scores, by_unit))
        return Scores(one, many)


def line(title: str, cells: Iterable[str]) -> None:
    """Print a line of a table in Markdown."""
    print(f"| {' | '.join([title, *cells])} |", flush=True)


def differences(ours: Mapping[int, Scores], theirs: Mapping[int, Scores]) -> Iterator[str]:
    """Yield the mean difference over seeds with its interval, for each label and the mean."""
    both = [(one, theirs[seed]) for seed, one in ours.items()]
    for t in range(len(both[0][0].all_rows)):
        rows = noise([(0, one.influences[t] - other.influences[t]) for one, other in both])
        found = paired([one.all_rows[t] for one, _ in both], [one.all_rows[t] for _, one in both], rows)
        yield f"{found.mean:+.4f} ({found.low:+.4f} to {found.high:+.4f})"


def main() -> None:
    """Print the scores, and the differences of runs to LightGBM."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("runs", type=Path, nargs="*")
    arguments = parser.parse_args()
    set_up()
    flow = Workflow(load_registry())
    job = flow.job([read_yaml(arguments.config)])
    prepared = flow.prepare(job)
    purchases = Purchases(prepared, job.config.training.min_positives)
    runs: dict[str, dict[int, Scores]] = {}
    for path in arguments.runs:
        run, config = Run.open(path), Run.open(path).config()
        served = run.served(prepared)
        predicted = predict_logits(flow.model(str(path), []), run, served)
        for t, (task, other) in enumerate(zip(prepared.schema.tasks, served.schema.tasks, strict=True)):
            # Numbers are standardised by the rows that the run was trained on.
            predicted[:, t] = (predicted[:, t] * other.deviation + other.mean - task.mean) / task.deviation
        runs.setdefault(config.features.refresh, {})[config.seed] = purchases.scores(predicted)
    seeds = sorted({seed for of_seeds in runs.values() for seed in of_seeds}) or [0]
    by_hand = {
        name: {
            refresh: {
                seed: purchases.scores(purchases.by_hand(refresh == "always", seed, with_ids))
                for seed in seeds
            }
            for refresh in ("never", "always")
        }
        for name, with_ids in (("LightGBM", False), ("LightGBM with ids", True))
    }
    line("", [*(task.name for task in purchases.tasks), "mean"])
    line("---", ["---"] * (len(purchases.tasks) + 1))
    for name, models in {**by_hand, "run": runs}.items():
        for refresh, of_seeds in models.items():
            of_labels = map(summary, np.stack([one.all_rows for one in of_seeds.values()]).T)
            line(f"{name}, {refresh}", (f"{one.mean:.4f} ± {one.spread or 0:.4f}" for one in of_labels))
    for name, models in by_hand.items():
        for refresh, of_seeds in runs.items():
            line(f"run minus {name}, {refresh}", differences(of_seeds, models[refresh]))


if __name__ == "__main__":
    main()
