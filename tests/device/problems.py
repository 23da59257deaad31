"""Small problems for the device and for the CPU, with equal initial weights and no dropout."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from automtl_core.data.fitting import bin_edges
from automtl_core.dataset.encodings import plain
from automtl_core.registry.kinds import BALANCERS, HISTORY_ENCODERS, SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.training.fit import Fit
from automtl_testing.samples import plain_schema, sample_problem, sample_schema

REGISTRY = load_registry()
LEARNERS = ["boosting"]
"""Spaces whose models train themselves, on the CPU."""
SMALL: Mapping[str, Mapping[str, Any]] = {
    "desan": {
        "embedding_dim": 4, "experts": 2, "blocks": 1, "expert_width": 8, "tower_width": 8,
        "ops": ["identity", "mlp-4"],
    },
}  # fmt: skip
BY_HAND = {"embedding_dim": 4, "expert_layers": [8], "tower_layers": [4]}
ENCODINGS = {
    "aggregates": ("user", ("item", "tab")), "numbers": "bins",
    "history": ("matches", "last-2", *REGISTRY.names(HISTORY_ENCODERS)),
}  # fmt: skip
PLAIN = plain_schema()


EVERYTHING = sample_schema(histories=True).encoded(plain().with_answers(**ENCODINGS))
"""Fields of all kinds, histories, a regression, and all encodings."""


def problem(name, schema, compute, balancer=None, **recipe):
    """Return a problem for a space, with the bin edges of its rows."""
    cls = REGISTRY.get(SPACES, name)
    sizes = {**SMALL.get(name, BY_HAND), "dropout": 0.0}
    space = cls(schema, cls.settings_class.parse(sizes, "space"), REGISTRY.op, REGISTRY.history_encoder)
    made = sample_problem(space, rows=96, epochs=2)
    space.edges = bin_edges(made.data.train, schema)
    settings = made.recipe.model_copy(update={"batch_size": 32, **recipe})
    if balancer is not None:
        settings = type(settings).parse({**settings.model_dump(), "balancer": {"name": balancer}})
        settings = settings.knowing(REGISTRY.get(BALANCERS, balancer))
    return replace(made, recipe=settings, compute=compute)


def fit_of(made):
    """Return a training, whose initial weights depend on nothing but the space."""
    torch.default_generator.manual_seed(0)
    network = made.space.network(made.space.supernet().architecture())
    return Fit(network, made.data, made.recipe, made.seed, made.compute)
