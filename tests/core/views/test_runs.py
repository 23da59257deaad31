"""Lists of runs."""

from pathlib import Path

from automtl_core.run_dir.run_list import Summary
from automtl_core.views.plain import cell
from automtl_core.views.runs import compared, listed

DONE = Summary("runs/one", "done", "synthetic", "f1", "mmoe", 3, 0.75, 0.76, {"click": 0.75}, 12_345, 8.4)
STOPPED = Summary("runs/two", "stopped", "synthetic", "f2", "desan:random", 0)


def test_runs_in_a_folder_and_how_to_resume_them():
    damaged = Summary("runs/three", "damaged", note="config.yaml: cannot be read")
    grid, *notes = listed(Path("runs"), [DONE, STOPPED, damaged]).blocks
    assert list(map(cell, grid.rows[0])) == [
        "one",
        "synthetic",
        "mmoe",
        "3",
        "0.7600",
        "0.7500",
        "12",
        "8",
        "done",
    ]
    assert grid.rows[1][4:] == [None, None, None, None, "stopped"]
    assert [note.text for note in notes] == [
        "two: resume by automtl search --resume runs/two",
        "three: config.yaml: cannot be read",
    ]
    assert listed(Path("nowhere"), []).blocks[0].text == "nowhere: no runs"


def test_runs_side_by_side():
    grid, *notes = compared([DONE, STOPPED]).blocks
    assert grid.header == ["run", "click", "mean AUC", "kFLOPs per row", "seconds"]
    assert grid.rows == [["runs/one", 0.75, 0.75, "12", "8"], ["runs/two", None, None, None, None]]
    assert "not comparable" in notes[0].text
    assert notes[1].text == "with confidence intervals: automtl compare --models runs/one,runs/two"
    assert len(compared([DONE]).blocks) == 1
