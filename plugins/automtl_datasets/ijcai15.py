"""Tmall repeat-buyer data of the IJCAI-15 contest: purchases and favourites over six months.

Full size: 54,925,330 log rows, one row an action, not in time order; 23 % are exact duplicates, which
grouping removes.
"""

from collections.abc import Mapping

import duckdb
from pydantic import Field

from automtl_core.dataset import Dataset, DatasetSettings, RawFile

PURCHASE, FAVOURITE = "2", "3"

# COLUMNS(*) IS NOT NULL asks it of every column.
ROWS = """
    WITH grouped AS (
        SELECT
            user_id,
            item_id,
            cat_id,
            seller_id,
            brand_id,
            max(CAST(action_type = '2' AS INTEGER)) AS purchase,
            max(CAST(action_type = '3' AS INTEGER)) AS favourite
        FROM log
        WHERE COLUMNS(*) IS NOT NULL
        GROUP BY ALL
    ), counted AS (
        SELECT
            *,
            sum(purchase) OVER (PARTITION BY user_id) AS user_purchases,
            sum(purchase) OVER (PARTITION BY item_id) AS item_purchases
        FROM grouped
    )
    SELECT
        counted.*,
        coalesce(nullif(age_range, '0'), 'unknown') AS age_range,
        coalesce(nullif(gender, '2'), 'unknown') AS gender
    FROM counted LEFT JOIN users USING (user_id)
"""


class IJCAI15Settings(DatasetSettings):
    """Settings of `ijcai15`."""

    min_purchases: int = Field(10, ge=0)
    """Users and items with fewer purchased rows than this are dropped."""


class IJCAI15(Dataset):
    """One row for each user, item, category, seller and brand; a label is 1 if it happened at least once.

    Log rows with a blank value (often the brand) are dropped. Age range 0 and gender 2 mean unknown, as
    do blanks and users without a row of their own.
    """

    settings_class = IJCAI15Settings
    settings: IJCAI15Settings
    version = 1
    source = "https://tianchi.aliyun.com/dataset/42 (data_format1.zip; for research, see the terms there)"
    sparse = ("user_id", "item_id", "cat_id", "seller_id", "brand_id", "age_range", "gender")
    tasks = ("purchase", "favourite")

    def files(self) -> Mapping[str, RawFile]:
        """Return the log and the table of users."""
        log = ("user_id", "item_id", "cat_id", "seller_id", "brand_id", "time_stamp", "action_type")
        return {
            "log": RawFile("data_format1/user_log_format1.csv", log),
            "users": RawFile("data_format1/user_info_format1.csv", ("user_id", "age_range", "gender")),
        }

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Group the log, join the users, and keep users and items with enough purchases.

        Both are counted on all groups, before either is dropped.
        """
        least = self.settings.min_purchases
        return db.sql(ROWS).filter(f"user_purchases >= {least} AND item_purchases >= {least}")
