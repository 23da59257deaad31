"""New rows: what a run says of them from its folder alone, and which of them it has seen by their values."""

import contextlib
import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import automtl
from automtl_core.data.aggregates import fit
from automtl_core.data.earlier import rule_of
from automtl_core.data.encoder import Encoder
from automtl_core.data.frames import NewExamples
from automtl_core.data.part import drawn
from automtl_core.data.store import PARTS
from automtl_core.dataset.declarations import History
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import DataError, DivergedError
from automtl_core.fields.numeric import Scale
from automtl_core.fields.sparse import Hashed, Vocabulary
from automtl_core.run_dir.facts import Data, Refreshed
from automtl_core.run_dir.run import Run
from automtl_core.training.compute import CPU
from automtl_core.workflow.evaluation import predict_logits
from automtl_core.workflow.new_rows import Unseen, measure, write_predictions
from automtl_core.workflow.trained import Trained, unread_columns
from automtl_core.workflow.workflow import Workflow
from automtl_inspection.raw_rows import export

from .lines import REGISTRY


def test_it_says_what_the_network_said_and_looks_at_no_label(job, whole):
    prepared, made = job.prepare(), Trained.of(whole, job.registry)
    examples = prepared.encoder.decode(prepared.part("test")) | {"click": ["not a label"] * 200}
    assert [task.name for task in made.tasks] == ["click", "like", "skip", "hide"]
    found = made.predict_logits(made.encoder.encode(examples, labelled=False))
    assert np.array_equal(found, predict_logits(job, whole, prepared))
    with pytest.raises(DataError, match="column 'click'"):
        made.encoder.encode(examples)


def test_what_is_not_finite_is_not_written(job, whole, tmp_path):
    prepared, made = job.prepare(), Trained.of(whole, job.registry)
    rows = pd.DataFrame(prepared.encoder.decode(prepared.part("test")))
    rows.to_csv(tmp_path / "new.csv", index=False)
    examples = NewExamples(job.dataset(), tmp_path / "new.csv", tmp_path)
    next(iter(made.network.parameters())).data.fill_(np.nan)
    with pytest.raises(DivergedError):
        write_predictions(made, examples, tmp_path / "nan.csv")
    with pytest.raises(DivergedError):
        measure(made, examples)
    assert not (tmp_path / "nan.csv").exists()


class Reads(nn.Module):
    """Reads one column of ids, and the number if it is told so."""

    def __init__(self, place, number=False, width=1):
        super().__init__()
        self.place, self.number, self.width = place, number, width
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, features):
        assert features.dense.shape[1] == self.width
        found = features.ids[:, self.place, None].float() * self.weight
        return found + features.dense.nan_to_num(7.0) if self.number else found

    def outputs(self, features):
        return {"read": self(features)}


def encoder(**more):
    schema = Schema(
        (SparseField("user", 9), SparseField("item", 9)), (DenseField("price"),), (Task("click"),), **more
    )
    return Encoder(schema, {"user": Hashed(8), "item": Hashed(8), "price": Scale("standard", 0.0, 1.0)})


def test_closed_fields_have_unread_columns_unless_they_are_read():
    assert unread_columns(Reads(0), encoder(), ("item", "price"), CPU) == ["item", "price"]
    assert unread_columns(Reads(1), encoder(), ("item", "price"), CPU) == []
    assert unread_columns(Reads(0, number=True), encoder(), ("price",), CPU) == []
    of_items = encoder(histories=(History("past", "user", "time", ("item",)),))
    assert unread_columns(Reads(0), of_items, ("item", "price"), CPU) == ["price"]
    assert unread_columns(Reads(0), encoder(), (), CPU) == []
    schema = encoder().schema
    keyed = replace(schema, encodings=plain().with_answers(aggregates=[["user"]]))
    part = drawn(schema, 64)
    part.labels[:] = np.arange(64)[:, None] % 2
    aggregates = fit(part, keyed, rule_of(64, None), np.zeros((64, 2), np.float32))
    with_numbers = replace(encoder(), aggregates=aggregates)
    assert unread_columns(Reads(0, width=3), with_numbers, ("item", "price"), CPU) == ["item", "price"]
    assert Trained(Reads(0, width=3), with_numbers, CPU).outputs() == ("read",)


