"""Predictions from Python do not depend on the form of values, of events and of vectors."""

import numpy as np
import pandas as pd
import pytest
import torch

import automtl
from automtl_core.data.encoder import Encoder
from automtl_core.data.store import Prepared
from automtl_core.errors import DataError, UsageError
from automtl_core.run_dir.run import Run
from automtl_export.encoder import exported

ROWS = 300
KEYS = {
    "aggregates": [["gaps", "single"], ["day", "item", "price"], ["seen"]],
    "numbers": "standard",
    "history": [],
}


def test_values_of_any_type_have_the_same_scores(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "seen": draw.random(ROWS) < 0.5,
            "gaps": draw.integers(0, 5, ROWS).astype(float),
            "single": (draw.integers(0, 5, ROWS) / 10).astype("float32"),
            "day": pd.to_datetime(draw.integers(0, 5, ROWS), unit="D", utc=True),
            "item": draw.integers(0, 9, ROWS),
            "price": draw.normal(size=ROWS),
        }
    )
    frame.loc[::7, "gaps"] = np.nan
    frame["click"] = (draw.random(ROWS) < 0.3 + 0.4 * frame.seen).astype(int)
    fields = {"sparse": ["seen", "gaps", "single", "day", "item"], "dense": ["price"]}
    training = {"epochs": 1, "min_positives": 1, "batch_size": 64}
    settings = {"features": KEYS, "training": training, "dataset": fields}
    run = automtl.train(frame, ["click"], model="shared-bottom", settings=settings)
    run.export("out", form="torch")
    encoder = exported(tmp_path / "out" / "encode.py", tmp_path / "out" / "encoder")
    inputs = encoder(dict(frame.items()))
    assert all(len(set(column)) > 2 for column in inputs["ids"].T[1:])  # not all unseen
    scores = run.predict(frame)["click"]
    graph = torch.export.load(tmp_path / "out" / "model.pt2").module()
    served = graph(*map(torch.from_numpy, inputs.values())).detach().numpy()
    assert np.allclose(served[:, 0], scores, atol=1e-6)
    with pytest.warns(UserWarning, match="rows are left out"):
        metrics = run.evaluate(frame)
    pd.testing.assert_frame_equal(metrics, run.metrics, atol=1e-6)


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


def vectors():
    """Return vectors of all items but the first, also of those that no row has."""
    draw = np.random.default_rng(1).standard_normal((69, 3))
    return pd.DataFrame({"item": [f"item {k}" for k in range(1, 70)], "vector": list(draw)})


SETTINGS = {
    "dataset": {
        "user": "user", "time": "when", "split": "time", "history": {}, "min_count": 2, "history_length": 6,
    },
    "features": {
        "history": ["matches", "last-2", *ENCODERS], "aggregates": [["user", "item"], "item:vector"]
    },
    "training": {"epochs": 2, "min_positives": 10, "embedding_decay": 0.1},
    "space": {"expert_layers": [16, 8], "embedding_dim": 4},
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    settings = {**SETTINGS, "dataset": {**SETTINGS["dataset"], "vectors": {"item": vectors()}}}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("run"))
        patch.delenv("AUTOMTL_PREPARED", raising=False)
        with pytest.warns(UserWarning, match="training rows have no vector in item:vector"):
            found = automtl.train(log(), ["click", "buy"], settings=settings, name="mine")
        yield automtl.load(found.path.absolute())


def test_a_log_and_lists_are_read_as_prepared_rows(run):
    with pytest.warns(UserWarning, match="rows are left out"):
        metrics = run.evaluate(log(), history=log())
    pd.testing.assert_frame_equal(metrics, run.metrics, atol=CLOSE)
    config = Run.open(run.path).config()
    (folder,) = config.prepared_dir.glob(f"{config.dataset.name}-*-refit")
    prepared = Prepared.open(folder)
    by_lists = run.predict(pd.DataFrame(prepared.encoder.decode(prepared.part("test"))))
    by_log = run.predict(log().nlargest(len(by_lists), "when"), history=log())
    # Prepared rows have another order.
    assert np.allclose(np.sort(by_log, axis=0), np.sort(by_lists, axis=0), atol=CLOSE)


