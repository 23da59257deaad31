"""Simulated Taobao UserBehavior.

Behaviours have nearly the rates of the published file, and users come back to items as often as there; a
user has half as many rows again, and an item three times as many, so that the thresholds of the paper leave
something of a small file. A file of `LARGE` rows and more has as many users and items as the published one.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from automtl_core.system.seeds import generator
from automtl_datasets.synthetic.kind import Chance, Ints, draw, zipf
from simulated.draws import Bools, Chances, blocks, of_groups, origins, scattered, write_csv

ROWS_PER_USER, ROWS_PER_ITEM = 150, 80
LARGE, PUBLISHED_USERS, PUBLISHED_ITEMS = 100_000_000, 987_994, 4_162_024
LARGEST_USER, LARGEST_ITEM, LARGEST_CATEGORY = 1_018_011, 5_163_070, 5_162_429
USER_EXPONENT, ITEM_EXPONENT, CATEGORY_EXPONENT = 0.5, 0.8, 0.9
AGAIN = 0.24
"""Share of rows in which a user comes back to an item."""
LABELS = {
    "buy": Chance(
        0.03, {"user": 1.0, "item": 0.5, "category": 0.7, "again": 0.7}, {("user", "category"): 0.3}
    ),
    "cart": Chance(0.055, {"user": 0.7, "item": 0.4, "category": 0.5}),
    "fav": Chance(0.028, {"user": 1.0, "item": 0.4, "category": 0.5}),
}
BEHAVIOURS = np.array([*LABELS, "pv"], dtype=object)
"""What is none of the labels is a view."""
START, SECONDS = 1_511_539_200, 9 * 86_400
"""The published nine days: from 2017-11-25 in China."""
STRAY, STRAY_SECONDS, IN_1970 = 0.04, 60 * 86_400, 44_000
"""Share of the users whose first row lies before these days, by how much at most, and a time long before."""
TWO_CATEGORIES = 1000
"""One item of so many is in two categories."""


def simulate(folder: Path, rows: int, seed: int) -> None:
    """Write `UserBehavior.csv` with `rows` lines, the last of which is cut."""
    path = folder / "UserBehavior.csv"
    write_csv(path, _frames(rows, seed), header=False)
    cut_tail(path)


def cut_tail(path: Path) -> None:
    """Cut the last line before its last value."""
    with path.open("rb+") as file:
        tail = 64
        file.seek(-min(tail, path.stat().st_size), 2)
        ending = file.read()
        file.seek(ending.rindex(b",") - len(ending), 2)
        file.truncate()


def _frames(rows: int, seed: int) -> Iterator[pd.DataFrame]:
    random = generator(seed, "simulate", "userbehavior", "rows")
    users = PUBLISHED_USERS if rows >= LARGE else max(rows // ROWS_PER_USER, 10)
    items = PUBLISHED_ITEMS if rows >= LARGE else max(rows // ROWS_PER_ITEM, 10)
    categories = 2 + int(items**0.6)  # As of the published file, which has 9,439 for 4,162,024 items.
    user_frequencies, item_frequencies = zipf(users, USER_EXPONENT), zipf(items, ITEM_EXPONENT)
    category_of = draw(random, zipf(categories, CATEGORY_EXPONENT), items)
    frequencies = {
        "user": user_frequencies,
        "item": item_frequencies,
        "category": of_groups(category_of, item_frequencies, categories),
        "again": np.array([1 - AGAIN, AGAIN]),
    }
    labels = Chances(seed, "userbehavior", frequencies, LABELS)
    user_ids = 1 + scattered(np.arange(users), LARGEST_USER)
    item_ids = 1 + scattered(np.arange(items), LARGEST_ITEM)
    category_ids = 1 + scattered(np.arange(categories), LARGEST_CATEGORY)
    ordered = np.argsort(user_ids.astype(str))
    counts = random.multinomial(rows, user_frequencies[ordered])
    for place, owner in enumerate(blocks(counts)):
        first = np.diff(owner, prepend=-1) > 0
        fresh = first | (random.random(len(owner)) >= AGAIN)
        user = ordered[owner]
        item = draw(random, item_frequencies, len(owner))[origins(fresh)]
        category = category_of[item]
        ids = {"user": user, "item": item, "category": category, "again": (~fresh).astype(np.int64)}
        bounds = np.cumsum([labels.probability(task, ids) for task in LABELS], axis=0)
        second = (item % TWO_CATEGORIES == 1) & (random.random(len(owner)) < 0.3)
        seconds = _seconds(random, owner, first)
        if place == 0:
            seconds[origins(first)[-1]] = IN_1970
        yield pd.DataFrame(
            {
                "user": user_ids[user],
                "item": item_ids[item],
                "category": category_ids[(category + second) % categories],
                "behaviour": BEHAVIOURS[(random.random(len(owner)) >= bounds).sum(axis=0)],
                "timestamp": seconds,
            }
        )


def _seconds(random: np.random.Generator, owner: Ints, first: Bools) -> Ints:
    """Draw times [R] that rise within an owner."""
    step = 1 << 20  # More than SECONDS.
    drawn = np.sort(owner * step + random.integers(0, SECONDS, len(owner))) % step + START
    stray = first & (random.random(len(owner)) < STRAY)
    return np.where(stray, START - random.integers(1, STRAY_SECONDS, len(owner)), drawn)
