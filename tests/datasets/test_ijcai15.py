import pandas as pd
import pytest

from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import names_of
from automtl_core.errors import DataError
from automtl_core.prepare.prepare import prepare
from automtl_datasets.ijcai15 import IJCAI15, IJCAI15Settings

LOG = "data_format1/user_log_format1.csv"
USERS = "data_format1/user_info_format1.csv"
LOG_HEADER = "user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type\n"

FILES = {
    LOG: LOG_HEADER
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
    USERS: "user_id,age_range,gender\n1,3,0\n2,0,\n3,,2\n",
}


def ijcai15(**settings):
    return IJCAI15(IJCAI15Settings(**settings))


def test_actions_are_grouped_and_users_joined(rows_of):
    assert rows_of(ijcai15(min_purchases=0), FILES) == [
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
    assert rows_of(ijcai15(min_purchases=2), FILES) == [
        (2, 10, 5, 6, 7, "unknown", "unknown", 1, 0),
        (2, 10, 5, 6, 8, "unknown", "unknown", 0, 1),
    ]


def test_the_days_are_ordered_as_numbers(tmp_path):
    # Month and day without a leading zero: as text, 829 would be the last day.
    days = [511, 829, 830, 901, 1001, 1031, 1101, 1110, 1111, 1112]
    log = [f"{n},{n},5,6,7,{day},{2 + n % 2}" for n, day in enumerate(days)]
    (tmp_path / "data_format1").mkdir()
    (tmp_path / LOG).write_text(LOG_HEADER + "\n".join(log))
    (tmp_path / USERS).write_text("user_id,age_range,gender\n1,3,0\n")
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
    (tmp_path / LOG).write_text(LOG_HEADER + "\n".join(log))
    (tmp_path / USERS).write_text("user_id,age_range,gender\n1,3,0\n")
    dataset = ijcai15(split="time", min_purchases=0, list={"user": None, **of_lists})
    prepared = prepare(dataset, "ijcai15", tmp_path, tmp_path / "out")
    decoded = [prepared.encoder.decode(prepared.part(name)) for name in PARTS]
    ages = [sorted(row) for part in decoded for row in part["past:automtl:age"]]
    assert sorted(ages) == sorted([[], second, [5, 6]] * 6)


def test_the_threshold_is_named_when_no_row_is_left(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    with pytest.raises(DataError, match="dataset ijcai15: no rows are left") as error:
        prepare(ijcai15(), "ijcai15", tmp_path, tmp_path / "out")
    assert error.value.fix == "lower min_purchases (now 10)"


@pytest.mark.parametrize("least", [0, 1])
def test_the_real_sample(real_data, tmp_path, least, assert_prepared_as):
    dataset, folder = ijcai15(min_purchases=least), real_data / "ijcai15"
    prepared = prepare(dataset, "ijcai15", folder, tmp_path)
    log, users = (pd.read_csv(folder / path, dtype=str) for path in (LOG, USERS))
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
