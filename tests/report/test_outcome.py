"""How the outcomes of commands are shown."""

from dataclasses import replace
from pathlib import Path

from automtl_core.workflow import new_rows
from automtl_core.workflow.evaluation import Evaluation
from automtl_report import outcome
from automtl_report.outcome import listed, side_by_side
from automtl_report.plain import cell
from automtl_report.run_list import Summary
from automtl_testing.samples import binary_metrics

CLICK = binary_metrics(0.71, 0.5, 1200, 4000)


def texts(section):
    return [block.text for block in section.blocks[1:]]


def test_an_evaluation_says_whether_it_repeats():
    found = Evaluation(Path("runs/a"), {"click": CLICK}, {}, True, 1, ())
    assert texts(outcome.evaluation(found)) == ["The metrics are exactly those that the run recorded"]
    assert texts(outcome.evaluation(replace(found, repeats=False))) == []


def test_rows_that_are_left_out_are_counted():
    found = new_rows.Tested(Path("runs/a"), {"click": CLICK}, 4000, ("line 3", "line 9"), 2, 1)
    skipped = ["skipped: line 3", "skipped: line 9"]
    assert texts(outcome.tested(found)) == ["4,000 rows; 2 faulty rows skipped", *skipped]
    scores = {"click": "probability of click", "like": "probability of like"}
    written = outcome.predicted(new_rows.Predicted("runs/a", "out.csv", 12, 0, (), ("click", "like"), scores))
    assert [block.text for block in written.blocks] == ["out.csv: 12 rows of click, like"]


DONE = Summary("runs/one", "done", "synthetic", "f1", "mmoe", 3, 0.75, 0.76, {"click": 0.75}, 12_345, 8.4)
STOPPED = Summary("runs/two", "stopped", "synthetic", "f2", "desan:random", 0)


def test_runs_in_a_folder_and_how_to_resume_them():
    damaged = Summary("runs/three", "damaged", note="config.yaml: cannot be read")
    grid, *notes = listed(Path("runs"), [DONE, STOPPED, damaged]).blocks
    assert " ".join(map(cell, grid.rows[0])) == "one synthetic mmoe 3 0.7600 0.7500 12,345 8 s done"
    assert grid.rows[1][4:] == [None, None, None, None, "stopped"]
    assert [note.text for note in notes] == [
        "two: resume by automtl search --resume runs/two",
        "three: config.yaml: cannot be read",
    ]
    assert listed(Path("nowhere"), []).blocks[0].text == "nowhere: no runs"


def test_runs_side_by_side():
    grid, note = side_by_side([DONE, STOPPED], "a note").blocks
    assert grid.header == ["run", "click", "mean score", "FLOPs per row", "time"]
    assert grid.rows == [["runs/one", 0.75, 0.75, 12_345, "8 s"], ["runs/two", None, None, None, None]]
    assert note.text == "a note"
