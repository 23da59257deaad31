"""An exported folder predicts as the network, without automtl, torch or pandas where it is ONNX."""

import json
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from automtl_core.errors import ArtifactError, RunExistsError, UsageError
from automtl_core.export import folder as exported
from automtl_core.export.folder import export
from automtl_core.run_dir.run import Run
from automtl_core.training.learner import Learner
from automtl_core.workflow.trained import predictions

CARD = "# found\n"
ALONE = """
import runpy, sys
for name in ("torch", "pandas", "scipy", "automtl_core", "automtl_desan"):
    sys.modules[name] = None  # which ends an import
sys.path.insert(0, sys.argv[1])
runpy.run_path(sys.argv[1] + "/example.py", run_name="__main__")
"""


@pytest.fixture(scope="module")
def made(finished):
    line, run = finished
    with line.trained(run, {}) as (trained, _):
        return run, trained


@pytest.mark.needs_extra("onnx")
def test_the_example_predicts_as_the_network_where_nothing_else_is_installed(made, tmp_path):
    run, trained = made
    told = export(run, trained, "onnx", tmp_path / "out", CARD)
    assert (told.rows, told.real) == (100, True)
    assert told.largest_difference < 1e-6
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "README.md", "architecture.json", "encode.py", "encoder", "example.py", "examples.json", "model.onnx",
    }  # fmt: skip
    assert len((tmp_path / "out" / "example.py").read_text().splitlines()) <= 30
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path / "out")], capture_output=True, text=True, check=True
    )
    examples = json.loads((tmp_path / "out" / "examples.json").read_text())
    expected = predictions(trained.tasks, trained.predict_logits(trained.encoder.encode(examples)))
    found = [json.loads(line.replace("'", '"')) for line in done.stdout.splitlines()]
    assert [list(row) for row in found] == [[task.name for task in trained.tasks]] * 3
    assert np.allclose([[*row.values()] for row in found], expected, atol=2e-4)


def test_torch_predicts_too_where_the_data_of_the_run_is_gone(made, tmp_path, monkeypatch, capsys):
    run, trained = made
    assert exported.ROWS == 10_000
    monkeypatch.setattr(exported, "ROWS", 1000)
    moved = Run.open(shutil.copytree(run.path, tmp_path / "moved"))
    config = (moved.path / "config.yaml").read_text()
    (moved.path / "config.yaml").write_text(config.replace("/prepared\n", "/gone\n"))
    told = export(moved, trained, "torch", tmp_path / "out", CARD)
    assert (told.rows, told.real) == (1000, False)
    assert told.largest_difference < 1e-6
    readme = (tmp_path / "out" / "README.md").read_text()
    assert readme.startswith(f"{CARD}\n## Graph\n")
    assert readme.endswith(" on 1,000 random rows.\n")
    monkeypatch.syspath_prepend(tmp_path / "out")
    monkeypatch.delitem(sys.modules, "encode", raising=False)
    runpy.run_path(str(tmp_path / "out" / "example.py"), run_name="__main__")
    assert sys.modules.pop("encode").__file__ == str(tmp_path / "out" / "encode.py")
    assert len(capsys.readouterr().out.splitlines()) == 3


class Mean(Learner):
    """Has no graph."""

    def learn(self, data, seed, going_on):
        pass


def test_a_model_that_is_no_network_is_refused(made, tmp_path):
    run, trained = made
    with pytest.raises(UsageError, match="desan is not a network") as error:
        export(run, replace(trained, network=Mean()), "torch", tmp_path / "out", CARD)
    assert f"automtl predict {run.path}" in error.value.fix
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_stays_as_it_is(made, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(RunExistsError):
        export(*made, "torch", tmp_path / "out", CARD)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine"]


def test_a_graph_that_says_something_else_is_refused(made, tmp_path, monkeypatch):
    monkeypatch.setattr(exported, "CLOSE", 0.0)
    monkeypatch.setattr(exported, "predictions", lambda tasks, said: np.zeros_like(said))
    with pytest.raises(ArtifactError, match="differs from the network by 0"):
        export(*made, "torch", tmp_path / "out", CARD)
    assert not (tmp_path / "out").exists()
