"""Tenrec QB-video: clicks, follows, likes and shares of videos in the feed of the QQ Browser.

Full size: 2.44 million rows, one row per video shown to a user.
"""

from collections.abc import Mapping

import duckdb
from pydantic import Field

from automtl_core.plugin import BIT, INTEGER, TEXT, Dataset, DatasetSettings, Label, RawFile, Sparse

FIELDS = ("user_id", "item_id", "video_category", "watching_times", "gender", "age")
LABELS = ("click", "follow", "like", "share")


class QBVideoSettings(DatasetSettings):
    """Settings of `qb-video`."""

    min_clicks: int = Field(10, ge=0)
    """Minimum number of clicks of a user and of an item. Users and items with fewer are dropped."""


class QBVideo(Dataset[QBVideoSettings]):
    """Clicks, follows, likes and shares of videos: one row for each video shown to a user.

    `watching_times` counts how often the user watched the video, so it is known only after the click. It is a
    field because it is one in the paper. Because of this count, an exact duplicate is not a second view.
    """

    version = 1
    source = (
        "https://static.qblv.qq.com/qblv/h5/algo-frontend/tenrec_dataset.html (QB-video.csv of Tenrec.zip)"
    )
    licence = "CC BY-NC 4.0"
    preparation = (
        "Rows with a blank or without a category (\\N) are dropped, and exact duplicates; users and items "
        "with fewer than 10 clicks are dropped."
    )
    fields = tuple(map(Sparse, FIELDS))
    # None comes after the click: the published file has rows with a like or a follow and no click.
    labels = tuple(map(Label, LABELS))
    user = "user_id"

    def files(self) -> Mapping[str, RawFile]:
        """Return the log."""
        columns = dict.fromkeys((*FIELDS[:2], *LABELS, *FIELDS[2:]), INTEGER)
        columns |= {**dict.fromkeys(LABELS, BIT), "video_category": TEXT}
        return {"log": RawFile("QB-video.csv", columns, rows=2_442_299)}

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Keep users and items with enough clicks; both are counted before either is dropped."""
        query = r"""
            WITH shown AS (
                SELECT DISTINCT *
                FROM log
                WHERE COLUMNS(*) IS NOT NULL AND video_category <> '\N'
            )
            SELECT *
            FROM shown
            SEMI JOIN (SELECT user_id FROM shown GROUP BY user_id HAVING sum(click) >= $least) USING (user_id)
            SEMI JOIN (SELECT item_id FROM shown GROUP BY item_id HAVING sum(click) >= $least) USING (item_id)
            """
        return db.sql(query, params={"least": self.settings.min_clicks})
