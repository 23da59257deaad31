"""Small raw files in the layout of each registered dataset, drawn at random."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from automtl_core.dataset.dataset import Dataset
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from automtl_datasets.kuairand import LOG, USERS, VIDEOS

ROWS = 400
Files = Mapping[str, str]


def table(header: str, rows: list[list[object]]) -> str:
    lines = [",".join(map(str, row)) for row in rows]
    return "\n".join([header, *lines] if header else lines) + "\n"


def userbehavior(draw: np.random.Generator) -> Files:
    kinds = draw.choice(["pv", "buy", "cart", "fav"], ROWS)
    rows = [[draw.integers(9), k % 13, k % 3, kind, 1511544070 + k] for k, kind in enumerate(kinds)]
    return {"UserBehavior.csv": table("", rows)}


def ijcai15(draw: np.random.Generator) -> Files:
    log = [
        [draw.integers(30), draw.integers(20), k % 3, k % 5, k % 4, 829 + k // 100, draw.integers(4)]
        for k in range(ROWS)
    ]
    users = [[user, draw.integers(9), draw.integers(3)] for user in range(25)]
    return {
        "data_format1/user_log_format1.csv": table(
            "user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type", log
        ),
        "data_format1/user_info_format1.csv": table("user_id,age_range,gender", users),
    }


def kuairand(draw: np.random.Generator) -> Files:
    at = LOG.index("time_ms")
    log = [[draw.integers(15), draw.integers(10), *draw.integers(0, 2, len(LOG) - 2)] for _ in range(ROWS)]
    for k, row in enumerate(log):
        row[at] = 1650000000000 + k
    users = [[user, *draw.integers(0, 3, len(USERS) - 1)] for user in range(15)]
    videos = [[video, *draw.integers(0, 3, len(VIDEOS) - 1)] for video in range(10)]
    return {
        "data/log_random_4_22_to_5_08_pure.csv": table(",".join(LOG), log),
        "data/user_features_pure.csv": table(",".join(USERS), users),
        "data/video_features_basic_pure.csv": table(",".join(VIDEOS), videos),
    }


def qb_video(draw: np.random.Generator) -> Files:
    header = "user_id,item_id,click,follow,like,share,video_category,watching_times,gender,age"
    log = [
        [
            k % 20,
            draw.integers(30),
            *draw.integers(0, 2, 4),
            draw.choice(["7", "8", r"\N"]),
            k % 4,
            k % 3,
            k % 8,
        ]
        for k in range(ROWS)
    ]
    return {"QB-video.csv": table(header, log)}


def aliccp(draw: np.random.Generator) -> Files:
    def features(*fields: str) -> str:
        numbers = [
            f"{field}\x02{draw.integers(9)}\x03{draw.random():.3f}" for field in draw.permutation(fields)
        ]
        return f"{len(fields)}," + "\x01".join(numbers)

    files = {}
    for part in ("train", "test"):
        common = [[f"c{k}", features("101", "121", *["109_14"] * int(draw.integers(5)))] for k in range(20)]
        rows = [
            [k, click := draw.integers(2), click * draw.integers(2), f"c{draw.integers(25)}",
             features("205", "508", *["210"] * int(draw.integers(4)))]
            for k in range(ROWS)
        ]  # fmt: skip
        files[f"{part}/common_features_{part}.csv"] = table("", common)
        files[f"{part}/sample_skeleton_{part}.csv"] = table("", rows)
    return files


def own_table(draw: np.random.Generator) -> Files:
    rows = [
        [
            k % 9,
            k % 40,
            k % 7,
            "" if k % 11 == 3 else draw.random(),
            "|".join("abc"[: k % 4]),
            k % 2,
            "" if k % 5 else draw.random(),
        ]
        for k in range(ROWS)
    ]
    return {"own.csv": table("user,item,shop,price,tags,click,rating", rows)}


RAW_FILES: Mapping[str, Callable[[np.random.Generator], Files]] = {
    "userbehavior": userbehavior,
    "ijcai15": ijcai15,
    "kuairand": kuairand,
    "qb-video": qb_video,
    "aliccp": aliccp,
    "table": own_table,
    "synthetic": lambda draw: {},
}
SETTINGS = {
    "userbehavior": {"min_buys": 1},
    "ijcai15": {"min_purchases": 1},
    "qb-video": {"min_clicks": 1},
    "synthetic": {"rows": 400},
    "table": {
        "files": "own.csv",
        "sparse": ["user", "item", "shop"],
        "multi": ["tags"],
        "dense": {"price": {"buckets": 5}},
        "labels": {"click": {}, "rating": {"kind": "regression"}},
        "hashed": {"item": 8},
        "min_count": 40,
        "max_vocabulary": 6,
    },
}


@pytest.fixture
def raw_dataset(tmp_path: Path) -> Callable[[str], tuple[Dataset, Path]]:
    """Return a registered dataset and the folder of small raw files for it; a new one needs a line above."""

    def make(name: str) -> tuple[Dataset, Path]:
        for path, text in RAW_FILES[name](np.random.default_rng(0)).items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        cls = load_registry().get(DATASETS, name)
        return cls(cls.settings_class.parse(SETTINGS.get(name, {}), "dataset")), tmp_path

    return make
