"""Earlier rows of a dataset, and later ones in a file."""

import numpy as np
import pandas as pd

from automtl_core.data.frames import NewExamples
from automtl_core.dataset.dataset import Bag, Dataset, DatasetSettings, Dense, History, Label, Sparse
from automtl_core.prepare.grow import grow
from automtl_core.prepare.prepare import prepare

ROWS = 600
CUT = 400
"""Number of the earlier rows."""


def shown(rows=ROWS, seed=1):
    random = np.random.default_rng(seed)
    time = np.sort(random.choice(10_000, rows // 2, replace=False)).repeat(2)
    drift = np.arange(rows) // 30  # new users, items and tags appear over time
    frame = pd.DataFrame(
        {
            "user": [f"u{one}" for one in random.integers(0, 12, rows) + drift],
            "item": [f"i{one}" for one in random.integers(0, 25, rows) + 2 * drift],
            "bucket": [f"b{one}" for one in random.integers(0, 9, rows)],
            "tags": ["|".join({f"t{one}" for one in random.integers(0, 8, 3) + n}) for n in drift],
            "price": random.normal(size=rows).round(3),
            "at": time,
            "w": random.integers(1, 4, rows),
            "click": random.integers(0, 2, rows),
            "spent": random.normal(size=rows).round(3) + 3,
        }
    )
    frame.loc[random.random(rows) < 0.05, "item"] = ""
    frame["row"] = np.arange(rows) / 1000
    return frame


class Shown(Dataset):
    """Items that are shown to users."""

    version = 1
    fields = (
        *map(Sparse, ("user", "item", "bucket")),
        Bag("tags"),
        Dense("price"),
        Dense("row", scaling="none"),
    )
    labels = (Label("click"), Label("spent", kind="regression"))
    user, time = "user", "at"
    histories = (History("past", "user", "at", ("item", "bucket"), ("click",), numbers=()),)
    frame = shown()

    def content(self):
        return self.frame.to_csv()

    def rows(self, db):
        return self.frame.replace("", None)

    def values(self, db, field):
        bags = pd.DataFrame({"bag": self.frame[field].unique()})
        return db.from_df(bags).project("bag, unnest(string_split(bag, '|')) AS value")


class Earlier(Shown):
    """The earlier rows."""

    frame = Shown.frame[:CUT]


def settings(**more):
    values = {"split": "time", "hashed": {"bucket": 5}, "weights": "w", "min_count": {"item": 2}}
    return DatasetSettings.parse({**values, **more})


def reading(folder, base, frame=None, timed=True, **more):
    """Return the reader of the later rows, whose events are in a log."""
    frame = Shown.frame[CUT:] if frame is None else frame
    frame.to_csv(folder / "later.csv", index=False)
    Shown.frame.to_csv(folder / "log.csv", index=False)
    found = NewExamples(
        Earlier(settings(**more)),
        folder / "later.csv",
        folder,
        histories=base.schema.histories,
        log=folder / "log.csv",
        labelled=True,
        time="at" if timed else None,
        rule=base.schema.lists,
        weights=base.schema.weights,
    )
    return found


def grown(folder, **more):
    base = prepare(Earlier(settings(**more)), "shown", None, folder)
    return base, grow(base, reading(folder, base, **more), folder)
