"""Simulated IJCAI-15: actions, rows a user and rows an item as in the published file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from automtl_core.system.seeds import generator
from automtl_datasets.synthetic.kind import Chance, Floats, Ints, draw, zipf
from simulated.draws import Chances, blocks, of_groups, origins, pick, scattered, write_csv

ROWS_PER_USER, ROWS_PER_ITEM = 130, 50
LARGEST = {"user": 424_170, "item": 1_113_166, "cat": 1_671, "seller": 4_995, "brand": 8_477}
EXPONENTS = {"user": 0.5, "item": 0.8, "cat": 0.9, "seller": 0.9, "brand": 0.9}
POWERS = {"cat": 0.53, "seller": 0.61, "brand": 0.65}
"""Of the number of items: that many categories, sellers and brands there are."""
LABELS = {
    "purchase": Chance(0.06, {"user": 0.8, "item": 0.5, "cat": 0.6, "seller": 0.4}, {("age", "cat"): 0.4}),
    "favourite": Chance(0.055, {"user": 1.0, "item": 0.4, "cat": 0.5, "brand": 0.4}, {("age", "cat"): 0.4}),
    "cart": Chance(0.0014, {"user": 0.5}),
}
ACTIONS = np.array([2, 3, 1, 0])
"""Those of the labels, and a click."""
DUPLICATES = 0.23
BLANK_BRANDS = 0.0017
KNOWN = 0.5
"""Share of the users that the table of users holds."""
AGES = {
    **{"0": 0.209, "1": 0.001, "2": 0.124, "3": 0.263, "4": 0.188, "5": 0.096, "6": 0.084, "7": 0.016},
    **{"8": 0.004, "": 0.015},
}
GENDERS = {"0": 0.675, "1": 0.286, "2": 0.024, "": 0.015}
DAYS = {int(day.strftime("%m%d")): 0.85 for day in pd.date_range("2014-05-11", "2014-11-12")} | {1111: 28.0}
"""MMDD without a leading zero -> weight; the sale of 11-11 has a sixth of the rows."""


def simulate(folder: Path, rows: int, seed: int) -> None:
    """Write the log and the table of users.

    The rows of a user stand together, users and days in no order; duplicates follow their original.
    """
    random = generator(seed, "simulate", "ijcai15", "users")
    users = int(np.clip(rows // ROWS_PER_USER, 10, LARGEST["user"]))
    user_ids = 1 + scattered(np.arange(users), LARGEST["user"])
    ages = np.array([*AGES.values()])
    age = draw(random, ages, users)
    log = _log(rows, seed, user_ids, age, ages)
    write_csv(folder / "data_format1/user_log_format1.csv", log)
    table = pd.DataFrame(
        {
            "user_id": user_ids.astype(str),
            "age_range": np.array([*AGES], dtype=object)[age],
            "gender": pick(random, GENDERS, users),
        }
    )
    known = table[random.random(users) < KNOWN].sort_values("user_id")
    write_csv(folder / "data_format1/user_info_format1.csv", [known])


def _log(rows: int, seed: int, user_ids: Ints, age: Ints, ages: Floats) -> Iterator[pd.DataFrame]:
    random = generator(seed, "simulate", "ijcai15", "log")
    items = int(np.clip(rows // ROWS_PER_ITEM, 10, LARGEST["item"]))
    frequencies = {"user": zipf(len(user_ids), EXPONENTS["user"]), "item": zipf(items, EXPONENTS["item"])}
    of_item = {"item": np.arange(items)}
    published = {"item": 1 + scattered(np.arange(items), LARGEST["item"])}
    for field, power in POWERS.items():
        values = min(2 + int(items**power), LARGEST[field])
        of_item[field] = draw(random, zipf(values, EXPONENTS[field]), items)
        frequencies[field] = of_groups(of_item[field], frequencies["item"], values)
        published[field] = 1 + scattered(np.arange(values), LARGEST[field])
    labels = Chances(seed, "ijcai15", frequencies | {"age": ages}, LABELS)
    order = random.permutation(len(user_ids))
    counts = random.multinomial(rows, frequencies["user"][order])
    copied = DUPLICATES * rows / max(1, rows - int(np.count_nonzero(counts)))
    for owner in blocks(counts):
        user, item = order[owner], draw(random, frequencies["item"], len(owner))
        ids = {"user": user, "age": age[user]} | {field: numbers[item] for field, numbers in of_item.items()}
        bounds = np.cumsum([labels.probability(task, ids) for task in LABELS], axis=0)
        frame = pd.DataFrame({f"{field}_id": published[field][ids[field]] for field in of_item})
        frame.insert(0, "user_id", user_ids[user])
        blank = random.random(len(owner)) < BLANK_BRANDS
        frame["brand_id"] = frame["brand_id"].astype("Int64").mask(blank)
        frame["time_stamp"] = pick(random, DAYS, len(owner))
        frame["action_type"] = ACTIONS[(random.random(len(owner)) >= bounds).sum(axis=0)]
        fresh = (np.diff(owner, prepend=-1) > 0) | (random.random(len(owner)) >= copied)
        yield frame.iloc[origins(fresh)]
