"""Simulated Tenrec QB-video: rows a user as in the published file, fewer items."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from automtl_core.system.seeds import generator
from automtl_datasets.synthetic.kind import Chance, draw, zipf
from simulated.draws import Chances, blocks, of_groups, pick, write_csv

ROWS_PER_USER, ROWS_PER_ITEM = 70, 60
USER_EXPONENT, ITEM_EXPONENT, CATEGORY_EXPONENT = 0.4, 0.8, 0.8
CATEGORIES = 30
MISSING = r"\N"
"""In place of the least frequent category."""
LABELS = {
    "click": Chance(0.7, {"user": 0.8, "item": 0.7, "category": 0.5}, {("age", "category"): 0.4}),
    "follow": Chance(0.01, {"user": 1.0, "item": 1.0, "click": 0.8}),
    "like": Chance(0.02, {"user": 1.0, "item": 0.7, "click": 0.8}, {("age", "category"): 0.4}),
    "share": Chance(0.01, {"user": 1.0, "item": 1.0, "click": 0.8}),
}
"""Like and follow are published as rare as 0.0085 and 0.001, share as 0.001."""
GENDERS = {0: 0.02, 1: 0.55, 2: 0.43}
AGES = np.array([0.02, 0.08, 0.17, 0.2, 0.2, 0.18, 0.1, 0.05])
ONCE = 0.85
"""Share of the watched videos that are watched one time only; those that are not clicked are not watched."""


def simulate(folder: Path, rows: int, seed: int) -> None:
    """Write `QB-video.csv`: users in the order of their numbers, the rows of each in the order of time."""
    write_csv(folder / "QB-video.csv", _frames(rows, seed))


def _frames(rows: int, seed: int) -> Iterator[pd.DataFrame]:
    random = generator(seed, "simulate", "qb-video", "rows")
    users, items = max(10, rows // ROWS_PER_USER), max(10, rows // ROWS_PER_ITEM)
    frequencies = {
        "user": random.permutation(zipf(users, USER_EXPONENT)),
        "item": random.permutation(zipf(items, ITEM_EXPONENT)),
        "age": AGES,
        "click": np.array([1 - LABELS["click"].rate, LABELS["click"].rate]),
    }
    category_of = draw(random, zipf(CATEGORIES, CATEGORY_EXPONENT), items)
    frequencies["category"] = of_groups(category_of, frequencies["item"], CATEGORIES)
    labels = Chances(seed, "qb-video", frequencies, LABELS)
    category_names = np.array([*map(str, range(CATEGORIES - 1)), MISSING], dtype=object)
    gender, age = pick(random, GENDERS, users), draw(random, AGES, users)
    for user in blocks(random.multinomial(rows, frequencies["user"])):
        item = draw(random, frequencies["item"], len(user))
        ids = {"user": user, "item": item, "category": category_of[item], "age": age[user]}
        for task in LABELS:  # The click is the first, as the others depend on it.
            ids[task] = (random.random(len(user)) < labels.probability(task, ids)).astype(np.int64)
        yield pd.DataFrame(
            {
                "user_id": user + 1,
                "item_id": item + 1,
                **{task: ids[task] for task in LABELS},
                "video_category": category_names[ids["category"]],
                "watching_times": ids["click"] * random.geometric(ONCE, len(user)),
                "gender": gender[user],
                "age": ids["age"],
            }
        )
