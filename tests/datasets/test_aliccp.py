import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from automtl_core.data.prepare import prepare
from automtl_core.errors import DataError, InputMissingError
from automtl_datasets.aliccp import AliCCP, AliCCPSettings

SPARSE = (
    "101 121 122 124 125 126 127 128 129 205 206 207 210 216 508 509 702 853 301 109_14 110_14 127_14 150_14"
)
MULTI = {"210", "853", "109_14", "110_14", "127_14", "150_14"}
NAMES = [f"{kind}_{part}.csv" for part in ("train", "test") for kind in ("sample_skeleton", "common_features")]
Loaded = Callable[..., AbstractContextManager[duckdb.DuckDBPyConnection]]


def aliccp(**settings: Any) -> AliCCP:
    return AliCCP(AliCCPSettings(**settings))


def features(text: str) -> str:
    """Return features as they are in the files, from `FIELD=ID` or `FIELD=ID:NUMBER`."""
    entries = [(*entry.replace("=", ":").split(":"), "1.0")[:3] for entry in text.split()]
    return f"{len(entries)}," + "\x01".join("\x02".join([field, f"{v}\x03{n}"]) for field, v, n in entries)


def files(
    train: list[str], common: list[str], test: list[str] = ["1,0,0,a 205=1"], common_test: list[str] = ["a 101=1"]  # noqa: B006
) -> Mapping[str, str]:
    """Return the four files from lines whose first blank stands before the features."""
    texts = [
        "".join(f"{key},{features(rest)}\n" for key, _, rest in (line.partition(" ") for line in lines))
        for lines in (train, common, test, common_test)
    ]
    return dict(zip(NAMES, texts, strict=True))


@pytest.fixture
def made_of(loaded: Loaded) -> Callable[..., list[dict[str, Any]]]:
    """Return what the training rows of raw files hold, as field or task -> value, without what is unknown."""

    def made(dataset: AliCCP, raw_files: Mapping[str, str], part: str = "train") -> list[dict[str, Any]]:
        with loaded(dataset, raw_files) as db:
            frame = dataset.rows(db).df().astype(object)
            for field in dataset.multi:
                bags = dataset.values(db, field).df().groupby("bag")["value"].agg(sorted)
                frame[field] = frame[field].map(bags)
        kept = frame[frame["part"] == part].drop(columns="part")
        rows = [{name: value for name, value in row.items() if value is not None} for row in kept.to_dict("records")]
        return [{name: value for name, value in row.items() if value == value} for row in rows]

    return made
