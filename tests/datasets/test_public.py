"""UserBehavior, IJCAI-15, KuaiRand and QB-video: rows by hand, and samples made without the code."""

import io

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import names_of
from automtl_core.errors import DataError, UsageError
from automtl_core.prepare.prepare import prepare
from automtl_datasets.ijcai15 import IJCAI15, IJCAI15Settings
from automtl_datasets.kuairand import LOG, LOGS, USERS, VIDEOS, KuaiRand, KuaiRandSettings
from automtl_datasets.qb_video import QBVideo, QBVideoSettings
from automtl_datasets.userbehavior import UserBehavior, UserBehaviorSettings

ACTIONS = """\
1,10,7,pv,10
1,10,7,pv,10
1,10,7,buy,12
1,20,7,buy,12
1,30,8,cart,13
2,10,7,buy,14
2,10,9,fav,-14
2,20,7,pv,15
3,20,7,buy,15
3,30,8,pv"""


def userbehavior(**settings):
    return UserBehavior(UserBehaviorSettings(**settings))


def test_actions_are_grouped_and_the_cut_line_is_left_out(rows_of):
    # Item 10 has two categories, and one time lies far before the nine days: both are as published.
    assert rows_of(userbehavior(min_buys=0), {"UserBehavior.csv": ACTIONS}) == [
        (1, 10, 7, 1, 1, 0, 0),
        (1, 20, 7, 0, 1, 0, 0),
        (1, 30, 8, 0, 0, 1, 0),
        (2, 10, 7, 0, 1, 0, 0),
        (2, 10, 9, 0, 0, 0, 1),
        (2, 20, 7, 1, 0, 0, 0),
        (3, 20, 7, 0, 1, 0, 0),
    ]


def test_a_cut_line_is_left_out_at_the_end_only(rows_of):
    with pytest.raises(DataError, match=r"UserBehavior.csv:1: "):
        rows_of(userbehavior(), {"UserBehavior.csv": "1,10,7,pv\n" + ACTIONS})


def test_buys_of_userbehavior_are_counted_before_anything_is_dropped(rows_of):
    # Only user 1 buys twice; item 10 counts the buys of users 1 and 2, item 20 those of 1 and 3.
    assert rows_of(userbehavior(min_buys=2), {"UserBehavior.csv": ACTIONS}) == [
        (1, 10, 7, 1, 1, 0, 0),
        (1, 20, 7, 0, 1, 0, 0),
    ]


def test_a_blank_action_of_userbehavior_drops_the_row(rows_of):
    log = "1,10,7,pv,1\n1,20,7,,1\n,30,7,pv,1\n"
    assert rows_of(userbehavior(min_buys=0), {"UserBehavior.csv": log}) == [(1, 10, 7, 1, 0, 0, 0)]


def test_labels_and_buys_are_those_of_the_paper():
    assert userbehavior().settings.min_buys == 10
    dataset = userbehavior()
    after = {label.name: label.after for label in dataset.labels}
    assert after == {"click": None, **dict.fromkeys(("buy", "cart", "favourite"), "click")}


@pytest.mark.parametrize("least", [0, 1])
def test_the_real_sample_of_userbehavior(real_data, tmp_path, least, assert_prepared_as):
    dataset = userbehavior(min_buys=least)
    prepared = prepare(dataset, "userbehavior", real_data / "userbehavior", tmp_path)
    log = pd.read_csv(
        real_data / "userbehavior/UserBehavior.csv",
        dtype=str,
        names=[*names_of(dataset.layout.sparse), "action", "time"],
    ).dropna()
    names = {"click": "pv", "buy": "buy", "cart": "cart", "favourite": "fav"}
    flags = log.assign(**{task: (log["action"] == action).astype(int) for task, action in names.items()})
    frame = flags.groupby(names_of(dataset.layout.sparse), as_index=False)[list(names)].max()
    buys = [frame.groupby(key)["buy"].transform("sum") for key in ("user_id", "item_id")]
    assert_prepared_as(prepared, frame[(buys[0] >= least) & (buys[1] >= least)], dataset)


IJCAI_LOG = "data_format1/user_log_format1.csv"
IJCAI_USERS = "data_format1/user_info_format1.csv"
IJCAI_HEADER = "user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type\n"

