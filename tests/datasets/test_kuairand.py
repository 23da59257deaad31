import pandas as pd
import pytest

from automtl_core.dataset.dataset import names_of
from automtl_core.errors import UsageError
from automtl_core.prepare.prepare import prepare
from automtl_datasets.kuairand import LOG, LOGS, USERS, VIDEOS, KuaiRand, KuaiRandSettings

LABELS = ["is_click", "is_like", "is_follow", "is_comment", "is_forward", "is_hate", "long_view"]


def kuairand(**settings):
    return KuaiRand(KuaiRandSettings(**settings))


def table(columns, *rows):
    """Write a raw file; columns that a row does not name hold 0."""
    lines = [[row.get(column, "0") for column in columns] for row in rows]
    quoted = [[f'"{value}"' if "," in value else value for value in line] for line in lines]
    return "\n".join(",".join(line) for line in [list(columns), *quoted, []])


VIEW = {"user_id": "1", "video_id": "7", "time_ms": "5", "is_click": "1", "tab": "4"}
USER = {"user_id": "1", "is_live_streamer": "-124", "fans_user_num_range": "[100,1k)"}
VIDEO = {"video_id": "7", "author_id": "77", "tag": "12,62"}


def files(*views, user=USER, video=VIDEO):
    return {
        f"data/{next(iter(LOGS['random']))}": table(LOG, *views),
        "data/user_features_pure.csv": table(USERS, user),
        "data/video_features_basic_pure.csv": table(VIDEOS, video),
    }


def test_fields_of_user_and_video_are_joined(rows_of):
    dataset = kuairand()
    [row] = rows_of(dataset, files(VIEW))
    named = dict(zip([*names_of(dataset.layout.sparse), *names_of(dataset.labels)], row, strict=True))
    assert {name: value for name, value in named.items() if value not in ("0", 0)} == {
        "user_id": "1", "video_id": "7", "tab": "4", "is_live_streamer": "-124",
        "fans_user_num_range": "[100,1k)", "author_id": "77", "is_click": 1,
    }  # fmt: skip


def test_fields_labels_and_log_are_those_of_the_paper():
    assert len(KuaiRand.fields) == len(set(KuaiRand.fields)) == 34
    assert names_of(KuaiRand.labels) == LABELS
    after = {label.name: label.after for label in KuaiRand.labels if label.after}
    assert after == {"long_view": "is_click"}
    assert [file.path for file in kuairand().files().values()] == list(files(VIEW))


def test_exact_duplicates_are_dropped_and_nothing_else(rows_of):
    assert len(rows_of(kuairand(), files(VIEW, VIEW, {**VIEW, "time_ms": "6"}))) == 2


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
    assert len(rows_of(kuairand(), files(VIEW, **change))) == (not dropped)


def test_both_logs_together(rows_of):
    standard = {
        f"data/{path}": table(LOG, {**VIEW, "time_ms": str(n)}) for n, path in enumerate(LOGS["standard"])
    }
    assert len(rows_of(kuairand(log="both"), {**files(VIEW), **standard})) == 3


def test_the_real_sample(real_data, tmp_path, assert_prepared_as):
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