def with_events(items, past):
    """Return rows of these items, all with the same events."""
    shops, bits, ages = ["shop 1"] * len(past), [0] * len(past), list(range(len(past), 0, -1))
    events = {"item": past, "shop": shops, "click": bits, "buy": bits, "automtl:age": ages}
    row = {"user": "stranger", "item": items, "shop": "shop 1", "when": "2024-06-01"}
    return pd.DataFrame(row | {f"past:{name}": [one] * len(items) for name, one in events.items()})


def test_an_unknown_user_has_no_events_and_more_than_in_training_are_cut(run):
    row = with_events(["item 1"], [])
    by_log = run.predict(row[["user", "item", "shop", "when"]], history=log())
    assert np.allclose(by_log, run.predict(row), atol=CLOSE)
    assert np.allclose(by_log, run.predict(row, history=log().head(0)), atol=CLOSE)
    assert run.predict(row.head(0), history=log()).shape == (0, 2)
    cut, long = (run.predict(with_events(["item 1"], ["item 2"] * count)) for count in (6, 40))
    assert np.allclose(cut, long, atol=CLOSE)


def test_items_that_no_row_has_are_known_by_their_vectors(run):
    new, unknown = "item 69", ["item 9998", "item 9999"]
    said = run.predict(with_events([new, *unknown], ["item 3", "item 9997"])).to_numpy()
    of_events = [run.predict(with_events(["item 3"], ["item 3", one])).to_numpy() for one in (new, *unknown)]
    for known, first, second in (said, of_events):
        assert np.allclose(first, second, atol=CLOSE)
        assert not np.allclose(known, first, atol=1e-4)


@pytest.mark.needs_extra("onnx")
def test_the_exported_graph_equals_the_network_and_needs_no_files_of_vectors(run, tmp_path):
    import onnxruntime

    run.export(tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.npy"))
    encoder = exported(tmp_path / "out" / "encode.py", tmp_path / "out" / "encoder")
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
    past = ["item 69", "item 0", "item 9998", None, "item 5"]
    given = with_events(["item 1", "item 0", "item 69", "item 9998", None], past)
    inputs = encoder({name: given[name].tolist() for name in given})
    (found,) = session.run(None, {one.name: inputs[one.name] for one in session.get_inputs()})
    assert np.allclose(found, run.predict(given), atol=CLOSE)


def test_an_update_keeps_the_vectors(run):
    later = log().assign(when=lambda table: table["when"] + pd.Timedelta("2D"))
    updated = run.update(later, run.path.with_name("later"), history=pd.concat([log(), later]))
    before, after = (Encoder.load(one.path / "encoder").vectors()["item:vector"] for one in (run, updated))
    assert before.shape == (70, 3)
    assert np.array_equal(before, after)


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
    row = with_events(["item 1"], ["item 1", None])
    with pytest.raises(DataError, match=message):
        run.predict(row.assign(**{column: [value]}))


def test_what_is_missing_is_named(run):
    rows, events = log(20), log(50)
    for given, past, message in (
        (rows, None, "the examples lack 'past:item'"),
        (rows.drop(columns="when"), events, "the examples lack 'when'"),
        (rows, events.drop(columns="shop"), "the events lack 'shop'"),
        (rows, events.assign(when="soon"), r"events, row 0 .*when: expected a number, or a date"),
    ):
        with pytest.raises(DataError, match=message):
            run.predict(given, history=past)


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
    # Half of the rows share their time with others, and with their own copy in the log.
    frame = log(COINS, 400).assign(buy=np.random.default_rng(1).integers(0, 2, COINS))
    features = {**SETTINGS["features"], "aggregates": ["user", "item", ["user", "item"]]}
    dataset = {**SETTINGS["dataset"], "test_fraction": SHARE}
    settings = {**SETTINGS, "dataset": dataset, "features": features}
    run = automtl.train(frame, ["click", "buy"], settings=settings, name="mine")
    error = 1 / (3 * COINS * SHARE) ** 0.5
    assert (abs(run.metrics["auc"] - 0.5) < 3 * error).all()
