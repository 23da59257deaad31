"""Times in turns, and results as JSON."""

import json

import torch

from timing import in_ms, in_turns, report


def test_steps_are_taken_in_turns_after_one_that_warms_up():
    taken: list[str] = []
    times = in_turns({name: lambda name=name: taken.append(name) for name in "ab"}, 2)
    assert "".join(taken) == "ababab"
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 2, "b": 2}


def test_results_are_kept_with_the_machine(tmp_path, capsys):
    report("some", "A title", [{"step": "one", **in_ms([0.002, 0.001, 0.004])}], str(tmp_path / "out"))
    told = json.loads((tmp_path / "out" / "some.json").read_text())
    assert told["rows"] == [{"step": "one", "median ms": 2.0, "min ms": 1.0}]
    assert told["machine"]["torch"] == torch.__version__
    assert "A title" in capsys.readouterr().out


def test_nothing_is_kept_where_no_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report("some", "A title", [{"step": None}], "")
    assert not list(tmp_path.iterdir())
