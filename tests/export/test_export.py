"""Every network becomes a graph that predicts the same, and an exported folder needs nothing else."""

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
from torch import nn

import automtl_core
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import ArtifactError, PluginError, RunExistsError, UsageError
from automtl_core.modules.network import Ensemble
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.settings.settings import Component
from automtl_core.system import seeds
from automtl_core.training.batches import take
from automtl_core.training.calibration import Platt
from automtl_core.training.learner import Learner
from automtl_core.workflow.trained import predictions
from automtl_export import folder as exported
from automtl_export.encoder import exported as encoder_of
from automtl_export.exporter import Exporter, graph, inputs
from automtl_export.folder import export
from automtl_export.formats import Onnx, Torch
from automtl_testing.contracts import SCHEMAS
from automtl_testing.samples import sample_architectures, sample_part, sample_schema


def test_the_source_of_load_is_a_function_of_a_file():
    for form, library in ((Torch, "import torch"), (Onnx, "import onnxruntime")):
        assert form.source().startswith("def load(folder: Path) -> Predict:\n")
        assert library in form.source()
    names = {"Exporter": Exporter, "__name__": "elsewhere"}
    exec("class Mine(Exporter):\n    @staticmethod\n    def load(folder):\n        pass", names)  # noqa: S102
    with pytest.raises(PluginError, match=r"source of Mine\.load is not available"):
        names["Mine"].source()


REGISTRY = load_registry()
BINARY = ("esmm", "aitm")
"""Spaces that take binary labels alone."""
LEARNER = "boosting"
"""No network: its graph is tested with its trees."""


def network_of(name, schema, **settings):
    if name == "average":
        settings = {"models": [{"name": "mmoe", **settings}, {"name": "ple", **settings}]}
    space = REGISTRY.space(Component.model_validate({"name": name, **settings}), schema)
    seeds.seed_torch(0, "network")
    network = space.network(next(iter(sample_architectures(space, 1, 0))))
    with torch.no_grad():
        for number, buffer in enumerate(b for b in network.buffers() if b.is_floating_point()):
            buffer += 0.1 * (number + 1)  # statistics of a trained network
    return network.eval()


def said(network, schema, part):
    with torch.no_grad():
        batch = take(part, np.arange(len(part)), torch.device("cpu"))
        logits = network(batch.features).double().numpy()
    return predictions(schema.tasks, logits)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *((name, {}) for name in REGISTRY.names(SPACES) if name != LEARNER),
        *((name, {"members": 3}) for name in ("mmoe", "stem")),
    ],
)
def test_the_graph_predicts_as_the_network_for_any_number_of_examples(name, settings):
    schema = sample_schema(regression=name not in BINARY)
    network = network_of(name, schema, **settings)
    traced = graph(network, schema, sample_part(schema, 32, 0)).program.module()
    for rows in (1, 2, 50):
        part = sample_part(schema, rows, 1)
        found = traced(*inputs(part, schema).values()).detach().numpy()
        assert found == pytest.approx(said(network, schema, part), abs=2e-6)


@pytest.mark.parametrize("form", [Torch, pytest.param(Onnx, marks=pytest.mark.needs_extra("onnx"))])
def test_a_regression_keeps_its_digits_beside_a_large_mean(form, tmp_path):
    whole = sample_schema()
    price = Task("price", kind="regression", mean=1e9, deviation=0.25)
    schema = replace(whole, tasks=(whole.tasks[0], price))
    network = network_of("mmoe", schema)
    part = sample_part(schema, 50, 1)
    form.write(graph(network, schema, sample_part(schema, 32, 0)), tmp_path)
    found = form.load(tmp_path)({name: value.numpy() for name, value in inputs(part, schema).items()})
    assert found.dtype == np.float64
    assert (found - said(network, schema, part)) / [1, 0.25] == pytest.approx(0, abs=2e-6)


@pytest.mark.parametrize("kind", SCHEMAS)
@pytest.mark.needs_extra("onnx")
def test_onnx_predicts_as_the_network(kind, tmp_path):
    schema = SCHEMAS[kind]()
    network = network_of("desan", schema, experts=2, expert_width=8, ops=("identity", "mlp-8"))
    Onnx.write(graph(network, schema, sample_part(schema, 32, 0)), tmp_path)
    assert b".py" not in (tmp_path / "model.onnx").read_bytes(), "it holds places in source code"
    predict = Onnx.load(tmp_path)
    for rows in (1, 50):
        part = sample_part(schema, rows, 1)
        found = predict({name: value.numpy() for name, value in inputs(part, schema).items()})
        assert found == pytest.approx(said(network, schema, part), abs=2e-6)


class Fixed(nn.Module):
    """Computes for as many examples as it was traced with."""

    def forward(self, features):
        return torch.zeros(len(features.ids), 1) + features.ids[:, :1]


def test_a_network_of_a_fixed_number_of_examples_is_refused():
    schema = Schema((SparseField("user", 5),), (), (Task("click"),))
    with pytest.raises(PluginError, match="cannot be exported"):
        _ = graph(Fixed(), schema, sample_part(schema, 32, 0)).program


class First(nn.Module):
    """Predicts the first number."""

    def forward(self, features):
        return features.dense[:, :1]


class Learned(Learner):
    """The same, outside of torch."""

    def learn(self, data, seed, going_on):
        pass

    def forward(self, features):
        return torch.from_numpy(features.dense[:, :1].numpy())

    def traceable(self):
        return First()


def filled(module, given):
    (features,) = given
    return (features._replace(dense=features.dense.nan_to_num(3.0)),)


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: Ensemble([one, First()])])
def test_a_learner_is_in_the_graph_by_its_traceable_form(wrap):
    schema = Schema((), (DenseField("size"),), (Task("click"),))
    learner = Learned()
    learner.register_forward_pre_hook(filled)
    network = wrap(learner)
    module = graph(network, schema, sample_part(schema, 32, 0), None).program.module()
    part = sample_part(schema, 5, 1, missing=0.0)
    assert np.array_equal(module(*inputs(part, schema).values()), part.dense)
    part.dense[0] = np.nan
    if network is learner:
        assert module(*inputs(part, schema).values())[0] == 3
    assert learner in network.modules(), "the network is as before"


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
