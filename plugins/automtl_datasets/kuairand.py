"""KuaiRand-Pure: seven kinds of feedback on short videos, some of them shown at random.

Full size: 1,186,059 rows of videos shown at random, 1,436,609 of recommended ones, 27,285 users, 7,583
videos. 2.4 % of the log rows are exact duplicates.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import duckdb

from automtl_core.plugin import BIT, INTEGER, TEXT, Dataset, DatasetSettings, History, Label, RawFile, Sparse

LOG = (
    *("user_id", "video_id", "date", "hourmin", "time_ms", "is_click", "is_like", "is_follow", "is_comment"),
    *("is_forward", "is_hate", "long_view", "play_time_ms", "duration_ms", "profile_stay_time"),
    *("comment_stay_time", "is_profile_enter", "is_rand", "tab"),
)
USERS = (
    *("user_id", "user_active_degree", "is_lowactive_period", "is_live_streamer", "is_video_author"),
    *("follow_user_num_range", "fans_user_num_range", "friend_user_num_range", "register_days_range"),
    *(f"onehot_feat{i}" for i in range(18)),
)
VIDEOS = ("video_id", "author_id", "video_type", "music_id", "music_type")
"""Columns that are used, of many in the tables of users and videos; of the log above all, in their order."""
FIELDS = ("user_id", "video_id", "is_rand", "tab", *USERS[1:], *VIDEOS[1:])
LABELS = ("is_click", "is_like", "is_follow", "is_comment", "is_forward", "is_hate", "long_view")
LOGS: dict[str, dict[str, int | None]] = {
    "random": {"log_random_4_22_to_5_08_pure.csv": 1_186_059},
    "standard": {"log_standard_4_08_to_4_21_pure.csv": None, "log_standard_4_22_to_5_08_pure.csv": None},
}
LOGS["both"] = LOGS["random"] | LOGS["standard"]
"""Value of the setting `log` -> file -> its rows, None where unknown."""


class KuaiRandSettings(DatasetSettings):
    """Settings of `kuairand`."""

    removed: ClassVar = {"blanks": "drop", "days": None}
    instead: ClassVar = {"days": "the dataset techjam of the plugin in examples/techjam"}

    log: Literal["random", "standard", "both"] = "random"
    """Log to read. random: videos that were shown at random, as in the paper. standard: recommended videos.
    both: both logs."""


class KuaiRand(Dataset[KuaiRandSettings]):
    """Seven kinds of feedback on short videos: one row for each video shown to a user.

    Histories hold the earlier rows of the user with their feedback. Only a blank in a field drops a row, not
    one in another column. `is_live_streamer` is -124 for most users,
    which is treated like any other value.
    """

    version = 3
    source = "https://kuairand.com (KuaiRand-Pure.tar.gz)"
    licence = "CC BY-SA 4.0"
    preparation = (
        "The log of videos shown at random, joined with the tables of users and videos; rows with a blank in "
        "a field are dropped, and exact duplicates."
    )
    fields = tuple(map(Sparse, FIELDS))
    labels = tuple(Label(name, after="is_click" if name == "long_view" else None) for name in LABELS)
    user = "user_id"
    time, time_unit = "time_ms", 0.001
    histories = (
        History(
            "past", "user_id", "time_ms", ("video_id", "author_id", "music_id", "video_type", "tab"), LABELS
        ),
    )

    def files(self) -> Mapping[str, RawFile]:
        """Return the chosen logs and the tables of users and videos."""
        used = {"time_ms": INTEGER, **dict.fromkeys(FIELDS, TEXT), **dict.fromkeys(LABELS, BIT)}
        # All columns of the log are needed to recognise exact duplicates.
        log = {name: used.get(name, TEXT) for name in LOG}
        logs = {
            f"log{i}": RawFile(f"data/{file}", log, rows=rows)
            for i, (file, rows) in enumerate(LOGS[self.settings.log].items())
        }
        users, videos = (dict.fromkeys(names, TEXT) for names in (USERS, VIDEOS))
        return {
            **logs,
            "users": RawFile("data/user_features_pure.csv", users, others=True, rows=27_285),
            "videos": RawFile("data/video_features_basic_pure.csv", videos, others=True, rows=7_583),
        }

    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Join logs, users and videos; drop duplicates and rows with a blank in a field."""
        log, *others = [db.table(f"log{i}") for i in range(len(LOGS[self.settings.log]))]
        for other in others:
            log = log.union(other)
        joined = log.distinct().join(db.table("users"), "user_id", how="left")
        joined = joined.join(db.table("videos"), "video_id", how="left")
        return joined.filter(" AND ".join(f"{field} IS NOT NULL" for field in FIELDS))
