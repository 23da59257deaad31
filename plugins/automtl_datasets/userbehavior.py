"""Taobao UserBehavior: clicks, buys, carts and favourites of a shop's users over nine days.

Full size: 100,150,807 log rows, one row per action.
"""

from collections.abc import Mapping

import duckdb
from pydantic import Field

from automtl_core.dataset.dataset import INTEGER, Column, Dataset, DatasetSettings, Label, RawFile, Sparse

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
    SEMI JOIN (SELECT user_id FROM grouped GROUP BY user_id HAVING sum(buy) >= $least) USING (user_id)
    SEMI JOIN (SELECT item_id FROM grouped GROUP BY item_id HAVING sum(buy) >= $least) USING (item_id)
"""


class UserBehaviorSettings(DatasetSettings):
    """Settings of `userbehavior`."""

    min_buys: int = Field(10, ge=0)
    """Minimum number of purchases of a user and of an item. Users and items with fewer are dropped."""


class UserBehavior(Dataset):
    """Clicks, buys, carts and favourites at Taobao: one row for each user, item and category.

    A label is 1 if the action happened at least once.
    """

    settings_class = UserBehaviorSettings
    settings: UserBehaviorSettings
    version = 3
    source = "https://tianchi.aliyun.com/dataset/649 (UserBehavior.csv.zip)"
    licence = "for research, see the terms there"
    preparation = (
        "Actions are grouped by user, item and category; users and items with fewer than 10 buys are dropped."
    )
    fields = (Sparse("user_id"), Sparse("item_id"), Sparse("category"))
    # A third of the buys of the published file have no click in its nine days.
    labels = (Label("click"), *(Label(name, after="click") for name in ("buy", "cart", "favourite")))
    user = "user_id"
    time = "timestamp"  # of the first action; a few of the published file lie outside of its nine days

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
        """Group the log, and keep users and items that buy and are bought often enough.

        Both are counted on all groups, before either is dropped.
        """
        return db.sql(ROWS, params={"least": self.settings.min_buys})
