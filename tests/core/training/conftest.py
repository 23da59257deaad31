"""Small problems to fit."""

import pytest

from automtl_baselines.mlps import SingleTask
from automtl_baselines.parts import Sizes
from automtl_core.registry.plugins import load_registry
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.samples import plain_schema, sample_problem, sample_schema

SETTINGS = DESANSettings(embedding_dim=4, experts=2, layers=1, expert_width=8, ops=("mlp-16",))


@pytest.fixture
def problem():
    return sample_problem(DESAN(plain_schema(), SETTINGS, load_registry().op), epochs=10)


@pytest.fixture
def mixed():
    """Return a problem with a regression between two binary tasks, and a third of all labels missing."""
    space = DESAN(sample_schema(multi=False), SETTINGS, load_registry().op)
    return sample_problem(space, rows=1000, epochs=10, missing=1 / 3)


@pytest.fixture
def separate():
    """Return a problem for networks whose tasks share nothing."""
    settings = Sizes(embedding_dim=4, expert_layers=(8,), tower_layers=(4,), dropout=0.0)
    return sample_problem(SingleTask(plain_schema(), settings, load_registry().op), epochs=10)
