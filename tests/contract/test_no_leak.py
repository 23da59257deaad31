"""Statistics tell networks of other rows' labels, and never of a row's own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl_baselines.mlps import SharedBottom, SharedBottomSettings
from automtl_core.choices import Architecture
from automtl_core.data.fitting import fitted
from automtl_core.data.part import Part
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.registry.plugins import load_registry
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit, TrainingData
from automtl_core.training.recipe import Recipe

REGISTRY = load_registry()
RECIPE = Recipe(batch_size=512, epochs=6, patience=6, learning_rate=0.005, embedding_decay=0.1)
VALUES, ROWS, LOOKED = 1500, 6000, 4000


def rows(count, random, effect, unique):
    """Return rows of four values a user, of whom nothing is to be known, and of a kind that acts."""
    ids = np.stack([random.integers(1, VALUES, count), random.integers(1, 9, count)], axis=1)
    if unique:
        ids[:, 0] = np.arange(1, count + 1)
    logits = effect * np.linspace(-1, 1, 9)[ids[:, 1]]
    labels = (random.random(count) < 1 / (1 + np.exp(-logits)))[:, None]
    return Part(ids.astype(np.int32), np.zeros((count, 0), np.float32), labels.astype(np.float32))


def auc(effect=0.0, unique=False, folds=True, statistics="folds", users=True):
    """Return the validation AUC of a network."""
    random = np.random.default_rng(0)
    train, validation = rows(ROWS, random, effect, unique), rows(LOOKED, random, effect, False)
    size = ROWS + 1 if unique else VALUES
    if not users:
        train.ids[:, 0] = validation.ids[:, 0] = 0
    schema = Schema((SparseField("user", size), SparseField("kind", 9)), (), (Task("click"),))
    schema = schema.encoded(
        plain().with_answers(statistics=statistics, wide=True, crosses=(("user", "kind"),))
    )
    times = np.arange(ROWS, dtype=np.int32)
    found_folds, found = fitted(train, schema, times)
    torch.manual_seed(0)
    layers = SharedBottomSettings(expert_layers=(128, 64), tower_layers=(64,))
    space = SharedBottom(schema, layers, REGISTRY.op)
    space.fitted = found
    network = space.network(Architecture({}))
    data = TrainingData(replace(train, folds=found_folds if folds else None), validation, schema.tasks)
    return Fit(network, data, RECIPE, 0, CPU).run(EventHandler())["click"].score


@pytest.mark.parametrize("statistics", ["folds", "earlier"])
def test_labels_of_chance_stay_chance(statistics):
    assert auc(statistics=statistics) == pytest.approx(0.5, abs=0.02)


def test_a_row_that_sees_its_own_label_learns_to_read_it_and_nothing_else():
    known, blind = auc(effect=1.0), auc(effect=1.0, folds=False)
    assert known > 0.62
    assert blind < known - 0.03


def test_a_field_of_unique_values_adds_nothing():
    assert auc(effect=1.0, unique=True) == pytest.approx(auc(effect=1.0, users=False), abs=0.01)
