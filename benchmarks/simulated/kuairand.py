"""Simulated KuaiRand-Pure: rows a user and rows a video as in the published random log.

That log has the rows that are asked for; the two of recommended videos have as many together, and popular
videos have a larger share in them. Chances that are published rarer than 1 % are that frequent here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.system.seeds import generator
from automtl_datasets.synthetic.kind import Chance, Floats, Ints, draw, zipf
from simulated.draws import CHUNK, Chances, of_groups, origins, pick, scattered, write_csv

ROWS_PER_USER, ROWS_PER_VIDEO = 43, 156
MOST_USERS, MOST_VIDEOS = 27_285, 7_583
USER_EXPONENT, TAG_EXPONENT = 0.5, 0.8
VIDEO_EXPONENTS = {1: 0.3, 0: 0.9}
"""`is_rand` -> exponent."""
DUPLICATES = 0.024
TABS = {1: 0.757, 0: 0.09, 4: 0.06, 6: 0.049, 2: 0.03, 8: 0.005, 5: 0.003, 12: 0.003, 3: 0.002, 11: 0.001}
TAGS = 60
DAY, HOUR = 86_400_000, 3_600_000
"""Milliseconds."""
LONG_VIEW = 18_000
"""Milliseconds that make a long view of a video, or its duration, if that is less."""


class Log(NamedTuple):
    """A log file."""

    start: str
    days: int
    is_rand: int


LOGS = {
    "log_random_4_22_to_5_08_pure.csv": Log("2022-04-22", 17, 1),
    "log_standard_4_08_to_4_21_pure.csv": Log("2022-04-08", 14, 0),
    "log_standard_4_22_to_5_08_pure.csv": Log("2022-04-22", 17, 0),
}

_RARE = {"user": 1.0, "video": 0.9, "is_click": 0.7}
_TASTE = {("onehot_feat1", "tag"): 0.4}
LABELS = {
    "is_click": Chance(0.44, {"user": 0.7, "video": 0.7, "tab": 0.4}, _TASTE),
    "is_like": Chance(0.02, {"user": 1.0, "video": 0.6, "tab": 0.3, "is_click": 0.7}),
    "is_follow": Chance(0.01, _RARE),
    "is_comment": Chance(0.01, _RARE),
    "is_forward": Chance(0.01, _RARE, _TASTE),
    "is_hate": Chance(0.01, {"user": 1.0, "video": 0.9}),
    "long_view": Chance(0.7, {"user": 0.6, "video": 0.6, "tab": 0.3}, _TASTE),
}
"""In the order of their draws. A long view has a click, and its rate is that among the clicks."""

ACTIVITY = {
    **{"full_active": 0.658, "high_active": 0.226, "middle_active": 0.078, "2_14_day_new": 0.023},
    **{"low_active": 0.011, "single_low_active": 0.0025, "30day_retention": 0.0006, "UNKNOWN": 0.0003},
}


class Number(NamedTuple):
    """A number of a user, and the ranges that are published with it."""

    median: float
    deviation: float
    """Of the logarithm."""
    least: int
    names: tuple[str, ...]
    ends: tuple[int, ...]
    """For each range the first number above it."""


NUMBERS = {
    "follow_user_num": Number(
        *(150, 1.2, 0),
        ("0", "(0,10]", "(10,50]", "(50,100]", "(100,150]", "(150,250]", "(250,500]", "500+"),
        (1, 11, 51, 101, 151, 251, 501, 5_004),
    ),
    "fans_user_num": Number(
        *(40, 1.8, 0),
        ("0", "[1,10)", "[10,100)", "[100,1k)", "[1k,5k)", "[5k,1w)", "[1w,10w)", "[10w,100w)"),
        (1, 10, 100, 1_000, 5_000, 10_000, 100_000, 1_000_000),
    ),
    "friend_user_num": Number(
        *(12, 2.0, 0),
        ("0", "[1,5)", "[5,30)", "[30,60)", "[60,120)", "[120,250)", "250+"),
        (1, 5, 30, 60, 120, 250, 4_996),
    ),
    "register_days": Number(
        *(1_100, 0.9, 8),
        ("8-14", "15-30", "31-60", "61-90", "91-180", "181-365", "366-730", "730+"),
        (15, 31, 61, 91, 181, 366, 731, 3_625),
    ),
}
ONEHOT, BITS = (2, 7, 50, 1471, 15, 34, 3, 118, 454, 7, 5, 5), 6
"""Values of `onehot_feat0` to 11; those after them are bits. 4 and the bits are floats that may be blank."""
BLANK_FEATURE_4, BLANK_BITS, BLANK_MUSIC, BLANK_TAG, BLANK_DURATION = 0.032, 0.026, 0.027, 0.013, 0.013
UPLOADS = {
    **{"LongImport": 0.386, "Web": 0.319, "ShortImport": 0.121, "Kmovie": 0.116, "LongPicture": 0.019},
    **{"UNKNOWN": 0.011, "PictureSet": 0.01, "LongCamera": 0.008, "ShortCamera": 0.006, "FollowShoot": 0.004},
}


def simulate(folder: Path, rows: int, seed: int) -> None:
    """Write the tables of users and videos and the three logs, each in the order of time, to `data/`."""
    users = int(np.clip(rows // ROWS_PER_USER, 10, MOST_USERS))
    videos = int(np.clip(rows // ROWS_PER_VIDEO, 10, MOST_VIDEOS))
    user_table = _users(generator(seed, "simulate", "kuairand", "users"), users)
    video_table, tag = _videos(generator(seed, "simulate", "kuairand", "videos"), videos)
    write_csv(folder / "data/user_features_pure.csv", [user_table])
    write_csv(folder / "data/video_features_basic_pure.csv", [video_table])
    views = _Views(seed, user_table["onehot_feat1"].to_numpy(), tag, video_table["video_duration"].to_numpy())
    lengths = (rows, max(1, rows // 2), max(1, rows - rows // 2))
    for (file, log), length in zip(LOGS.items(), lengths, strict=True):
        random = generator(seed, "simulate", "kuairand", file)
        write_csv(folder / "data" / file, views.frames(random, log, length))


def _users(random: np.random.Generator, users: int) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "user_id": np.arange(users),
        "user_active_degree": pick(random, ACTIVITY, users),
        "is_lowactive_period": np.zeros(users, dtype=np.int64),
        "is_live_streamer": pick(random, {-124: 0.774, 1: 0.226}, users),
        "is_video_author": pick(random, {1: 0.816, 0: 0.184}, users),
    }
    for name, number in NUMBERS.items():
        drawn = random.lognormal(np.log(number.median), number.deviation, users)
        columns[name] = np.clip(drawn, number.least, number.ends[-1] - 1).astype(np.int64)
        names = np.array(number.names, dtype=object)
        columns[f"{name}_range"] = names[np.digitize(columns[name], number.ends)]
    for place, values in enumerate(ONEHOT):
        columns[f"onehot_feat{place}"] = draw(random, zipf(values, 0.5), users)
    columns["onehot_feat4"] = _blanked(columns["onehot_feat4"], random.random(users) < BLANK_FEATURE_4)
    blank = random.random(users) < BLANK_BITS
    for place in range(len(ONEHOT), len(ONEHOT) + BITS):
        columns[f"onehot_feat{place}"] = _blanked(random.random(users) < 0.1, blank)
    return pd.DataFrame(columns)


def _videos(random: np.random.Generator, videos: int) -> tuple[pd.DataFrame, Ints]:
    """Return the table, and the first tag of each video."""
    tag, second = (draw(random, zipf(TAGS, TAG_EXPONENT), videos) for _ in range(2))
    both = [f"{one},{two}" for one, two in zip(tag, second, strict=True)]
    tags = np.where(random.random(videos) < 0.25, both, tag.astype(str)).astype(object)
    tags[random.random(videos) < BLANK_TAG] = None
    upload = pick(random, UPLOADS, videos)
    no_duration = (upload == "LongPicture") | (random.random(videos) < BLANK_DURATION)
    duration = np.clip(random.lognormal(np.log(80_000), 1.0, videos), 5_000, 1_177_720).round()
    music = 5_000_000_000 + scattered(draw(random, zipf(videos, 0.2), videos), 2_000_000_000)
    table = pd.DataFrame(
        {
            "video_id": np.arange(videos),
            "author_id": 1 + scattered(draw(random, zipf(videos, 0.3), videos), 8_400_000),
            "video_type": pick(random, {"NORMAL": 0.99, "AD": 0.01}, videos),
            "upload_dt": pick(random, {"2022-04-10": 0.45, "2022-04-09": 0.37, "2022-04-11": 0.18}, videos),
            "upload_type": upload,
            "visible_status": 0.0,
            "video_duration": _blanked(duration, no_duration),
            "server_width": pick(random, {720.0: 0.74, 1280.0: 0.2, 960.0: 0.06}, videos),
            "server_height": pick(random, {1280.0: 0.72, 720.0: 0.25, 1440.0: 0.03}, videos),
            "music_id": np.where(random.random(videos) < BLANK_MUSIC, 0, music),
            "music_type": pick(random, {9.0: 0.88, 4.0: 0.087, 8.0: 0.006, None: BLANK_MUSIC}, videos),
            "tag": tags,
        }
    )
    return table, tag


def _blanked(values: NDArray[Any], blank: NDArray[np.bool_]) -> Floats:
    return np.where(blank, np.nan, values)


class _Views:
    """Rows of the logs, all with the same users, videos and effects.

    Args:
        seed: The popularity of users and videos, and all effects, follow from it.
        feature: `onehot_feat1` of each user.
        tag: First tag of each video.
        duration: Of each video, in milliseconds; NaN where blank.

    """

    def __init__(self, seed: int, feature: Ints, tag: Ints, duration: Floats) -> None:
        random = generator(seed, "simulate", "kuairand", "popularity")
        self._feature, self._tag = feature, tag
        self._duration = np.nan_to_num(duration).astype(np.int64)
        self._users = random.permutation(zipf(len(feature), USER_EXPONENT))
        rank = random.permutation(len(tag))
        self._videos = {shown: zipf(len(tag), exponent)[rank] for shown, exponent in VIDEO_EXPONENTS.items()}
        self._tabs = np.array([*TABS.values()])
        clicks = LABELS["is_click"].rate
        frequencies = {
            "user": self._users,
            "video": self._videos[1],
            "tab": self._tabs,
            "onehot_feat1": of_groups(feature, self._users, ONEHOT[1]),
            "tag": of_groups(tag, self._videos[1], TAGS),
            "is_click": np.array([1 - clicks, clicks]),
        }
        self._labels = Chances(seed, "kuairand", frequencies, LABELS)

    def frames(self, random: np.random.Generator, log: Log, rows: int) -> Iterator[pd.DataFrame]:
        """Yield the rows of one log; duplicates follow their original."""
        start = pd.Timestamp(log.start, tz="Asia/Shanghai")
        dates = pd.date_range(start, periods=log.days).strftime("%Y%m%d").to_numpy(dtype=object)
        for first in range(0, rows, CHUNK):
            size = min(CHUNK, rows - first)
            user, video = draw(random, self._users, size), draw(random, self._videos[log.is_rand], size)
            tab = draw(random, self._tabs, size)
            labels = self._drawn_labels(random, user, video, tab)
            passed = (first + np.arange(size) + random.random(size)) * (log.days * DAY / rows)
            day, rest = np.divmod(passed.astype(np.int64), DAY)
            frame = pd.DataFrame(
                {
                    "user_id": user,
                    "video_id": video,
                    "date": dates[day],
                    "hourmin": rest // HOUR * 100,
                    "time_ms": int(start.timestamp()) * 1000 + day * DAY + rest,
                    **labels,
                    "play_time_ms": self._played(random, video, labels),
                    "duration_ms": self._duration[video],
                    "profile_stay_time": random.geometric(0.5, size) * 1000 * (random.random(size) < 1e-4),
                    "comment_stay_time": random.geometric(1e-4, size) * (random.random(size) < 0.044),
                    "is_profile_enter": (random.random(size) < 0.0185).astype(np.int64),
                    "is_rand": log.is_rand,
                    "tab": np.array([*TABS])[tab],
                }
            )
            yield frame.iloc[origins(random.random(size) >= DUPLICATES)]

    def _drawn_labels(
        self, random: np.random.Generator, user: Ints, video: Ints, tab: Ints
    ) -> dict[str, Ints]:
        ids = {"user": user, "video": video, "tab": tab}
        ids |= {"onehot_feat1": self._feature[user], "tag": self._tag[video]}
        for task in LABELS:
            ids[task] = (random.random(len(user)) < self._labels.probability(task, ids)).astype(np.int64)
        ids["long_view"] *= ids["is_click"]
        return {task: ids[task] for task in LABELS}

    def _played(self, random: np.random.Generator, video: Ints, labels: dict[str, Ints]) -> Ints:
        """Return how long each video was played, in milliseconds; longer if clicked or viewed long."""
        enough = np.where(self._duration[video] > 0, np.minimum(self._duration[video], LONG_VIEW), LONG_VIEW)
        share = random.random(len(video))
        short = np.where(labels["is_click"] == 1, 0.3 + 0.7 * share, 0.3 * share) * enough
        longer = enough + random.exponential(30_000, len(video))
        return np.where(labels["long_view"] == 1, longer, short).astype(np.int64)
