"""Taobao UserBehavior: clicks, buys, carts and favourites of a shop's users over nine days.

Full size: 100,150,807 log rows, one row per action.
"""

from collections.abc import Mapping
from typing import Literal

import duckdb
from pydantic import Field

from automtl_core.plugin import INTEGER, Column, Dataset, DatasetSettings, History, Label, RawFile, Sparse

BEHAVIOURS = {"click": "pv", "buy": "buy", "cart": "cart", "favourite": "fav"}
"""What was done -> its text in the log."""
IDS = ("user_id", "item_id", "category")
DONE = {name: f"CAST(behaviour = '{text}' AS TINYINT)" for name, text in BEHAVIOURS.items()}
KNOWN = " AND ".join(f"{name} IS NOT NULL" for name in (*IDS, "behaviour"))
ROWS = f"""
    WITH grouped AS (
        SELECT
            {", ".join(IDS)},
            {", ".join(f"max({done}) AS {name}" for name, done in DONE.items())},
            min(timestamp) AS timestamp
        FROM log
        WHERE {KNOWN}
        GROUP BY {", ".join(IDS)}
    )
    SELECT *
    FROM grouped
"""

ACTIONS = f"""
    WITH actions AS (
        SELECT
            {", ".join(IDS)},
            (timestamp // 3600 + 8) % 24 AS hour,
            {", ".join(f"{done} AS {name}" for name, done in DONE.items())},
            timestamp
        FROM (SELECT DISTINCT * FROM log)
        WHERE {KNOWN} AND timestamp IS NOT NULL
    )
    SELECT *
    FROM actions
"""
"""One row for each action; hours are those of China."""


class UserBehaviorSettings(DatasetSettings):
    """Settings of `userbehavior`."""

    min_buys: int = Field(10, ge=0)
    """Minimum number of purchases of a user and of an item. Users and items with fewer are dropped."""
    examples: Literal["items", "actions"] = "items"
    """Rows of the dataset. items: one row for each user, item and category, as in the paper. actions: one row
    for each action; the tasks are whether it is a buy, an addition to the cart or a favourite."""


class UserBehavior(Dataset[UserBehaviorSettings]):
    """Clicks, buys, carts and favourites at Taobao: one row for each user, item and category.

    A label is 1 if the action happened at least once. Histories hold the earlier actions of the user.
    """

    version = 3
    source = "https://tianchi.aliyun.com/dataset/649 (UserBehavior.csv.zip)"
    licence = "for research, see the terms there"
    preparation = (
        "Actions are grouped by user, item and category; users and items with fewer than 10 buys are dropped."
    )
    user = "user_id"
    time = "timestamp"  # of the first action; a few of the published file lie outside of its nine days

    def declare(self) -> None:
        """Set the fields, with the hour of an action; the labels; and the earlier actions of the user."""
        self.by_action = self.settings.examples == "actions"
        self.fields = tuple(map(Sparse, (*IDS, "hour") if self.by_action else IDS))
        outcomes = tuple(BEHAVIOURS)
        if self.by_action:  # an action that is none of the others is a click
            self.labels = tuple(map(Label, outcomes[1:]))
        else:
            # A third of the buys of the published file have no click in its nine days.
            self.labels = (Label("click"), *(Label(name, after="click") for name in outcomes[1:]))
        past = History("past", "user_id", "timestamp", IDS[1:], outcomes, self.by_action, distinct=True)
        self.histories = (past,)

    def files(self) -> Mapping[str, RawFile]:
        """Return the log; published copies end in an incomplete line."""
        columns = dict.fromkeys((*IDS, "behaviour", "timestamp"), INTEGER)
        columns["behaviour"] = Column(among=tuple(BEHAVIOURS.values()))
        return {"log": RawFile("UserBehavior.csv", columns, header=False, cut_tail=True, rows=100_150_807)}

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Group the log, or take its actions; keep users and items that buy and are bought often enough.

        Both are counted on all groups or actions, before either is dropped.
        """
        query, table = (ACTIONS, "actions") if self.by_action else (ROWS, "grouped")
        if not (least := self.settings.min_buys):  # there is nothing to count
            return db.sql(query)
        for column in ("user_id", "item_id"):
            bought = f"SELECT {column} FROM {table} GROUP BY {column} HAVING sum(buy) >= $least"
            query += f" SEMI JOIN ({bought}) USING ({column})"
        return db.sql(query, params={"least": least})

    def events(self, db: duckdb.DuckDBPyConnection, history: str) -> duckdb.DuckDBPyRelation:
        """Return all actions."""
        return db.sql(ACTIONS)
