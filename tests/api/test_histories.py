"""Histories from Python and in files: predictions do not depend on the form of the events."""

import numpy as np
import pandas as pd
import pytest

import automtl
from automtl_core.data.store import PARTS, Prepared
from automtl_core.errors import DataError, UsageError
from automtl_core.prepare.split import TEST
from automtl_core.run_dir.run import Run

ENCODERS = ("mean", "decay", "attention", "gru", "self-attention")
CLOSE = 2e-6


def log(rows=1200, users=30):
    """Return actions with equal times, blanks and rare items; a buy follows a click on the same item."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "user": [f"user {k}" for k in random.integers(0, users, rows)],
            "item": [f"item {k}" for k in random.integers(0, 60, rows)],
            "shop": [f"shop {k}" for k in random.integers(0, 4, rows)],
            "when": pd.Timestamp("2024-05-01") + pd.to_timedelta(random.integers(0, rows // 2, rows), "min"),
        }
    )
    frame.loc[random.random(rows) < 0.03, "item"] = None
    frame["click"] = (random.random(rows) < 0.5).astype(int)
    frame["buy"] = (frame.duplicated(["user", "item"]) & (random.random(rows) < 0.8)).astype(int)
    return frame


SETTINGS = {
    "dataset": {
        "user": "user", "time": "when", "split": "time", "history": {}, "min_count": 2, "history_length": 12,
    },
    "features": {
        "history": ["matches", "last-2", *ENCODERS], "aggregates": [["user", "item"]]
    },
    "training": {"epochs": 2, "min_positives": 10, "embedding_decay": 0.1},
    "space": {"expert_layers": [16, 8], "embedding_dim": 4},
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("run"))
        patch.delenv("AUTOMTL_PREPARED", raising=False)
        found = automtl.train(log(), ["click", "buy"], settings=SETTINGS, name="mine")
        yield automtl.load(found.path.absolute())


@pytest.fixture(scope="module")
def tested(run):
    """The rows of the test part, and the output of the network for them as it was prepared."""
    config = Run.open(run.path).config()
    (folder,) = config.prepared_dir.glob(f"{config.dataset.name}-*-refit")
    data = Prepared.open(folder)
    frame = log()
    latest = frame.sort_values("when")["when"].iloc[-len(data.part(PARTS[TEST])) :].min()
    rows = frame[frame.when >= latest].reset_index(drop=True)
    assert len(rows) == len(data.part("test"))
    return rows, data


def test_a_log_and_lists_give_the_same_predictions(run, tested):
    rows, data = tested
    by_log = run.predict(rows, history=log())
    made = run._trained
    stored = 1 / (1 + np.exp(-made.predict_logits(data.part("test"))))
    # Prepared rows have another order.
    assert np.allclose(np.sort(by_log.to_numpy(), axis=0), np.sort(stored, axis=0), atol=CLOSE)
    lists = pd.DataFrame(made.encoder.decode(data.part("test")))
    assert np.allclose(run.predict(lists).to_numpy(), stored, atol=CLOSE)


def test_an_unknown_user_has_an_empty_history(run):
    row = pd.DataFrame({"user": ["stranger"], "item": ["item 1"], "shop": ["shop 1"], "when": ["2024-06-01"]})
    by_log = run.predict(row, history=log())
    columns = [f"past:{name}" for name in ("item", "shop", "click", "buy", "automtl:age")]
    by_lists = run.predict(row.assign(**{name: [[]] for name in columns}))
    assert np.allclose(by_log, by_lists, atol=CLOSE)
    assert np.allclose(by_log, run.predict(row, history=log().head(0)), atol=CLOSE)
    assert run.predict(row.head(0), history=log()).shape == (0, 2)


def test_more_events_than_in_training_are_cut(run):
    row = pd.DataFrame({"user": ["stranger"], "item": ["item 1"], "shop": ["shop 1"]})

    def lists(count):
        return row.assign(**{
            "past:item": [["item 1"] * count], "past:shop": [["shop 2"] * count], "past:click": [[1] * count],
            "past:buy": [[0] * count], "past:automtl:age": [list(range(count, 0, -1))],
        })  # fmt: skip

    assert np.allclose(run.predict(lists(12)), run.predict(lists(40)), atol=CLOSE)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("past:shop", ["shop 1"], "'past:shop', row 0 .* has 1 entries, and another list of events 2"),
        ("past:automtl:age", [-1, 2], "'past:automtl:age', row 0 .* is not a time since an event"),
        ("past:automtl:age", ["old", 2], "'past:automtl:age', row 0 .*'old' is not a number"),
        ("past:buy", [2, 0], "'past:buy', row 0 .* is not an outcome"),
    ],
)
def test_wrong_lists_are_named(run, column, value, message):
    row = {
        "user": ["user 1"], "item": ["item 1"], "shop": ["shop 1"], "past:item": [["item 1", None]],
        "past:shop": [["shop 1", "shop 2"]], "past:click": [[1, 0]], "past:buy": [[0, 0]],
        "past:automtl:age": [[5, 3]],
    }  # fmt: skip
    run.predict(row)
    with pytest.raises(DataError, match=message):
        run.predict({**row, column: [value]})


def test_what_is_missing_is_named(run):
    rows = log(20)
    with pytest.raises(DataError, match="the examples lack 'past:item'"):
        run.predict(rows)
    with pytest.raises(DataError, match="the examples lack 'when'"):
        run.predict(rows.drop(columns="when"), history=log(50))
    with pytest.raises(DataError, match="the events lack 'shop'"):
        run.predict(rows, history=log(50).drop(columns="shop"))
    with pytest.raises(DataError, match=r"events, row 0 .*when: expected a number, or a date"):
        run.predict(rows, history=log(50).assign(when="soon"))


def test_a_network_without_history_takes_no_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTOMTL_PREPARED", raising=False)
    settings = {**SETTINGS, "features": {**SETTINGS["features"], "history": []}}
    run = automtl.train(log(), ["click", "buy"], settings=settings, name="mine")
    assert len(run.predict(log(20))) == 20
    with pytest.raises(UsageError, match="the network reads no history"):
        run.predict(log(20), history=log())


def test_inputs_from_histories_that_rows_do_not_have_are_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"features": {"history": ["matches"]}, "dataset": {"user": "user"}}
    split = pytest.warns(
        UserWarning, match=r"^rows are split by time \(when\): the latest 10% are for the test"
    )
    with split, pytest.raises(UsageError, match="names inputs from histories, and the rows have none"):
        automtl.train(log(300), ["click", "buy"], settings=settings, name="mine")


COINS, SHARE = 8000, 0.4


def test_coin_labels_are_not_predicted_from_histories_that_hold_them(tmp_path, monkeypatch):
    """Slow: a leak would show on thousands of rows alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTOMTL_PREPARED", raising=False)
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "user": [f"user {k}" for k in random.integers(0, 400, COINS)],
            "item": [f"item {k}" for k in random.integers(0, 100, COINS)],
            # Half of the rows share their time with others, and with their own copy in the log.
            "when": pd.Timestamp("2024-05-01")
            + pd.to_timedelta(random.integers(0, COINS // 2, COINS), "min"),
            "click": random.integers(0, 2, COINS),
            "buy": random.integers(0, 2, COINS),
        }
    )
    settings = {
        "dataset": {
            "user": "user", "time": "when", "split": "time", "history": {}, "history_length": 10,
            "test_fraction": SHARE,
        },
        "features": {
            "history": ["matches", "last-2", "mean", "decay", "attention", "gru", "self-attention"],
            "aggregates": ["user", "item", ["user", "item"]],
        },
        "training": {"epochs": 2, "embedding_decay": 0.1},
        "space": {"expert_layers": [16, 8], "embedding_dim": 4},
    }  # fmt: skip
    run = automtl.train(frame, ["click", "buy"], settings=settings, name="mine")
    error = 1 / (3 * COINS * SHARE) ** 0.5
    assert (abs(run.metrics["auc"] - 0.5) < 3 * error).all()
