"""An exported folder predicts as the network, without automtl, torch or pandas where it is ONNX."""

import json
import runpy
import shutil
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import logit

import automtl_core
from automtl_core.errors import ArtifactError, RunExistsError, UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.training.calibration import Platt
from automtl_core.training.learner import Learner
from automtl_core.workflow.trained import predictions
from automtl_export import folder as exported
from automtl_export.encoder import exported as encoder_of
from automtl_export.folder import export

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
    return run, line.trained(run)


def check_no_place(folder):
    """Check that no file holds paths or source lines of this machine."""
    roots = [str(Path(module.__file__).parents[1]) for module in (automtl_core, torch)]
    places = [*roots, "self.network(", "torch.onnx.fx_node", "ExportedProgram.graph_signature"]
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert [place for place in places if place.encode() in path.read_bytes()] == [], path.name


@pytest.mark.needs_extra("onnx")
def test_the_example_predicts_as_the_network_where_nothing_else_is_installed(made, tmp_path):
    run, trained = made
    told = export(run, trained, "onnx", tmp_path / "out", CARD, load_registry())
    check_no_place(tmp_path / "out")
    assert (told.rows, told.real) == (100, True)
    assert told.largest_difference < 1e-6
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "LICENSE", "README.md", "architecture.json", "encode.py", "encoder", "example.py", "examples.json",
        "model.onnx", "scores.json",
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
    told = export(moved, trained, "torch", tmp_path / "out", CARD, load_registry())
    check_no_place(tmp_path / "out")
    assert (told.rows, told.real) == (1000, False)
    assert told.largest_difference < 1e-6
    readme = (tmp_path / "out" / "README.md").read_text()
    assert readme.startswith(f"{CARD}\n## Graph\n")
    assert " on 1,000 random rows.\n" in readme
    monkeypatch.syspath_prepend(tmp_path / "out")
    monkeypatch.delitem(sys.modules, "encode", raising=False)
    runpy.run_path(str(tmp_path / "out" / "example.py"), run_name="__main__")
    assert sys.modules.pop("encode").__file__ == str(tmp_path / "out" / "encode.py")
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_columns_that_the_network_does_not_read_may_be_left_out(made, tmp_path):
    run, trained = made
    blind = deepcopy(trained.network)
    number = trained.encoder.schema.dense[0].name
    columns = trained.encoder.fields[number].reads(number)

    def hide(module, inputs):
        (features,) = inputs
        return (features._replace(dense=torch.full_like(features.dense, torch.nan)),)

    blind.register_forward_pre_hook(hide)
    unread = list(columns)
    export(
        run, replace(trained, network=blind, unread=unread), "torch", tmp_path / "out", CARD, load_registry()
    )
    examples = json.loads((tmp_path / "out" / "examples.json").read_text())
    assert not {*unread} & {*examples}
    encoder = encoder_of(tmp_path / "out" / "encode.py", tmp_path / "out" / "encoder")
    assert np.isnan(encoder(examples)["dense"][:, 0]).all()


def test_calibration_and_products_are_in_the_graph(made, tmp_path):
    run, trained = made
    schema = trained.encoder.schema
    first, second, *others = schema.tasks
    tasks = (first, replace(second, given=first.name), *others)
    encoder = replace(trained.encoder, schema=replace(schema, tasks=tasks))
    scaling = {first.name: Platt(1.5, -0.5, 100, 1.0, 0.9)}
    one = replace(trained, encoder=encoder, scaling=scaling)
    assert export(run, one, "torch", tmp_path / "out", CARD, load_registry()).largest_difference < 1e-6
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    product = f"{first.name}_and_{second.name}"
    assert [score["name"] for score in scores][:3] == [
        first.name,
        f"{second.name}_given_{first.name}",
        product,
    ]
    part, _ = exported._rows(run, encoder)
    found = one.predict_scores(part)
    assert np.allclose(found[:, 2], found[:, 0] * found[:, 1])
    assert np.allclose(logit(found[:, 0]), 1.5 * trained.predict_logits(part)[:, 0] - 0.5, atol=1e-5)


class Mean(Learner):
    """Has no graph."""

    def learn(self, data, seed, going_on):
        pass


def test_a_model_that_is_no_network_is_refused(made, tmp_path):
    run, trained = made
    with pytest.raises(UsageError, match="Mean is not a network, and has no graph to export"):
        export(run, replace(trained, network=Mean()), "torch", tmp_path / "out", CARD, load_registry())
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_stays_as_it_is(made, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(RunExistsError, match="out: exists already"):
        export(*made, "torch", tmp_path / "out", CARD, load_registry())
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine"]


OFF = """
import torch
from automtl_core import hookimpl
from automtl_export.exporter import Exporter

class Off(Exporter):
    @classmethod
    def write(cls, graph, folder):
        Off.network = graph.network

    @staticmethod
    def load(folder):
        return lambda rows: Off.network(*map(torch.from_numpy, rows.values())).detach().numpy() + {gap}

@hookimpl
def automtl_register_exporters():
    return {{"off": Off}}
"""


@pytest.mark.parametrize(("gap", "told"), [(5e-6, None), (2e-5, "2e-05"), (-3e-4, "0.0003")])
def test_a_graph_whose_predictions_differ_by_more_than_a_hundred_thousandth_is_refused(
    made, install, tmp_path, gap, told
):
    install(OFF.format(gap=gap), "off")
    registry = load_registry()
    if told is None:
        found = export(*made, "off", tmp_path / "out", CARD, registry)
        assert found.largest_difference == pytest.approx(gap, rel=0.2)
        return
    with pytest.raises(ArtifactError, match=f"the exported graph differs from the network by {told}"):
        export(*made, "off", tmp_path / "out", CARD, registry)
    assert not (tmp_path / "out").exists()