@pytest.fixture
def known_values(tmp_path):
    """An encoder of a field with the values 1.0 and 2.0, and of a hashed one."""
    (tmp_path / "user.txt").write_text("".join(f"{json.dumps(value)}\n" for value in (None, "1.0", "2.0")))
    schema = Schema((SparseField("user", 3), SparseField("item", 9)), (), (Task("click"),))
    return Encoder(schema, {"user": Vocabulary(3, "", tmp_path / "user.txt"), "item": Hashed(8)})


def warnings(encoder, *users, unread=()):
    """Return the warnings of rows with these users, in chunks."""
    watched = Unseen(encoder, unread)
    for some in users:
        rows = pd.DataFrame({"user": some, "item": ["i"] * len(some)})
        watched.add(rows, encoder.encode(rows))
    return list(watched.sentences())


def test_numbers_far_from_those_of_the_training_rows_are_counted():
    scales = {
        "hour": Scale("standard", 11.5, 7.0, low=0.0, high=23.0),
        "price": Scale("log", 2.0, 1.0, low=1.0, high=1000.0),
        "free": Scale("none", 0.0, 1.0),
    }
    encoder = Encoder(Schema((), tuple(map(DenseField, scales)), (Task("click"),)), scales)
    rows = pd.DataFrame({"hour": [45, 99, None, -99], "price": [9, 1e5, 0, 5], "free": [1e9, 0, 0, 0]})
    watched, unread = Unseen(encoder, ()), Unseen(encoder, ["hour"])
    for _ in range(2):
        watched.add(rows, encoder.encode(rows))
        unread.add(rows, encoder.encode(rows))
    (told,) = watched.sentences()
    assert told.startswith("hour: ")
    assert told.endswith("0 to 23, the range of the training rows: 4, such as 99.0")
    assert list(unread.sentences()) == []


def test_values_that_are_written_otherwise_are_named_unless_one_is_known(known_values):
    (told,) = warnings(known_values, ["", None, "1"], ["2"] * 99)
    assert told.startswith("user: none of the 100 values occurs in the training rows")
    assert told.endswith("'1' here, '1.0' there")
    assert warnings(known_values, ["1"] * 100, ["1.0"], ["1"] * 100) == []
    assert warnings(known_values, ["1"] * 99, [None] * 100) == []
    assert warnings(known_values, ["1"] * 100, unread=["user"]) == []


pytestmark = pytest.mark.filterwarnings("ignore:.* are left out", "ignore:id")
OLD, ALL = 2000, 2600
SETTINGS = {
    "dataset": {
        "name": "table",
        "files": "the same.csv",
        "sparse": {"id": "text", "user": "integer"},
        "dense": {"price": {}},
        "multi": {"tags": "|"},
        "labels": ["click"],
        "user": "user",
        "time": "at",
    },
    "features": {"numbers": "standard", "aggregates": ["user"], "history": []},
    "training": {"epochs": 1},
    "data_dir": ".",
}
SPLITS = ("random", "user", "time")
ACTIONS = ("evaluate", "refresh", "update")


def table():
    """Return rows in the order of their times, whose labels are coins; each has an id of its own."""
    random = np.random.default_rng(0)
    tags = ["|".join(sorted(random.choice(list("abc"), random.integers(0, 3), False))) for _ in range(ALL)]
    price = np.round(random.gamma(2, 5, ALL), 2)
    price[::20] = np.nan
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ALL) // 3, unit="h")
    columns = {"id": [f"r{n}" for n in range(ALL)], "user": random.integers(0, 90, ALL), "price": price}
    return pd.DataFrame({**columns, "tags": tags, "at": at, "click": random.integers(0, 2, ALL)})


