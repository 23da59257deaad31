"""One's own tables: which settings are refused, and by which words."""

import pytest

from automtl_core.errors import DataError, UsageError
from automtl_datasets.table import Table
from automtl_datasets.table_settings import TableSettings

from .tables import table


def test_settings_stay_the_same_when_they_are_written_and_read_again():
    labels = {"click": None, "buy": {"given": "click"}, "stars": {"kind": "regression"}}
    settings = table(labels=labels, dense=["a"], multi=["b"], files={"train": "a.csv"}).settings
    written = settings.model_dump(mode="json")
    assert TableSettings.parse(written, "dataset") == settings
    assert settings.multi == {"b": "|"}


def test_without_settings_it_can_be_looked_at_but_has_no_rows():
    found = Table(TableSettings())
    assert found.files() == {}
    with pytest.raises(UsageError, match="needs settings") as caught:
        found.content()
    assert "automtl data init FILE" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ({"labels": []}, "dataset.labels names no column"),
        ({"sparse": []}, "sparse, dense and multi name no column"),
    ],
)
def test_what_is_needed(left_out, message):
    with pytest.raises(UsageError, match=message):
        table(**left_out).files()


WRONG = {
    "unknown inner key": (
        {"dense": {"a": {"scalling": "log"}}},
        r"dataset\.dense\.a\.scalling is not a setting \(did you mean 'scaling'",
    ),
    "unknown type": ({"sparse": {"user": "int"}}, r"dataset\.sparse\.user: expected text or integer"),
    "unknown part": ({"files": {"valid": "a.csv"}}, r"dataset\.files: .*validation.*given 'valid'"),
    "no file": ({"files": []}, r"dataset\.files\.all: .*at least one"),
    "all and train": ({"files": {"all": "a", "train": "b"}}, r"dataset\.files: `all` is split"),
    "no train": ({"files": {"test": "a.csv"}}, r"dataset\.files: the part `train` is missing"),
    "absolute": ({"files": "/data/a.csv"}, r"dataset\.files: '/data/a.csv' is no name .*`data_dir`"),
    "no time": ({"time": ""}, r"dataset\.time: expected a text of at least 1 char.*given ''"),
    "no user": ({"user": ""}, r"dataset\.user: expected a text of at least 1 char.*given ''"),
    "above": ({"files": "../a.csv"}, r"dataset\.files: '\.\./a.csv' is no name"),
    "absolute log": (
        {"history": {"files": "/data/a.csv"}, "user": "user", "time": "t", "split": "time"},
        r"dataset\.history\.files: '/data/a.csv' is no name",
    ),
    "absolute vectors": (
        {"vectors": {"a": "/data/v.parquet"}},
        r"dataset\.vectors\.a\.file: '/data/v.parquet' is no name",
    ),
    "pattern": ({"files": "a**.csv"}, r"dataset\.files: 'a\*\*.csv' is no name or pattern"),
    "a number for a name": ({"sparse": [1]}, r"dataset\.sparse: write texts in quotes"),
    "yes for a text": (
        {"labels": {"a": {"positive": [True]}}},
        r"labels\.a\.positive\[0\]: write texts in quotes",
    ),
    "named twice": ({"sparse": ["user", "user"]}, r"dataset\.sparse: name 'user' once"),
    "two roles": ({"dense": ["user"]}, r"dataset\.dense names 'user', and so does sparse"),
    "a label among the fields": ({"sparse": ["click"]}, r"dataset\.labels names 'click', and so does sparse"),
    "case": ({"dense": ["User"]}, r"dataset\.dense names 'User', and sparse 'user', different only in case"),
    "case of the time": ({"time": "User"}, r"dataset\.time names 'User', and sparse 'user', different"),
    "not a column": (
        {"columns": ["users", "click"]},
        r"dataset\.sparse names 'user', which is not in `columns` \(did you mean 'users'",
    ),
    "a blank that means 1": (
        {"labels": {"click": {"positive": ["NA"]}}, "blanks": "NA"},
        r"dataset\.labels\.click\.positive and blanks name 'NA'",
    ),
    "column twice": ({"columns": ["user", "click", "click"]}, r"dataset\.columns: name 'click' once"),
    "after": (
        {"labels": {"click": {}, "buy": {"after": "clik"}}},
        r"dataset\.labels\.buy\.after names 'clik', which is not a label \(did you mean 'click'",
    ),
    "positive numbers": (
        {"labels": {"a": {"kind": "regression", "positive": ["1"]}}},
        r"dataset\.labels\.a names texts of a label of 0 and 1",
    ),
    "user": ({"user": "usr"}, r"dataset\.user names 'usr', which is not in `sparse` \(did you mean 'user'"),
    "split by user": ({"split": "user"}, r"dataset\.split: user needs a column; name it by dataset\.user"),
    "split by time": ({"split": "time"}, r"dataset\.split: time needs a column; name it by dataset\.time"),
    "case of the weights": (
        {"weights": "User"},
        r"dataset\.weights names 'User', and sparse 'user', different",
    ),
    "weights that are no column": (
        {"columns": ["user", "click", "wt"], "weights": {"click": "w"}},
        r"dataset\.weights names 'w', which is not in `columns`",
    ),
    "separator": ({"separator": "::"}, r"dataset\.separator: .*given '::'"),
}


@pytest.mark.parametrize(("settings", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_settings_are_identity_their_key(settings, message):
    with pytest.raises(UsageError, match=message) as caught:
        table(**settings)
    assert caught.value.fix


def test_all_faults_come_at_once():
    with pytest.raises(UsageError) as caught:
        table(split="time", dense=["user"])
    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["dataset.dense", "dataset.split:"]


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("user,shop,clic\nu,s,1\n", "correct dataset.labels (the first line"),
        (
            "user,shop,click\n" + "u,s,2\nu,s,1\nu,s,3\n" * 9,
            "name the values that mean 1: dataset.labels.click.positive: ['2'] if 2 is one of them",
        ),
    ],
)
def test_remedies_are_in_the_settings(loaded, text, fix):
    with pytest.raises(DataError) as caught, loaded(table(labels=["click"]), {"clicks.csv": text}):
        pass
    assert str(caught.value.fix).startswith(fix)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"split": "random"}, "history needs a split by time or by user; set dataset.split: time"),
        ({"time": None, "split": "user"}, "history needs dataset.time; name the column"),
        (
            {"history": {"fields": ["itm"]}},
            "'past' shares 'itm', which is not a single-valued categorical field .did you mean 'item'",
        ),
        ({"history": {"outcomes": ["stars"]}}, "history.outcomes names 'stars', which is not a binary label"),
        ({"history": {"numbers": ["item"]}}, "has two columns 'item': name it once"),
    ],
)
def test_a_history_needs_a_user_a_time_and_a_split(changed, message):
    labels = {"click": None, "stars": {"kind": "regression"}}
    settings = {"sparse": ["user", "item"], "labels": labels, "user": "user", "time": "when", "split": "time"}
    table(**settings, history={})
    with pytest.raises(UsageError, match=message):
        table(**{**settings, "history": {}, **changed})
