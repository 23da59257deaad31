"""A training row of weight 2 is two rows, and one of weight 0 is none: through preparation, for any model."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import Dataset, DatasetSettings, Dense, History, Label, Sparse
from automtl_core.prepare.prepare import prepare
from automtl_core.registry.kinds import LOSSES
from automtl_core.registry.plugins import load_registry
from automtl_core.training.balancer import task_losses
from automtl_core.training.batches import take
from automtl_core.training.compute import CPU
from automtl_core.training.loop import objective
from automtl_core.training.recipe import Recipe

REGISTRY = load_registry()
ROWS = 600
LABELS = ["click", "hours", "plays"]
WEIGHTS = ["whole", {"click": "whole", "hours": "other"}, dict.fromkeys(LABELS, "other")]
"""Forms of the setting. In the second one, all rows have the weight 1 for `plays`."""


def logged():
    """Return rows with weights from 0 to 3, in lists of six that begin with a row of weight 1."""
    draw, n = np.random.default_rng(0), np.arange(ROWS)
    frame = pd.DataFrame(
        {
            "user": draw.integers(0, 30, ROWS).astype(str),
            "item": draw.integers(0, 50, ROWS).astype(str),
            "page": (n // 6).astype(str),
            "row": n / 1024,
            "price": draw.integers(0, 100, ROWS) / 8,
            "at": n // 6 * 10 + n % 6,
            "click": draw.integers(0, 2, ROWS),
            "hours": draw.integers(-40, 40, ROWS) / 8,
            "plays": draw.integers(0, 5, ROWS),
            "part": np.select([n < 420, n < 510], ["train", "validation"], "test"),
        }
    )
    frame.loc[draw.random(ROWS) < 0.1, "hours"] = np.nan
    for name in ("whole", "other"):
        frame[name] = np.where(n % 6, draw.integers(0, 4, ROWS), 1)
    return frame


def by_task(weights):
    """Return the column of weights of each task."""
    return dict.fromkeys(LABELS, weights) if isinstance(weights, str) else weights


def repeated(frame, weights):
    """Return the rows with as many copies of each training row as its weights say, and without weights.

    A row has as many copies as its largest weight, of which as many have a label as its own weight.
    """
    columns, rows = by_task(weights), []
    for _, row in frame.iterrows():
        times = {label: row[columns[label]] if label in columns else 1 for label in LABELS}
        if row["part"] != "train":
            times = dict.fromkeys(LABELS, 1)
        for copy in range(max(times.values())):
            lacking = [label for label in LABELS if copy >= times[label]]
            rows.append({**row, **dict.fromkeys(lacking)})
    return pd.DataFrame(rows).drop(columns=["whole", "other"]).convert_dtypes()


class Logged(Dataset):
    version = 1
    fields = (Sparse("user"), Sparse("item"), Dense("row", scaling="none"), Dense("price", scaling="minmax"))
    labels = (Label("click"), Label("hours", "regression"), Label("plays", "poisson"))
    user, time, part = "user", "at", "part"

    def __init__(self, frame, histories=(), **settings):
        self.frame, self.histories = frame, histories
        super().__init__(DatasetSettings.parse({"split": "time", **settings}))

    def content(self):
        return self.frame.to_csv()

    def rows(self, db):
        return self.frame


@pytest.fixture
def pair(tmp_path):
    """Return a function that prepares rows with weights, and with copies in their place."""

    def make(weights, **settings):
        frame = logged()
        one = prepare(Logged(frame, weights=weights, **settings), "one", None, tmp_path, refit=True)
        two = prepare(Logged(repeated(frame, weights), **settings), "two", None, tmp_path, refit=True)
        return one, two

    return make


def copies(part):
    """Return the places of the rows of a part, each as often as its largest weight."""
    return np.repeat(np.arange(len(part)), part.weights.max(axis=1).astype(int))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_vocabularies_scales_and_rows_are_those_of_copies(pair, weights):
    one, two = pair(weights)
    for field in ("user", "item"):
        assert one.vocabulary(field) == two.vocabulary(field)
    for mine, other in zip(one.schema.tasks, two.schema.tasks, strict=True):
        assert (mine.mean, mine.deviation) == pytest.approx((other.mean, other.deviation), rel=1e-12)
        assert mine.weight == by_task(weights).get(mine.name)
        assert other.weight is None
    train, repeats = one.part("train"), two.part("train")
    assert np.array_equal(train.ids[copies(train)], repeats.ids)
    assert np.array_equal(train.dense[copies(train)], repeats.dense)
    assert (train.weights.dtype, repeats.weights) == (np.float32, None)
    assert np.isnan(train.labels[train.weights == 0]).all()
    sums = np.where(np.isnan(train.labels), 0, train.weights)
    assert np.nansum(train.labels * sums, axis=0) == pytest.approx(
        np.nansum(repeats.labels, axis=0), abs=1e-3
    )
    assert sums.sum(axis=0).tolist() == (~np.isnan(repeats.labels)).sum(axis=0).tolist()
    for t, task in enumerate(one.schema.tasks):
        told = one.manifest["labels"]["train"][task.name]
        if task.weight is None:
            assert "weight" not in told
            continue
        assert told["weight"] == sums[:, t].sum()
        assert told["effective_rows"] == pytest.approx(sums[:, t].sum() ** 2 / (sums[:, t] ** 2).sum())
    assert one.manifest["left_out"] == 420 - len(train)
    for name in PARTS[1:]:
        mine, other = one.part(name), two.part(name)
        assert (mine.weights == 0).any(), "all validation and test rows stay"
        assert np.array_equal(mine.ids, other.ids)
        assert np.array_equal(np.isnan(mine.labels), np.isnan(other.labels))
    # Validation rows are training rows of a refit.
    frame = logged().iloc[:510]
    columns = by_task(weights).values() if len(by_task(weights)) == len(LABELS) else ()
    kept = (frame[[*dict.fromkeys(columns)]] > 0).any(axis=1) if columns else frame["row"] >= 0
    assert len(one.refit.part("train")) == len(one.refit.part("train").weights) == kept.sum()


@pytest.mark.parametrize("half_life", [None, 300.0])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("settings", [{}, {"label_delay": 15.0}, {"list": "page"}], ids=["", "late", "lists"])
def test_aggregates_are_those_of_copies(pair, weights, settings, half_life):
    one, two = pair(weights, **settings)
    keys = ({"key": ("item",), "half_life": half_life}, ("user", "item"))
    made = []
    for data in (one, two):
        encodings = data.schema.encodings.with_answers(aggregates=keys, refresh="always")
        made.append(data.encoded(data.schema.encoded(encodings)))
    weighted, plain = made
    for mine, other in zip(weighted.aggregates.states, plain.aggregates.states, strict=True):
        assert np.array_equal(mine.cells, other.cells)
        assert mine.sums == pytest.approx(other.sums, rel=1e-6)
        assert mine.totals == pytest.approx(other.totals)
        for name in mine.scaling._fields:
            assert getattr(mine.scaling, name) == pytest.approx(getattr(other.scaling, name), rel=1e-6)
    assert weighted.train.dense.shape[1] == 2 + 4 + 4
    assert weighted.train.dense[copies(weighted.train)] == pytest.approx(plain.train.dense, abs=1e-5)
    schema = one.schema.encoded(encodings)
    mine, other = (each.aggregates.of_part(one.part("test"), schema).dense for each in made)
    assert mine == pytest.approx(other, abs=1e-5)


class Small(nn.Module):
    """Embeddings, numbers and one hidden layer, in double precision."""

    def __init__(self, schema):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(field.size, 3) for field in schema.sparse)
        width = 3 * len(self.tables) + len(schema.dense)
        self.layers = nn.Sequential(nn.Linear(width, 8), nn.Tanh(), nn.Linear(8, len(schema.tasks)))
        self.double()

    def forward(self, features):
        embedded = [table(ids) for table, ids in zip(self.tables, features.ids.T, strict=True)]
        return self.layers(torch.cat([*embedded, features.dense.double()], dim=1))


def trained(data, recipe, steps=10):
    """Return the weights of a small network after steps on all training rows."""
    torch.manual_seed(0)
    network, part = Small(data.schema), data.part("train")
    losses = task_losses(recipe, data.schema.tasks, CPU.device)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    batch = take(part, np.arange(len(part)), CPU.device)
    for _ in range(steps):
        optimiser.zero_grad()
        objective(network, batch, losses, CPU).loss.backward()
        optimiser.step()
    return torch.cat([weights.detach().flatten() for weights in network.parameters()])


RECIPES = {
    "plain": {},
    "pairwise": {"losses": {"click": {"name": "pairwise"}}},
    "softmax": {"losses": {"click": {"name": "softmax"}}},
}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_ten_steps_on_weights_are_those_on_copies(pair, weights, recipe):
    one, two = pair(weights, list="page")
    made = Recipe.parse(RECIPES[recipe], "training")
    made = made.knowing(losses={loss.name: REGISTRY.get(LOSSES, loss.name) for loss in made.losses.values()})
    weighted, plain = trained(one, made), trained(two, made)
    assert (weighted - plain).abs().max() < 1e-10
    without = trained(replace_weights(one), made)
    assert (weighted - without).abs().max() > 1e-3


def replace_weights(data):
    """Return prepared data whose rows have no weights."""

    class Plain(type(data)):
        def part(self, name):
            return replace(super().part(name), weights=None)

    return Plain(data.path, data.manifest)


def test_a_row_of_weight_0_leaves_its_values_and_numbers_out_but_not_its_events(tmp_path):
    frame = logged()
    gone = (frame["part"] == "train") & (frame["whole"] == 0)
    frame["whole"] = (~gone).astype(int)
    frame.loc[gone, ["item", "price"]] = ["rare", 1e6]
    frame.loc[gone, "hours"] = 1e6
    past = (History("past", "user", "at", ("item",), ("click",), numbers=(Dense("price"),)),)
    one = prepare(Logged(frame, past, weights="whole"), "one", None, tmp_path)
    two = prepare(Logged(frame[~gone], past), "two", None, tmp_path)
    assert one.encoder.fields["item"].values == two.encoder.fields["item"].values
    assert "rare" not in one.vocabulary("item")
    for mine, other in zip(one.schema.tasks, two.schema.tasks, strict=True):
        assert (mine.mean, mine.deviation) == (other.mean, other.deviation)
    for name in PARTS:
        mine, other = one.part(name), two.part(name)
        for array in ("ids", "dense", "labels"):
            assert np.array_equal(getattr(mine, array), getattr(other, array), equal_nan=True)
    items = [items for name in PARTS for items in one.encoder.decode(one.part(name))["past:item"]]
    assert any("unseen" in str(item) for events in items for item in events), "its events stay"
    more = [data.part("test").histories[0].spans for data in (one, two)]
    lengths = [np.minimum(np.diff(spans, axis=1), 50).sum() for spans in more]
    assert lengths[0] > lengths[1]