ROWS = table()
FORMS = {
    "the same": ROWS[:OLD],
    "grown by a line": ROWS[: OLD + 1],
    "in another order": ROWS[:OLD].sample(frac=1, random_state=0),
    "half overlapping": ROWS[OLD // 2 :],
    "tabs": ROWS,
    "parquet": ROWS.astype({"price": "float32"}),
    "frame": ROWS,
}
ENDINGS = {"tabs": ".tsv", "parquet": ".parquet"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a run for each kind of split, and rows in several forms."""
    path = tmp_path_factory.mktemp("unseen")
    with contextlib.chdir(path):
        for name, rows in FORMS.items():
            rows.to_csv(f"{name}.csv", index=False)
        ROWS.to_csv("tabs.tsv", index=False, sep="\t")
        duckdb.from_df(FORMS["parquet"]).write_parquet("parquet.parquet")
        for split in SPLITS:
            job = Workflow(REGISTRY).model("shared-bottom", [SETTINGS, {"dataset": {"split": split}}])
            Workflow(REGISTRY).search(job, Path("runs"), split)
            for part in PARTS:
                of_part = job.prepare().rows(part)
                export(job.dataset(), "table", path, path / f"{split}-{part}.csv", some=of_part)
    return path


def expected(folder, split, form, action):
    """Return the ids of the rows of a form that are new."""
    parts = {p: {*pd.read_csv(folder / f"{split}-{p}.csv")["id"]} for p in PARTS}
    assert sum(map(len, parts.values())) == OLD == len(set.union(*parts.values()))
    chosen = {"evaluate": 2, "refresh": 2 if split == "time" else 1, "update": 3}[action]
    seen = set.union(*list(parts.values())[:chosen])
    rows = FORMS[form]
    if split == "time" and action != "evaluate":
        return {*rows["id"][rows["at"] > ROWS["at"][ROWS["id"].isin(seen)].max()]}
    return {*rows["id"]} - seen


def used(split, form, action):
    """Return the number of rows that an action uses."""
    made, out = automtl.load(f"runs/{split}"), Path("runs", f"{split} {form} {action}")
    file = Path(f"{form}{ENDINGS.get(form, '.csv')}")
    match action, form:
        case "update", _:
            updated = made.update(ROWS if form == "frame" else file, out)
            return sum(Run.open(updated.path).read(Data).rows.values()) - OLD
        case "evaluate", "frame":
            return made.evaluate(ROWS)["rows"].iloc[0]
        case "evaluate", _:
            return Workflow(REGISTRY).measure(made.path, file).rows
        case _, "frame":
            return Run.open(made.refresh(ROWS, out).path).read(Refreshed).rows
    return Workflow(REGISTRY).refresh(made.path, file, out).rows


@pytest.mark.parametrize(
    ("split", "form", "action"),
    [
        *product(SPLITS, ["half overlapping"], ACTIONS),
        *product(["random"], ["grown by a line"], ACTIONS),
        *product(["random"], ["the same", "in another order", "tabs"], ["evaluate", "refresh"]),
        *product(["random"], ["parquet", "frame"], ["evaluate", "refresh", "update"]),
    ],
)
def test_rows_that_a_run_has_seen_are_left_out(folder, monkeypatch, split, form, action):
    monkeypatch.chdir(folder)
    new = len(expected(folder, split, form, action))
    if new > (action == "update"):
        assert used(split, form, action) == new
    else:
        with pytest.raises(DataError, match="new rows are too few" if new else "has seen all of the"):
            used(split, form, action)


def test_what_aggregates_have_taken_in_counts_once(folder, monkeypatch):
    monkeypatch.chdir(folder)
    once = automtl.load("runs/random").refresh(ROWS[OLD : OLD + 90], "runs/once")
    with pytest.raises(DataError, match="once has seen all of the 90 rows"):
        once.refresh(ROWS[OLD : OLD + 90], "runs/twice")
    assert Run.open(once.refresh(ROWS[OLD:], "runs/twice").path).read(Refreshed).rows == ALL - OLD


def test_of_equal_rows_as_many_are_known_as_were_seen(folder, monkeypatch):
    monkeypatch.chdir(folder)
    seen = pd.read_csv("random-train.csv", nrows=40)
    more = pd.concat([seen, seen, ROWS[OLD:]])
    with pytest.warns(UserWarning, match="40 of 680 rows are left out.*; 40 of them equal other rows"):
        found = automtl.load("runs/random").evaluate(more)
    assert found["rows"].iloc[0] == 640


def test_a_column_that_tells_rows_apart_and_is_not_there_is_named(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.warns(UserWarning, match="the rows have no values of at: whether .* has seen them cannot be"):
        automtl.load("runs/random").evaluate(ROWS[:OLD].drop(columns="at"))
