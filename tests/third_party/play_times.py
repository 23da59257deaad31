"""A dataset whose events hold a number, the seconds of play, which no row has."""

from collections.abc import Sequence

import duckdb
import numpy as np
import pandas as pd

from automtl_core.plugin import Dataset, Dense, History, Label, Sparse, hookimpl

USERS, ROWS, PLAYS = 40, 1600, 3000


def rows() -> pd.DataFrame:
    """Return songs that were offered: users who played long finish them."""
    draw = np.random.default_rng(0)
    user, at = draw.integers(0, USERS, ROWS), draw.permutation(ROWS) + 500
    finish = (draw.random(ROWS) < np.where(user % 2, 0.9, 0.1)).astype(int)
    song = [f"song {k}" for k in draw.integers(0, 30, ROWS)]
    return pd.DataFrame({"user": [f"user {k}" for k in user], "song": song, "at": at, "finish": finish})


def plays() -> pd.DataFrame:
    """Return the log: user, song, time, and the seconds of play, some of them unknown."""
    draw = np.random.default_rng(1)
    user, at = draw.integers(0, USERS, PLAYS), draw.integers(0, ROWS + 500, PLAYS)
    seconds = np.where(user % 2, 200.0, 20.0) * draw.uniform(0.5, 1.5, PLAYS)
    seconds[draw.random(PLAYS) < 0.05] = np.nan
    song = [f"song {k}" for k in draw.integers(0, 35, PLAYS)]
    return pd.DataFrame({"user": [f"user {k}" for k in user], "song": song, "at": at, "seconds": seconds})


class Songs(Dataset):
    """Offered songs, and the log of plays."""

    version = 1
    fields = (Sparse("song"),)
    labels = (Label("finish"),)
    time = "at"
    play = Dense("seconds", "log")
    histories: Sequence[History] = (
        History("plays", "user", "at", ("song",), of_rows=False, numbers=(play,)),
    )

    def content(self) -> str:
        return "songs"

    def rows(self, db: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        return rows()

    def events(self, db: duckdb.DuckDBPyConnection, history: str) -> duckdb.DuckDBPyRelation:
        return db.from_df(plays())


@hookimpl
def automtl_register_datasets() -> dict[str, type[Dataset]]:
    return {"songs": Songs}