IJCAI_FILES = {
    IJCAI_LOG: IJCAI_HEADER
    + """\
1,10,5,6,7,829,0
1,10,5,6,7,829,0
1,10,5,6,7,830,2
1,11,5,6,,830,2
1,12,5,6,7,1111,3
2,10,5,6,7,1111,2
2,10,5,6,8,1111,3
2,12,5,6,7,1111,2
3,12,5,6,7,1111,1
4,12,5,6,7,1111,0
""",
    IJCAI_USERS: "user_id,age_range,gender\n1,3,0\n2,0,\n3,,2\n",
}


def ijcai15(**settings):
    return IJCAI15(IJCAI15Settings(**settings))


def test_actions_are_grouped_and_users_joined(rows_of):
    assert rows_of(ijcai15(min_purchases=0), IJCAI_FILES) == [
        (1, 10, 5, 6, 7, "3", "0", 1, 0),
        (1, 12, 5, 6, 7, "3", "0", 0, 1),
        (2, 10, 5, 6, 7, "unknown", "unknown", 1, 0),
        (2, 10, 5, 6, 8, "unknown", "unknown", 0, 1),
        (2, 12, 5, 6, 7, "unknown", "unknown", 1, 0),
        (3, 12, 5, 6, 7, "unknown", "unknown", 0, 0),
        (4, 12, 5, 6, 7, "unknown", "unknown", 0, 0),
    ]


def test_purchases_are_counted_before_anything_is_dropped(rows_of):
    # User 1 has one purchase, as the other lacks a brand; item 10 has two, one of them of user 1.
    assert rows_of(ijcai15(min_purchases=2), IJCAI_FILES) == [
        (2, 10, 5, 6, 7, "unknown", "unknown", 1, 0),
        (2, 10, 5, 6, 8, "unknown", "unknown", 0, 1),
    ]


def test_the_days_are_ordered_as_numbers(tmp_path):
    # Month and day without a leading zero: as text, 829 would be the last day.
    days = [511, 829, 830, 901, 1001, 1031, 1101, 1110, 1111, 1112]
    log = [f"{n},{n},5,6,7,{day},{2 + n % 2}" for n, day in enumerate(days)]
    (tmp_path / "data_format1").mkdir()
    (tmp_path / IJCAI_LOG).write_text(IJCAI_HEADER + "\n".join(log))
    (tmp_path / IJCAI_USERS).write_text("user_id,age_range,gender\n1,3,0\n")
    prepared = prepare(ijcai15(split="time", min_purchases=0), "ijcai15", tmp_path, tmp_path / "out")
    assert prepared.vocabulary("user_id") == list("01234567")


@pytest.mark.parametrize(("of_lists", "second"), [({"every": "1d"}, [1]), ({"gap": "2d"}, [])])
def test_lists_begin_by_the_day_of_events(tmp_path, of_lists, second):
    (tmp_path / "data_format1").mkdir()
    log = [
        f"{month},{day},5,6,7,{100 * month + day},{month % 4}"
        for month in range(5, 11)
        for day in (11, 12, 17)
    ]
    (tmp_path / IJCAI_LOG).write_text(IJCAI_HEADER + "\n".join(log))
    (tmp_path / IJCAI_USERS).write_text("user_id,age_range,gender\n1,3,0\n")
    dataset = ijcai15(split="time", min_purchases=0, list={"user": None, **of_lists})
    prepared = prepare(dataset, "ijcai15", tmp_path, tmp_path / "out")
    decoded = [prepared.encoder.decode(prepared.part(name)) for name in PARTS]
    ages = [sorted(row) for part in decoded for row in part["past:automtl:age"]]
    assert sorted(ages) == sorted([[], second, [5, 6]] * 6)


def test_the_threshold_is_named_when_no_row_is_left(tmp_path):
    for path, text in IJCAI_FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    with pytest.raises(DataError, match="dataset ijcai15: no rows are left") as error:
        prepare(ijcai15(), "ijcai15", tmp_path, tmp_path / "out")
    assert error.value.fix == "lower min_purchases (now 10)"


