"""Taobao UserBehavior: clicks, buys, carts and favourites of a shop's users over nine days.

Full size: 100,150,807 log rows, one row an action.
"""

from collections.abc import Mapping

import duckdb
from pydantic import Field

from automtl_core.dataset import Dataset, DatasetSettings, RawFile

ROWS = """
    WITH grouped AS (
        SELECT
            user_id,
            item_id,
            category,
            max(CAST(behaviour = 'pv' AS INTEGER)) AS click,
            max(CAST(behaviour = 'buy' AS INTEGER)) AS buy,
            max(CAST(behaviour = 'cart' AS INTEGER)) AS cart,
            max(CAST(behaviour = 'fav' AS INTEGER)) AS favourite
        FROM log
        WHERE user_id IS NOT NULL AND item_id IS NOT NULL AND category IS NOT NULL AND behaviour IS NOT NULL
        GROUP BY ALL
    )
    SELECT
        *,
        sum(buy) OVER (PARTITION BY user_id) AS user_buys,
        sum(buy) OVER (PARTITION BY item_id) AS item_buys
    FROM grouped
"""


class UserBehaviorSettings(DatasetSettings):
    """Settings of `userbehavior`."""

    min_buys: int = Field(10, ge=0)
    """Users and items with fewer bought rows than this are dropped."""


class UserBehavior(Dataset):
    """One row for each user, item and category; a label is 1 if the user did it at least once."""

    settings_class = UserBehaviorSettings
    settings: UserBehaviorSettings
    version = 2
    source = "https://tianchi.aliyun.com/dataset/649 (UserBehavior.csv; for research, see the terms there)"
    sparse = ("user_id", "item_id", "category")
    tasks = ("click", "buy", "cart", "favourite")
    # A third of the buys of the published file have no click in its nine days.
    after: Mapping[str, str] = {"buy": "click", "cart": "click", "favourite": "click"}

    def files(self) -> Mapping[str, RawFile]:
        """Return the log; published copies end in a cut line."""
        columns = ("user_id", "item_id", "category", "behaviour", "timestamp")
        return {"log": RawFile("UserBehavior.csv", columns, header=False, cut_tail=True)}

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Group the log, and keep users and items that buy and are bought often enough.

        Both are counted on all groups, before either is dropped.
        """
        least = self.settings.min_buys
        return db.sql(ROWS).filter(f"user_buys >= {least} AND item_buys >= {least}")
