"""Every strategy finds an answer that is right by construction, and takes tasks without labels."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from automtl_core.data.part import Part
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.registry.plugins import load_registry
from automtl_core.settings.settings import Settings
from automtl_core.space import SearchSpace
from automtl_core.training.events import EventHandler
from automtl_core.training.learner import TrainingData
from automtl_core.training.recipe import Recipe
from automtl_testing.samples import sample_problem

REGISTRY = load_registry()
BLOCKS = 3
SOURCES = ("help", "harm")
FIELDS = (*(f"signal{k}" for k in range(BLOCKS)), "noise", *SOURCES)
ANSWER = {"block0": "signal", "block1": "signal", "block2": "signal", "sources": ("help",)}
"""The only architecture of 108 that reads all that matters and nothing that does harm."""


class Reads(nn.Module):
    """A candidate op: a weight for one of the columns."""

    def __init__(self, column):
        super().__init__()
        self.column = column
        self.weight = nn.Parameter(torch.tensor(0.1))

    def forward(self, x):  # [B, M] -> [B, 1]
        return self.weight * x[:, [self.column]]


class Nothing(nn.Module):
    """A candidate op: zero."""

    def forward(self, x):  # [B, M] -> [B, 1]
        return x.new_zeros(len(x), 1)


class Sum(nn.Module):
    """bias + sum of the blocks + sum of the open sources as they are, with no weight to silence one."""

    def __init__(self, blocks, gate):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.gate = gate
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, features):  # -> [B, 1]
        sources = features.dense[:, -len(SOURCES) :][:, self.gate.kept]
        return (
            self.bias
            + sum(block(features.dense) for block in self.blocks)
            + self.gate(sources, 1).sum(1, True)
        )


class Planted(SearchSpace):
    """Which of three ops each block is, and which sources are added."""

    def build(self, choose):
        noise = FIELDS.index("noise")
        blocks = [
            choose.one_of(
                f"block{k}", {"zero": Nothing, "noise": partial(Reads, noise), "signal": partial(Reads, k)}
            )
            for k in range(BLOCKS)
        ]
        return Sum(blocks, choose.any_of("sources", SOURCES))


def part(rows, seed):
    random = np.random.default_rng(seed)
    dense = random.standard_normal((rows, len(FIELDS))).astype(np.float32)
    columns = dict(zip(FIELDS, dense.T, strict=True))
    logit = columns["help"] + sum(columns[f"signal{k}"] for k in range(BLOCKS))
    labels = (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    return Part(np.zeros((rows, 1), np.int32), dense, labels[:, None])


def planted(seed=0):
    schema = Schema((SparseField("user", 2),), tuple(map(DenseField, FIELDS)), (Task("click"),))
    problem = sample_problem(Planted(schema, Settings(), REGISTRY.op), seed=seed)
    recipe = Recipe(learning_rate=0.02, batch_size=100, epochs=2)
    return replace(problem, recipe=recipe, data=TrainingData(part(4000, 1), part(2000, 2), schema.tasks))


SEARCHES = [
    ("pd-darts", {"epochs": 4, "rung_epochs": 1}),
    ("pd-darts-entropy", {"learning_rate": 0.02, "fix_per_epoch": 1, "warmup_epochs": 1}),
    ("darts", {"learning_rate": 0.02, "epochs": 4}),
]


@pytest.mark.parametrize(("name", "settings"), SEARCHES)
def test_a_search_finds_the_answer(name, settings):
    cls = REGISTRY.get(STRATEGIES, name)
    found = cls(cls.settings_class(**settings), planted()).search(EventHandler())
    assert found.architecture.decisions == ANSWER
