"""A method of your own on problems of the board: here LightGBM, one model a task, which knows no automtl.

    python benchmarks/board/example.py FOLDER flights,drift mine.csv

FOLDER is that of `problems.py`. mine.csv receives the columns problem, row and seed, and one for each task.
"""

import sys
from pathlib import Path

import lightgbm
import pandas as pd
import yaml

SEEDS = (0, 1, 2)
SETTINGS = {"objective": "binary", "metric": "auc", "learning_rate": 0.05, "num_leaves": 15, "verbose": -1}


def predictions(folder: Path) -> pd.DataFrame:
    """Return the probabilities of the test rows of a problem, for each seed."""
    parts = {name: pd.read_csv(folder / f"{name}.csv") for name in ("train", "validation", "test")}
    columns = yaml.safe_load((folder / f"{folder.name}.yaml").read_text())["dataset"]
    sparse, fields = [*columns["sparse"]], [*columns["sparse"], *columns.get("dense", {})]
    for name in sparse:
        values = pd.Index(parts["train"][name].unique())
        for part in parts.values():
            part[name] = values.get_indexer(part[name])  # -1 for values that no training row has
    train, validation, test = parts.values()
    found = []
    for seed in SEEDS:
        scores = {}
        for task in columns["labels"]:
            rows = lightgbm.Dataset(train[fields], train[task], categorical_feature=sparse)
            held = lightgbm.Dataset(validation[fields], validation[task], reference=rows)
            how = {**SETTINGS, "seed": seed, "bagging_fraction": 0.8, "bagging_freq": 1, "num_threads": 1}
            stop = lightgbm.early_stopping(30, verbose=False)
            model = lightgbm.train(how, rows, 400, valid_sets=[held], callbacks=[stop])
            scores[task] = model.predict(test[fields])
        found.append(pd.DataFrame({"problem": folder.name, "row": test.row, "seed": seed, **scores}))
    return pd.concat(found)


def main() -> None:
    """Write the predictions of some problems."""
    folder, problems, out = sys.argv[1:]
    pd.concat([predictions(Path(folder, name)) for name in problems.split(",")]).to_csv(out, index=False)


if __name__ == "__main__":
    main()
