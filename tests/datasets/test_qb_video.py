import io

import numpy as np
import pandas as pd
import pytest

from automtl_core.dataset.dataset import names_of
from automtl_core.errors import DataError, UsageError
from automtl_core.prepare.prepare import prepare
from automtl_datasets.qb_video import QBVideo, QBVideoSettings

HEADER = "user_id,item_id,click,follow,like,share,video_category,watching_times,gender,age\n"
LOG = (
    HEADER
    + r"""1,10,1,0,0,0,7,1,2,5
1,10,1,0,0,0,7,1,2,5
1,11,1,0,1,0,8,2,2,5
2,10,1,1,0,0,7,1,1,3
2,11,0,1,1,0,8,0,1,3
2,12,1,0,0,1,\N,1,1,3
3,11,1,0,0,0,8,1,0,0
30,12,1,0,0,0,\N,1,2,5
"""
)


def qb_video(**settings):
    return QBVideo(QBVideoSettings(**settings))


def test_fields_and_labels_of_the_paper(rows_of):
    # Rows without a category are dropped, and the exact duplicate; a like and a follow need no click.
    assert rows_of(qb_video(min_clicks=0), {"QB-video.csv": LOG}) == [
        (1, 10, "7", 1, 2, 5, 1, 0, 0, 0),
        (1, 11, "8", 2, 2, 5, 1, 0, 1, 0),
        (2, 10, "7", 1, 1, 3, 1, 1, 0, 0),
        (2, 11, "8", 0, 1, 3, 0, 1, 1, 0),
        (3, 11, "8", 1, 0, 0, 1, 0, 0, 0),
    ]
    fields = ["user_id", "item_id", "video_category", "watching_times", "gender", "age"]
    assert names_of(qb_video().layout.sparse) == fields
    assert names_of(QBVideo.labels) == ["click", "follow", "like", "share"]


def test_clicks_are_counted_before_anything_is_dropped(rows_of):
    # User 2 has one click, as the other has no category; item 10 has two, and item 11, one of them of user 3.
    assert rows_of(qb_video(min_clicks=2), {"QB-video.csv": LOG}) == [
        (1, 10, "7", 1, 2, 5, 1, 0, 0, 0),
        (1, 11, "8", 2, 2, 5, 1, 0, 1, 0),
    ]


@pytest.mark.parametrize("column", range(10))
def test_a_blank_drops_the_row(rows_of, column):
    row = ["1", "10", "1", "0", "0", "0", "7", "1", "2", "5"]
    row[column] = ""
    log = HEADER + ",".join(row) + "\n2,10,1,0,0,0,7,1,2,5\n"
    assert [row[0] for row in rows_of(qb_video(min_clicks=0), {"QB-video.csv": log})] == [2]


def test_the_mark_of_a_missing_category_is_no_integer(rows_of):
    with pytest.raises(DataError, match=r"QB-video.csv:2: age"):
        rows_of(qb_video(), {"QB-video.csv": HEADER + r"1,10,1,0,0,0,7,1,2,\N" + "\n"})


def test_labels_and_clicks_are_those_of_the_paper_and_there_is_no_split_by_time(tmp_path):
    assert qb_video().settings.min_clicks == 10
    assert not any(label.after for label in QBVideo.labels)
    rows = [f"{user},10,1,0,0,0,7,1,2,5\n" for user in range(10)]
    (tmp_path / "QB-video.csv").write_text(HEADER + "".join(rows))
    with pytest.raises(UsageError, match="dataset qb-video has no time"):
        prepare(qb_video(min_clicks=0, split="time"), "qb-video", tmp_path, tmp_path / "out")


@pytest.mark.parametrize("least", [0, 12])
def test_a_sample(tmp_path, least, assert_prepared_as):
    draw, rows = np.random.default_rng(0), 3000
    columns = {
        "user_id": 1 + draw.zipf(1.4, rows) % 60,
        "item_id": 1 + draw.zipf(1.4, rows) % 90,
        **{task: draw.integers(0, 2, rows) for task in names_of(QBVideo.labels)},
        "video_category": draw.choice(["1", "2", "10", r"\N"], rows),
        "watching_times": draw.integers(0, 4, rows),
        "gender": draw.integers(0, 3, rows),
        "age": draw.integers(0, 3, rows),
    }
    text = pd.DataFrame(columns).to_csv(index=False)
    (tmp_path / "QB-video.csv").write_text(text)
    dataset = qb_video(min_clicks=least)
    frame = pd.read_csv(io.StringIO(text), dtype=str, na_values=[r"\N"]).dropna().drop_duplicates()
    frame = frame.astype(dict.fromkeys(names_of(dataset.labels), int))
    clicks = [frame.groupby(key)["click"].transform("sum") for key in ("user_id", "item_id")]
    kept = frame[(clicks[0] >= least) & (clicks[1] >= least)]
    assert least == 0 or 0 < len(kept) < len(frame)
    assert_prepared_as(prepare(dataset, "qb-video", tmp_path, tmp_path / "out"), kept, dataset)
