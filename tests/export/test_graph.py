"""Every network becomes a graph that predicts the same; the contract of formats."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import PluginError
from automtl_core.modules.network import Ensemble
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.settings.settings import Component
from automtl_core.system import seeds
from automtl_core.training.batches import take
from automtl_core.training.learner import Learner
from automtl_core.workflow.trained import predictions
from automtl_export.exporter import Exporter, graph, inputs
from automtl_export.formats import Onnx, Torch
from automtl_testing.samples import plain_schema, sample_architectures, sample_part, sample_schema


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


@pytest.mark.parametrize("schema", [sample_schema(), plain_schema(0)], ids=["bags", "ids alone"])
@pytest.mark.needs_extra("onnx")
def test_onnx_predicts_as_the_network(schema, tmp_path):
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
