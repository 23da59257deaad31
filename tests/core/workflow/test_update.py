"""An update goes on where the run before ended: its ids, its weights, the moments of its optimiser."""

import contextlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import automtl
from automtl_core.errors import ArtifactError, DataError, RunExistsError, UsageError
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Result, Status, Updated
from automtl_core.run_dir.run import Run
from automtl_core.workflow.trained import Trained
from automtl_core.workflow.update import inherit
from automtl_core.workflow.workflow import Workflow

SETTINGS = {
    "dataset": {
        "sparse": ["user", "item"],
        "dense": ["price"],
        "time": "at",
        "split": "time",
        "user": "user",
    },
    "features": {"aggregates": [["item"]], "numbers": "standard", "history": []},
    "training": {"epochs": 3, "min_positives": 1, "batch_size": 128, "embedding_decay": 0.001},
    "importance": {"rows": 0},
}


ROWS, CUT = 3000, 2000


def table(seed=0):
    """Return rows of which later ones have new users and items, whose effects are those of their number."""
    draw = np.random.default_rng(seed)
    day = np.arange(ROWS) // 500
    user, item = draw.integers(0, 20, ROWS) + 5 * day, draw.integers(0, 20, ROWS) + 5 * day
    frame = pd.DataFrame({"user": user, "item": item}).astype(str).radd("x")
    frame["price"] = draw.normal(size=ROWS)
    frame["at"] = 1_700_000_000 + 100 * np.arange(ROWS)
    logit = np.where(item % 3 == 0, 1.5, -1.0) + np.where(user % 2 == 0, 0.8, -0.8)
    frame["click"] = (draw.random(ROWS) < 1 / (1 + np.exp(-logit))).astype(int)
    return frame


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Work in a folder with files of rows."""
    with contextlib.chdir(tmp_path_factory.mktemp("update")):
        for name, start, end in (("first", 0, CUT), ("day1", CUT, CUT + 500), ("day2", CUT + 500, ROWS)):
            table()[start:end].to_csv(f"{name}.csv", index=False)
        yield


def folder_of(run):
    return Run.open(run.path)


@pytest.fixture(scope="module")
def first():
    return automtl.train("first.csv", ["click"], model="mmoe", settings=SETTINGS, name="first")


@pytest.fixture(scope="module")
def second(first):
    return first.update("day1.csv", "runs/second", replay=0.0)


def embedding_of(run, field, value):
    """Return the embedding of a value in the network of a run."""
    made = Trained.of(folder_of(run), load_registry())
    (table,) = [one for one in made.network.modules() if isinstance(one, FieldEmbedding)]
    place = [one.name for one in made.encoder.schema.sparse].index(field)
    (number,) = made.encoder.fields[field].encode([value])
    return table.table.weight[table.offsets[place] + int(number)].detach().numpy()


def test_a_run_goes_on_with_later_rows(first, second):
    folder = folder_of(second)
    fact, config = folder.read(Updated), folder.config()
    assert fact.parent == str(first.path.absolute())
    assert fact.weights == folder_of(first).read(Result).files["weights.safetensors"]
    # 200 test rows of before were not trained on; validation rows were, in its refit.
    assert (fact.rows, fact.older, fact.from_scratch) == (200 + 400, 0, False)
    assert config.decisions == dict(first.architecture.decisions)
    assert (config.strategy, config.refit, config.retrain) == (None, False, "inherit")
    assert (second.metrics.loc["click", "rows"], len(folder.reports())) == (50, 1)
    assert not list(second.path.glob("checkpoint*")), "nothing is left to resume"
    with pytest.raises(RunExistsError):
        first.update("day1.csv", "runs/second")


def test_values_of_the_new_rows_are_known_and_old_ones_keep_their_ids(first, second):
    old, new = folder_of(first).encoder(), folder_of(second).encoder()
    for name in ("user", "item"):
        before, now = old.fields[name], new.fields[name]
        assert now.values[: before.size - 1] == before.values
        added = {*table()[name][: CUT + 400]} - {*before.values}
        assert {*now.values[before.size - 1 :]} == added
        assert folder_of(second).read(Updated).values[name] == len(added) > 0
        value = now.values[-1]
        # A value that got an id has learned an embedding of its own.
        assert not np.allclose(embedding_of(second, name, value), embedding_of(second, name, "never seen"))
    rows = table()[:5]
    assert np.abs(first.predict(rows) - second.predict(rows)).to_numpy().max() > 0


def test_growth_alone_changes_no_prediction(first, second):
    runs = (folder_of(first), folder_of(second))
    before, after = (replace(Trained.of(run, load_registry()), scaling={}) for run in runs)
    inherit(before.network, after.network)
    rows = table()[CUT : CUT + 300]  # many values are unknown before
    parts = [made.encoder.of_run((), before.encoder.aggregates).encode(rows) for made in (before, after)]
    assert not np.array_equal(parts[0].ids, parts[1].ids)
    assert np.array_equal(before.predict_logits(parts[0]), after.predict_logits(parts[1]))
    with pytest.raises(UsageError, match=r"the network cannot go on: .* has another shape"):
        inherit(torch.nn.Linear(2, 3), torch.nn.Linear(2, 4))


def test_updates_follow_each_other_and_each_is_named_by_its_number(second):
    third = second.update("day2.csv")
    fourth = third.update(table()[CUT + 500 :].assign(at=lambda rows: rows["at"] + 10**6))
    assert (third.path.name, fourth.path.name) == ("second-updated-1", "second-updated-2")
    rows = folder_of(third).read(Updated).rows
    assert rows == 100 + 400, "validation and test rows of the run before, and the new training rows"
    before, after = (next(iter(folder_of(run).moments().values()))["step"] for run in (second, third))
    assert int(before) < int(after), "the optimiser goes on"


def test_embeddings_of_values_that_no_new_row_has_stay_as_they_are(first, second):
    seen = {*table()["user"][CUT - 200 : CUT + 400]}
    away = [value for value in folder_of(first).encoder().fields["user"].values if value not in seen]
    assert len(away) > 5
    for value in (*away, *sorted(seen)[:5]):
        before, now = (embedding_of(run, "user", value) for run in (first, second))
        assert np.array_equal(before, now) == (value in away)


@pytest.mark.parametrize(
    ("how", "expected"), [({"replay": 0.5}, (600, 300, False)), ({"retrain": True}, (600, 1800, True))]
)
def test_older_rows_are_drawn_as_often_as_asked_or_all_are_learned_anew(first, how, expected):
    run = first.update("day1.csv", f"runs/{next(iter(how))}", **how)
    fact = folder_of(run).read(Updated)
    assert (fact.rows, fact.older, fact.from_scratch) == expected
    assert (len(folder_of(run).reports()) > 1) == fact.from_scratch


def test_several_passes_are_taken_if_asked_and_the_best_one_counts(first):
    run = first.update("day1.csv", "runs/passes", epochs=3)
    reports = folder_of(run).reports()
    scores = [report["validation"]["click"]["auc"] for report in reports]
    assert len(scores) == 3
    assert folder_of(run).read(Result).best_epochs == (1 + int(np.argmax(scores)),)


def test_gains_over_the_run_before_have_an_interval(first, second):
    (gain,) = folder_of(second).read(Updated).gains.values()
    assert gain.measure == "AUC"
    assert gain.now == pytest.approx(second.metrics.loc["click", "auc"], abs=1e-6)
    # The run before, as it would have predicted these rows.
    newest = table()[CUT + 450 : CUT + 500]
    assert gain.before == pytest.approx(first.evaluate(newest).loc["click", "auc"], abs=1e-6)
    assert gain.low < gain.now - gain.before < gain.high


def test_an_update_needs_the_weights_of_its_begin(first):
    run = first.update("day1.csv", "runs/changed")
    folder = folder_of(run)
    folder.write(replace(folder.read(Updated), weights="0" * 64))
    (folder.path / "result.json").unlink()
    folder.write(Status("stopped"))
    with pytest.raises(ArtifactError, match="has other weights than when the update of"):
        Workflow(load_registry()).resume(folder.path)


def test_a_refreshed_run_is_not_updated(first):
    refreshed = first.refresh(table()[: CUT + 500], "runs/refreshed")
    with pytest.raises(UsageError, match=r"update runs/first, with these rows too"):
        refreshed.update("day2.csv")


def test_labels_of_test_rows_reach_neither_weights_nor_aggregates(first, second):
    rows = pd.read_csv("day1.csv")
    rows.loc[450:, "click"] = 1 - rows.loc[450:, "click"]
    other = first.update(rows, "runs/other-test", replay=0.0)
    weights, others = (folder_of(run).weights() for run in (second, other))
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert other.metrics.loc["click", "auc"] == pytest.approx(
        1 - second.metrics.loc["click", "auc"], abs=1e-6
    )
    cells = [folder_of(run).encoder().aggregates.states[0].sums for run in (second, other)]
    assert np.array_equal(*cells)


def test_faulty_rows_are_an_error_or_are_left_out(first):
    rows = pd.read_csv("day1.csv", dtype=str)
    rows.loc[3, "price"] = "much"
    rows.to_csv("faulty.csv", index=False)
    with pytest.raises(DataError, match=r"faulty.csv:5: price: expected a number"):
        first.update("faulty.csv", "runs/faulty")
    run = first.update("faulty.csv", "runs/faulty", max_bad_rows=100)
    assert folder_of(run).read(Updated).rows == 599
