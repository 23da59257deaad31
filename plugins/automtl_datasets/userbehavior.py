"""Taobao UserBehavior: clicks, buys, carts and favourites of a shop's users over nine days.

Full size: 100,150,807 log rows, one row per action.
"""

from collections.abc import Mapping
from typing import Literal

import duckdb
from pydantic import Field

from automtl_core.plugin import INTEGER, Column, Dataset, DatasetSettings, History, Label, RawFile, Sparse

ROWS = """
    WITH grouped AS (
        SELECT
            user_id,
            item_id,
            category,
            max(CAST(behaviour = 'pv' AS TINYINT)) AS click,
            max(CAST(behaviour = 'buy' AS TINYINT)) AS buy,
            max(CAST(behaviour = 'cart' AS TINYINT)) AS cart,
            max(CAST(behaviour = 'fav' AS TINYINT)) AS favourite,
            min(timestamp) AS timestamp
        FROM log
        WHERE user_id IS NOT NULL AND item_id IS NOT NULL AND category IS NOT NULL AND behaviour IS NOT NULL
        GROUP BY user_id, item_id, category
    )
    SELECT *
    FROM grouped
"""

ACTIONS = """
    WITH actions AS (
        SELECT
            user_id,
            item_id,
            category,
            (timestamp // 3600 + 8) % 24 AS hour,
            CAST(behaviour = 'pv' AS TINYINT) AS click,
            CAST(behaviour = 'buy' AS TINYINT) AS buy,
            CAST(behaviour = 'cart' AS TINYINT) AS cart,
            CAST(behaviour = 'fav' AS TINYINT) AS favourite,
            timestamp
        FROM (SELECT DISTINCT * FROM log)
        WHERE user_id IS NOT NULL AND item_id IS NOT NULL AND category IS NOT NULL
        AND behaviour IS NOT NULL AND timestamp IS NOT NULL
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
        names = ["user_id", "item_id", "category", *(["hour"] if self.by_action else [])]
        self.fields = tuple(map(Sparse, names))
        outcomes = ("click", "buy", "cart", "favourite")
        if self.by_action:  # an action that is none of the others is a click
            self.labels = tuple(map(Label, outcomes[1:]))
        else:
            # A third of the buys of the published file have no click in its nine days.
            self.labels = (Label("click"), *(Label(name, after="click") for name in outcomes[1:]))
        shared, by_action = ("item_id", "category"), self.by_action
        self.histories = (
            History("past", "user_id", "timestamp", shared, outcomes, by_action, distinct=True),
        )

    def files(self) -> Mapping[str, RawFile]:
        """Return the log; published copies end in an incomplete line."""
        columns = {
            "user_id": INTEGER,
            "item_id": INTEGER,
            "category": INTEGER,
            "behaviour": Column(among=("pv", "buy", "cart", "fav")),
            "timestamp": INTEGER,
        }
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
