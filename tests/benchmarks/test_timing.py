"""Steps that are timed are steps of training, in turns; results are kept as JSON."""

import json

import pytest
import torch

import end_to_end
from automtl_core.run_dir.progress import ENCODING_SEARCH, IMPORTANCE, PREPARATION
from step import PROBLEMS, mmoe, operations, space_of, training_step
from timing import in_ms, in_turns, report


def test_steps_are_taken_in_turns_after_one_that_warms_up():
    taken = []
    times = in_turns({name: lambda name=name: taken.append(name) for name in "ab"}, 2)
    assert "".join(taken) == "ababab"
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 2, "b": 2}


def test_results_are_kept_with_the_machine(tmp_path, capsys):
    report("some", "A title", [{"step": "one", **in_ms([0.002, 0.001, 0.004])}], str(tmp_path / "out"))
    told = json.loads((tmp_path / "out" / "some.json").read_text())
    assert told["rows"] == [{"step": "one", "median ms": 2.0, "min ms": 1.0}]
    assert told["machine"]["torch"] == torch.__version__
    assert "A title" in capsys.readouterr().out


UB = PROBLEMS[0]


def test_operations_are_three_times_those_of_a_prediction():
    step = training_step(mmoe(UB), [UB.batch(64)])
    per_row = space_of("mmoe", UB).cost(space_of("mmoe", UB).supernet().architecture()).flops_per_row
    assert operations(step) == pytest.approx(3 * 64 * per_row, rel=0.05)


def test_phases_add_up_to_the_whole(tmp_path):
    common = {"dataset": {"name": "synthetic", "rows": 2000}, "prepared_dir": str(tmp_path)}
    found = end_to_end.measured("mmoe", common, ["training.epochs=2", "training.min_positives=10"])
    assert list(found["phases"]) == ["start", PREPARATION, ENCODING_SEARCH, "train", IMPORTANCE, "test"]
    assert found["phases"]["train"]["epochs"] == 2
    assert found["phases"][PREPARATION]["resident MiB"] > 50
    assert 0.3 < found["validation"] < 1
    *phases, whole = end_to_end.rows_of("mmoe", 0, found, base=2.0)
    assert whole["seconds"] == sum(phase["seconds"] for phase in phases)
    assert whole["x MMoE"] == whole["seconds"] / 2
