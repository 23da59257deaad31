"""Simulated AliExpress, the Netherlands: pages of search results and the items on them.

Clicks and purchases are more frequent than published. Numbers are lognormal counts, some of them 0, and two
of an item move with its label.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from automtl_core.system.seeds import generator
from automtl_datasets.aliexpress import DENSE, FEEDBACK, ITEMS, PAGE, PAGES, SPARSE
from automtl_datasets.synthetic.kind import Chance, draw, zipf
from simulated.draws import Chances, of_groups, write_csv

ITEMS_PER_PAGE, ROWS_PER_ITEM, TRAIN_PER_TEST = 10, 30, 3
VALUES = dict(zip(SPARSE, (2, 30, 8, 4, 7, 12, 5, 24, 7, 40, 300, 12, 5, 9, 60, 3), strict=True))
"""Field -> number of its values; those of users first."""
OF_USER, OF_ITEM, SIGNALS = ("user_3", "user_33"), ("item_34", "item_41"), ("item_2", "item_3")
LABELS = {
    "click": Chance(0.08, {"user_3": 0.4, "item": 0.7, "item_34": 0.5}, {("user_33", "item_41"): 0.6}),
    "conversion": Chance(0.15, {"user_3": 0.4, "item": 0.6, "item_34": 0.3}),
}
"""A purchase has a click, and its rate is that among the clicks."""


def simulate(folder: Path, rows: int, seed: int) -> None:
    """Write four tables to `NL/`: pages and items, for training and for the test."""
    items = max(10, rows // ROWS_PER_ITEM)
    world = generator(seed, "simulate", "aliexpress", "world")
    weights = world.permutation(zipf(items, 0.8))
    of_item = {name: draw(world, zipf(VALUES[name], 0.6), items) for name in SPARSE if name[0] == "i"}
    frequencies = {"item": weights} | {name: zipf(VALUES[name], 0.6) for name in OF_USER}
    frequencies |= {name: of_groups(of_item[name], weights, VALUES[name]) for name in OF_ITEM}
    labels, first = Chances(seed, "aliexpress", frequencies, LABELS), 0
    for part, size in (("train", rows), ("test", max(1, rows // TRAIN_PER_TEST))):
        random = generator(seed, "simulate", "aliexpress", part)
        pages = -(-size // ITEMS_PER_PAGE)
        page = np.repeat(np.arange(pages), ITEMS_PER_PAGE)[:size]
        item = draw(random, weights, size)
        of_page = {name: draw(random, zipf(VALUES[name], 0.6), pages) for name in SPARSE if name[0] == "u"}
        ids = {"item": item} | {name: of_page[name][page] for name in OF_USER}
        ids |= {name: of_item[name][item] for name in OF_ITEM}
        click, conversion = (random.random(size) < labels.probability(task, ids) for task in LABELS)
        feedback = click + (click & conversion).astype(np.int64)
        numbers = {name: np.floor(random.lognormal(1.0, 1.5, pages)) for name in DENSE if name[0] == "u"}
        table = {PAGE: np.arange(first, first + pages)} | of_page | numbers
        write_csv(folder / f"NL/nl_user_{part}.csv", [pd.DataFrame(table)[[*PAGES]]], header=False)
        numbers = {name: np.floor(random.lognormal(1.0, 1.5, size)) for name in DENSE if name[0] == "i"}
        numbers |= {name: np.round(numbers[name] / 100 + click * random.random(size), 4) for name in SIGNALS}
        table = {PAGE: page + first, FEEDBACK: feedback} | {name: of_item[name][item] for name in of_item}
        write_csv(folder / f"NL/nl_item_{part}.csv", [pd.DataFrame(table | numbers)[[*ITEMS]]], header=False)
        first += pages
