"""Small raw files in the layout of each registered dataset."""

import numpy as np
import pytest

from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from simulated import SIMULATORS

ROWS = {"userbehavior": 3000, "ijcai15": 3000, "kuairand": 500, "qb-video": 1000, "aliccp": 400}
"""Dataset that can be simulated -> number of rows."""


def own_table(folder):
    """Write a table with missing numbers and labels."""
    draw = np.random.default_rng(0)
    rows = [
        [k % 9, k % 40, k % 7, "" if k % 11 == 3 else draw.random(), "|".join("abc"[: k % 4]), k % 2,
         "" if k % 5 else draw.random()]
        for k in range(400)
    ]  # fmt: skip
    lines = [",".join(map(str, row)) for row in rows]
    (folder / "own.csv").write_text("\n".join(["user,item,shop,price,tags,click,rating", *lines, ""]))


SETTINGS = {
    "userbehavior": {"min_buys": 1},
    "ijcai15": {"min_purchases": 1},
    "qb-video": {"min_clicks": 1},
    "synthetic": {"rows": 400},
    "table": {
        "files": "own.csv",
        "sparse": ["user", "item", "shop"],
        "multi": ["tags"],
        "dense": {"price": {"scaling": "log"}},
        "labels": {"click": {}, "rating": {"kind": "regression"}},
        "hashed": {"item": 8},
        "min_count": 40,
        "max_vocabulary": 6,
    },
}


@pytest.fixture(scope="session")
def raw_files(tmp_path_factory):
    """Return a folder with the raw files of each dataset that has any, in a folder of its name."""
    root = tmp_path_factory.mktemp("raw")
    for name in (*ROWS, "table", "synthetic"):
        (root / name).mkdir()
    own_table(root / "table")
    for name, rows in ROWS.items():
        SIMULATORS[name](root / name, rows, 0)
    return root


@pytest.fixture
def raw_dataset(raw_files):
    """Return a registered dataset and the folder of small raw files for it; a new one needs a line above."""

    def make(name):
        cls = load_registry().get(DATASETS, name)
        return cls(cls.settings_class.parse(SETTINGS.get(name, {}), "dataset")), raw_files / name

    return make
