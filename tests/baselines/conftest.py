"""Models so small that their numbers can be worked out by hand."""

from collections.abc import Mapping

import pytest
import torch
from torch import nn

from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.modules.features import Features
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry

REGISTRY = load_registry()


@pytest.fixture
def space():
    """Return a space by its name: one field, tasks like `click` and `buy<click`, widths of 1, no dropout."""

    def make(name, tasks=("a", "b"), **sizes):
        cls = REGISTRY.get(SPACES, name)
        pairs = [task.partition("<") for task in tasks]
        schema = Schema(
            (SparseField("field", 5),), (), tuple(Task(name, after or None) for name, _, after in pairs)
        )
        tiny = {"embedding_dim": 1, "expert_layers": (1,), "tower_layers": (), "dropout": 0.0}
        return cls(schema, cls.settings_class.parse({**tiny, **sizes}, "space"), REGISTRY.op)

    return make


@pytest.fixture
def network(space):
    """Return a model in float64 for evaluation: these weights or one for all, biases of 0, x = id."""

    def make(name, weights, **change):
        made = space(name, **change).supernet().network.double().eval()
        for path, module in made.named_modules():
            if isinstance(module, nn.BatchNorm1d):
                module.eps = 0.0
            if isinstance(module, nn.Linear) and module.bias is not None:
                module.bias.data.zero_()
            if isinstance(module, nn.Embedding):
                module.weight.data.copy_(torch.arange(len(module.weight))[:, None])
            elif isinstance(module, nn.Linear):
                weight = weights[path] if isinstance(weights, Mapping) else weights
                module.weight.data.copy_(torch.tensor(weight))
        return made

    return make


def features_of(*ids):
    """Return the features of examples with these ids of one field."""
    return Features(torch.tensor(ids)[:, None], torch.zeros(len(ids), 0))


@pytest.fixture
def logits():
    """Return what a model says of these ids."""

    def call(model, *ids):
        return model(features_of(*ids)).tolist()

    return call


@pytest.fixture
def moved():
    """Return the names of all parameters that get a gradient from the logits of one task, by its column."""

    def names(model, task):
        model.zero_grad()
        model(features_of(1, 2, 3))[:, task].sum().backward()
        return {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}

    return names
