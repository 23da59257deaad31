"""Tmall repeat-buyer data of the IJCAI-15 contest: purchases and favourites over six months.

Full size: 54,925,330 log rows, one row per action, not in time order. 23 % are exact duplicates, which
grouping removes.
"""

from collections.abc import Mapping

import duckdb
from pydantic import Field

from automtl_core.plugin import (
    INTEGER,
    TEXT,
    Column,
    Dataset,
    DatasetSettings,
    History,
    Label,
    RawFile,
    Sparse,
)

IDS = ("user_id", "item_id", "cat_id", "seller_id", "brand_id")
ACTIONS = {"click": 0, "cart": 1, "purchase": 2, "favourite": 3}
"""Action -> its number in the log."""
DAY = "time_stamp // 100 * 31 + time_stamp % 100"
"""SQL of a day, as if each month had 31 of them: order and days apart are right within one."""


class IJCAI15Settings(DatasetSettings):
    """Settings of `ijcai15`."""

    min_purchases: int = Field(10, ge=0)
    """Minimum number of purchases of a user and of an item. Users and items with fewer are dropped."""


class IJCAI15(Dataset[IJCAI15Settings]):
    """Purchases and favourites at Tmall: one row for each user, item, category, seller and brand.

    A label is 1 if the action happened at least once. Log rows with a blank value (often the brand) are
    dropped. Histories hold the actions of the user before the day of the row. Age range 0 and gender 2 mean
    unknown. Blanks, and users that are not in the table of users, are unknown too.
    """

    version = 3
    source = "https://tianchi.aliyun.com/dataset/42 (data_format1.zip)"
    licence = "for research, see the terms there"
    preparation = (
        "Rows with a blank are dropped; actions are grouped by user, item, category, seller and brand, and "
        "the table of users is joined; users and items with fewer than 10 purchases are dropped."
    )
    fields = tuple(map(Sparse, (*IDS, "age_range", "gender")))
    labels = (Label("purchase"), Label("favourite"))
    histories = (History("past", "user_id", "day", IDS[1:], tuple(ACTIONS), False, distinct=True),)
    user = "user_id"
    time, time_unit = "day", 86_400.0  # of the first action

    def files(self) -> Mapping[str, RawFile]:
        """Return the log and the table of users."""
        actions = Column("integer", tuple(map(str, ACTIONS.values())))
        log = {**dict.fromkeys((*IDS, "time_stamp"), INTEGER), "action_type": actions}
        users = {"user_id": INTEGER, "age_range": TEXT, "gender": TEXT}
        return {
            "log": RawFile("data_format1/user_log_format1.csv", log, rows=54_925_330),
            "users": RawFile("data_format1/user_info_format1.csv", users, rows=424_170),
        }

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Group the log, join the users, and keep users and items with enough purchases.

        Both are counted on all groups, before either is dropped.
        """
        ids, named = ", ".join(IDS), (*IDS, "time_stamp", "action_type")
        known = " AND ".join(f"{name} IS NOT NULL" for name in named)
        query = f"""
            WITH grouped AS (
                SELECT
                    {ids},
                    max(CAST(action_type = {ACTIONS["purchase"]} AS TINYINT)) AS purchase,
                    max(CAST(action_type = {ACTIONS["favourite"]} AS TINYINT)) AS favourite,
                    min({DAY}) AS day
                FROM log
                WHERE {known}
                GROUP BY {ids}
            )
            SELECT
                grouped.*,
                coalesce(nullif(age_range, '0'), 'unknown') AS age_range,
                coalesce(nullif(gender, '2'), 'unknown') AS gender
            FROM grouped
            SEMI JOIN (SELECT user_id FROM grouped GROUP BY user_id HAVING sum(purchase) >= $least)
                USING (user_id)
            SEMI JOIN (SELECT item_id FROM grouped GROUP BY item_id HAVING sum(purchase) >= $least)
                USING (item_id)
            LEFT JOIN users USING (user_id)
        """
        return db.sql(query, params={"least": self.settings.min_purchases})

    def events(self, db: duckdb.DuckDBPyConnection, history: str) -> duckdb.DuckDBPyRelation:
        """Return the actions of all users; days are counted as if each month had 31 of them."""
        done = ", ".join(f"CAST(action_type = {n} AS TINYINT) AS {name}" for name, n in ACTIONS.items())
        known = "user_id IS NOT NULL AND time_stamp IS NOT NULL AND action_type IS NOT NULL"
        return db.sql(f"SELECT DISTINCT {', '.join(IDS)}, {done}, {DAY} AS day FROM log WHERE {known}")
