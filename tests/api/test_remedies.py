"""Remedies in the words of Python."""

import traceback

import numpy as np
import pandas as pd
import pytest

import automtl
from automtl.interface import in_python


@pytest.mark.parametrize(
    ("fix", "expected"),
    [
        ("use --set features=ids", 'use settings={"features": "ids"}'),
        ("use --set dataset.split=time, or", 'use settings={"dataset": {"split": "time"}}, or'),
        ("use --set training.epochs=20.", 'use settings={"training": {"epochs": 20}}.'),
        ("set it: --set space.width=VALUE", 'set it: settings={"space": {"width": VALUE}}'),
        ("leave such rows out: --bad-rows skip", 'leave such rows out: bad_rows="skip"'),
        ("--name 'a/b' is not a plain name", "name 'a/b' is not a plain name"),
        ("--runs-dir is the folder; --time-budget-like", "runs_dir is the folder; --time-budget-like"),
        ("set --seed, or automtl train --model A", "set seed, or automtl train --model A"),
        ("use another name", "use another name"),
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
        automtl.train(frame, ["click"])
    assert 'settings={"dataset": {"bad_rows": "skip"}}' in found.value.fix
    assert "--" not in found.value.fix


def test_a_temporary_copy_of_a_table_is_not_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"user": [1, 2] * 150, "click": [0, 1, 1] * 100})
    run = automtl.train(
        frame, ["click"], settings={"training": {"epochs": 1, "min_positives": 1}, "features": "ids"}
    )
    with pytest.raises(automtl.AutoMTLError, match=r"^the data frame: lacks 'user'"):
        run.predict(np.zeros((3, 2)))