@pytest.mark.parametrize("least", [0, 1])
def test_the_real_sample_of_ijcai15(real_data, tmp_path, least, assert_prepared_as):
    dataset, folder = ijcai15(min_purchases=least), real_data / "ijcai15"
    prepared = prepare(dataset, "ijcai15", folder, tmp_path)
    log, users = (pd.read_csv(folder / path, dtype=str) for path in (IJCAI_LOG, IJCAI_USERS))
    log = log.dropna()
    flags = log.assign(
        purchase=(log["action_type"] == "2").astype(int), favourite=(log["action_type"] == "3").astype(int)
    )
    frame = flags.groupby(names_of(dataset.layout.sparse[:5]), as_index=False)[names_of(dataset.labels)].max()
    counts = [frame.groupby(key)["purchase"].transform("sum") for key in ("user_id", "item_id")]
    frame = frame[(counts[0] >= least) & (counts[1] >= least)].merge(users, "left", "user_id")
    frame["age_range"] = frame["age_range"].replace("0", None).fillna("unknown")
    frame["gender"] = frame["gender"].replace("2", None).fillna("unknown")
    assert_prepared_as(prepared, frame, dataset)


KUAIRAND_LABELS = ["is_click", "is_like", "is_follow", "is_comment", "is_forward", "is_hate", "long_view"]


def kuairand(**settings):
    return KuaiRand(KuaiRandSettings(**settings))


def raw_table(columns, *rows):
    """Write a raw file; columns that a row does not name hold 0."""
    lines = [[row.get(column, "0") for column in columns] for row in rows]
    quoted = [[f'"{value}"' if "," in value else value for value in line] for line in lines]
    return "\n".join(",".join(line) for line in [list(columns), *quoted, []])


VIEW = {"user_id": "1", "video_id": "7", "time_ms": "5", "is_click": "1", "tab": "4"}
USER = {"user_id": "1", "is_live_streamer": "-124", "fans_user_num_range": "[100,1k)"}
VIDEO = {"video_id": "7", "author_id": "77", "tag": "12,62"}


def kuairand_files(*views, user=USER, video=VIDEO):
    return {
        f"data/{next(iter(LOGS['random']))}": raw_table(LOG, *views),
        "data/user_features_pure.csv": raw_table(USERS, user),
        "data/video_features_basic_pure.csv": raw_table(VIDEOS, video),
    }


def test_fields_of_user_and_video_are_joined(rows_of):
    dataset = kuairand()
    [row] = rows_of(dataset, kuairand_files(VIEW))
    named = dict(zip([*names_of(dataset.layout.sparse), *names_of(dataset.labels)], row, strict=True))
    assert {name: value for name, value in named.items() if value not in ("0", 0)} == {
        "user_id": "1", "video_id": "7", "tab": "4", "is_live_streamer": "-124",
        "fans_user_num_range": "[100,1k)", "author_id": "77", "is_click": 1,
    }  # fmt: skip


def test_fields_labels_and_log_of_kuairand_are_those_of_the_paper():
    assert len(KuaiRand.fields) == len(set(KuaiRand.fields)) == 34
    assert names_of(KuaiRand.labels) == KUAIRAND_LABELS
    after = {label.name: label.after for label in KuaiRand.labels if label.after}
    assert after == {"long_view": "is_click"}
    assert [file.path for file in kuairand().files().values()] == list(kuairand_files(VIEW))


def test_exact_duplicates_are_dropped_and_nothing_else(rows_of):
    assert len(rows_of(kuairand(), kuairand_files(VIEW, VIEW, {**VIEW, "time_ms": "6"}))) == 2


@pytest.mark.parametrize(
    ("change", "dropped"),
    [
        ({"user": {**USER, "onehot_feat4": ""}}, True),
        ({"user": {**USER, "user_id": "2"}}, True),
        ({"video": {**VIDEO, "music_type": ""}}, True),
        ({"video": {**VIDEO, "tag": "", "video_duration": ""}}, False),
    ],
)
def test_a_blank_drops_a_row_only_in_a_field(rows_of, change, dropped):
    assert len(rows_of(kuairand(), kuairand_files(VIEW, **change))) == (not dropped)


def test_both_logs_together(rows_of):
    standard = {
        f"data/{path}": raw_table(LOG, {**VIEW, "time_ms": str(n)}) for n, path in enumerate(LOGS["standard"])
    }
    assert len(rows_of(kuairand(log="both"), {**kuairand_files(VIEW), **standard})) == 3


