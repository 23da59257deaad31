"""Reports and drawings from the command line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Automtl = Callable[..., Any]


def test_a_report_is_written_into_the_run_or_elsewhere(automtl: Automtl, finished: Path, here: Path) -> None:
    shutil.copytree(finished, here, dirs_exist_ok=True)
    ended = automtl("report", "runs/done")
    assert (ended.code, ended.out) == (0, "report: runs/done/report.html\n")
    text = Path("runs/done/report.html").read_text()
    assert "<title>done: desan on synthetic</title>" in text
    assert automtl("report", "runs/done", "--out", "new/other.html", "--json").json() == {
        "report": "new/other.html"
    }
    assert Path("new/other.html").read_text() == text


def test_a_drawing_has_the_parts_of_the_architecture(automtl: Automtl, finished: Path, here: Path) -> None:
    shutil.copytree(finished, here, dirs_exist_ok=True)
    (drawing,) = automtl("show", "runs/done", "--format", "json").json()
    shown = json.loads(automtl("show", "runs/done", "--json").out)
    reads, sees = shown["sharing"]["reads"], shown["sharing"]["sees"]
    edges = [edge for edge in drawing["edges"] if not edge["pruned"]]
    of_wide = len(sees.get("network", ())) + 4 * ("network" in sees)
    expected = sum(map(len, reads.values())) + sum(len(s) for part, s in sees.items() if part != "network")
    assert len(edges) == expected + of_wide
    experts = {node["name"] for node in drawing["nodes"] if node["kind"] == "expert" and not node["pruned"]}
    assert experts == {part for part in {**reads, **sees} if part.startswith("layer")}
    assert automtl("show", "runs/done", "--format", "svg").out.startswith("<svg ")


def test_an_architecture_file_is_drawn_without_weights(automtl: Automtl, finished: Path, here: Path) -> None:
    shutil.copy(finished / "runs/done/architecture.json", here)
    (drawing,) = automtl("show", "architecture.json", "--format", "json").json()
    assert {edge["weight"] for edge in drawing["edges"]} == {None}


def test_faults_are_named_with_a_remedy(automtl: Automtl, finished: Path, here: Path) -> None:
    shutil.copytree(finished, here, dirs_exist_ok=True)
    wrong = automtl("show", "runs/done", "--format", "svgg")
    assert wrong.code == 2
    assert "did you mean 'svg'?" in wrong.err
    missing = automtl("report", "nowhere")
    assert missing.code == 66
    assert "nowhere: not a run directory" in missing.err
    Path("runs/done/result.json").unlink()
    unfinished = automtl("report", "runs/done")
    assert unfinished.code == 65
    assert not Path("runs/done/report.html").exists()
