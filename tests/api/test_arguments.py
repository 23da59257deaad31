"""Arguments of the Python interface are checked before any work, and remedies are in the words of Python."""

import traceback

import numpy as np
import pandas as pd
import pytest

import automtl
from automtl.interface import in_python

FRAME = pd.DataFrame({"user": np.arange(40) % 7, "click": np.arange(40) % 2})


def search(**given):
    automtl.search(given.pop("data", FRAME), given.pop("labels", ["click"]), **given)


def train(**given):
    automtl.train(FRAME, ["click"], **given)


def compare(**given):
    automtl.compare(given.pop("models"), FRAME, ["click"], **given)


WRONG = {
    "number as labels": (search, {"labels": 5}),
    "text as settings of a label": (search, {"labels": {"click": "regression"}}),
    "no folder": (search, {"runs_dir": None}),
    "text as settings": (search, {"settings": "a=1"}),
    "list as an engine": (train, {"engine": ["processes"]}),
    "one model": (compare, {"models": "mmoe"}),
    "labels of fitted models": (compare, {"models": [automtl.Model()]}),
    "a seed too few": (compare, {"models": ["mmoe"], "seeds": 0}),
    "number as progress": (train, {"progress": 5}),
    "NUL in a folder": (train, {"runs_dir": "a\0b"}),
    "a run of a long name": (automtl.load, {"run": "x" * 5000}),
    "data of another dataset": (train, {"settings": {"dataset": {"name": "synthetic"}}}),
    "number as data": (search, {"data": 5}),
    "columns of one name": (search, {"data": FRAME.assign(User=1)}),
    "label of another name": (search, {"labels": "clik"}),
    "texts as labels": (search, {"data": FRAME.assign(tags=["a", "b"] * 20), "labels": ["tags"]}),
    "no label": (search, {"data": FRAME[["user"]], "labels": []}),
    "a time of another name": (search, {"time": "ad"}),
    "a model of a strategy": (train, {"strategy": "random"}),
    "labels of other rows": (automtl.Model(["click"]).fit, {"train": FRAME, "y": [1]}),
    "labels of a dataset": (search, {"data": "synthetic"}),
}


def test_a_wrong_argument_is_named(golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTOMTL_PREPARED", raising=False)
    golden.errors("arguments.txt", lambda name: WRONG[name][0](**WRONG[name][1]), WRONG)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("fix", "expected"),
    [
        ("use --set features=ids", 'use settings={"features": "ids"}'),
        ("use --set training.epochs=20.", 'use settings={"training": {"epochs": 20}}.'),
        ("set it: --set space.width=VALUE", 'set it: settings={"space": {"width": VALUE}}'),
        ("leave such rows out: --max-bad-rows N", "leave such rows out: max_bad_rows=N"),
        ("--runs-dir is the folder; --time-budget", "runs_dir is the folder; time_budget"),
        ("set --seed, or automtl train --model A", "set seed, or automtl train --model A"),
    ],
)
def test_options_are_arguments(fix, expected):
    assert in_python(fix) == expected


def test_a_traceback_shows_the_remedy_once():
    with pytest.raises(automtl.AutoMTLError) as found:
        automtl.train(pd.DataFrame({"a": [1, 2], "click": [0, 1]}), ["klick"])
    shown = "".join(traceback.format_exception(found.value))
    assert shown.count("fix: ") == 1
    assert found.value.fix in shown


def test_a_row_of_a_frame_is_not_one_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"user": ["a", "b", "c"] * 20, "click": [0, 1, 0] * 20}).astype(object)
    frame.loc[4, "click"] = "maybe"
    with pytest.raises(
        automtl.AutoMTLError, match=r"^row 4 \(the first one is 0\): click: .*, found \"maybe\""
    ) as found:
        automtl.train(frame, ["click"], settings={"dataset": {"bad_rows": "fail"}})
    assert 'settings={"dataset": {"bad_rows": "skip"}}' in found.value.fix
    assert "--" not in found.value.fix