def test_the_real_sample_of_kuairand(real_data, tmp_path, assert_prepared_as):
    dataset, folder = kuairand(log="standard"), real_data / "kuairand"
    prepared = prepare(dataset, "kuairand", folder, tmp_path)
    log = pd.concat([pd.read_csv(folder / "data" / path, dtype=str) for path in LOGS["standard"]])
    users = pd.read_csv(folder / "data/user_features_pure.csv", dtype=str)
    videos = pd.read_csv(folder / "data/video_features_basic_pure.csv", dtype=str)
    joined = log.drop_duplicates().merge(users, "left", "user_id").merge(videos, "left", "video_id")
    used = joined[[*names_of(dataset.layout.sparse), *names_of(dataset.labels)]]
    assert_prepared_as(prepared, used.dropna().astype(dict.fromkeys(names_of(dataset.labels), int)), dataset)


def test_a_setting_of_an_earlier_version_names_its_place():
    with pytest.raises(UsageError, match="does not have the setting days: write the dataset techjam of"):
        KuaiRandSettings.parse({"days": [20220422, 20220429]})
    assert KuaiRandSettings.parse({"days": None}) == KuaiRandSettings()


VIDEO_HEADER = "user_id,item_id,click,follow,like,share,video_category,watching_times,gender,age\n"
VIDEO_LOG = (
    VIDEO_HEADER
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


def test_fields_and_labels_of_qb_video_are_those_of_the_paper(rows_of):
    # Rows without a category are dropped, and the exact duplicate; a like and a follow need no click.
    assert rows_of(qb_video(min_clicks=0), {"QB-video.csv": VIDEO_LOG}) == [
        (1, 10, "7", 1, 2, 5, 1, 0, 0, 0),
        (1, 11, "8", 2, 2, 5, 1, 0, 1, 0),
        (2, 10, "7", 1, 1, 3, 1, 1, 0, 0),
        (2, 11, "8", 0, 1, 3, 0, 1, 1, 0),
        (3, 11, "8", 1, 0, 0, 1, 0, 0, 0),
    ]
    fields = ["user_id", "item_id", "video_category", "watching_times", "gender", "age"]
    assert names_of(qb_video().layout.sparse) == fields
    assert names_of(QBVideo.labels) == ["click", "follow", "like", "share"]
    assert not any(label.after for label in QBVideo.labels)
    assert qb_video().settings.min_clicks == 10


def test_clicks_are_counted_before_anything_is_dropped(rows_of):
    # User 2 has one click, as the other has no category; item 10 has two, and item 11, one of them of user 3.
    assert rows_of(qb_video(min_clicks=2), {"QB-video.csv": VIDEO_LOG}) == [
        (1, 10, "7", 1, 2, 5, 1, 0, 0, 0),
        (1, 11, "8", 2, 2, 5, 1, 0, 1, 0),
    ]


@pytest.mark.parametrize("column", range(10))
def test_a_blank_of_qb_video_drops_the_row(rows_of, column):
    row = ["1", "10", "1", "0", "0", "0", "7", "1", "2", "5"]
    row[column] = ""
    log = VIDEO_HEADER + ",".join(row) + "\n2,10,1,0,0,0,7,1,2,5\n"
    assert [row[0] for row in rows_of(qb_video(min_clicks=0), {"QB-video.csv": log})] == [2]


def test_the_mark_of_a_missing_category_is_no_integer(rows_of):
    with pytest.raises(DataError, match=r"QB-video.csv:2: age"):
        rows_of(qb_video(), {"QB-video.csv": VIDEO_HEADER + r"1,10,1,0,0,0,7,1,2,\N" + "\n"})


def test_qb_video_has_no_split_by_time(tmp_path):
    rows = [f"{user},10,1,0,0,0,7,1,2,5\n" for user in range(10)]
    (tmp_path / "QB-video.csv").write_text(VIDEO_HEADER + "".join(rows))
    with pytest.raises(UsageError, match="dataset qb-video has no time"):
        prepare(qb_video(min_clicks=0, split="time"), "qb-video", tmp_path, tmp_path / "out")


@pytest.mark.parametrize("least", [0, 12])
def test_a_sample_of_qb_video(tmp_path, least, assert_prepared_as):
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
