"""Values of data frames, and pretrained vectors: predictions and exports read them alike."""

import numpy as np
import pandas as pd
import pytest
import torch

import automtl
from automtl_core.data.encoder import Encoder
from automtl_core.data.store import PARTS, Prepared
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
    config = Run.open(run.path).config()
    (folder,) = config.prepared_dir.glob(f"{config.dataset.name}-*")
    prepared = Prepared.open(folder)
    logits = np.concatenate([run._trained.predict_logits(prepared.part(part)) for part in PARTS])
    assert np.allclose(np.sort(scores), np.sort(1 / (1 + np.exp(-logits[:, 0]))), atol=1e-6)


CLOSE = 2e-6
ITEMS = 40
SETTINGS = {
    "features": {"history": ["last-2", "attention", "mean"],
        "aggregates": ["user", "item:vector", "item"]},
    "training": {"epochs": 2, "min_positives": 10, "embedding_decay": 0.1},
    "space": {"expert_layers": [16, 8], "embedding_dim": 4},
}  # fmt: skip


def bought(count=1200):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "user": [f"user {k}" for k in random.integers(0, 30, count)],
            "item": random.integers(0, ITEMS - 5, count),
            "when": random.permutation(count),
        }
    )
    frame["click"] = (frame["item"] % 2 == random.integers(0, 2, count)).astype(int)
    frame["buy"] = random.integers(0, 2, count)
    return frame


def vectors():
    """Return vectors of all items but the first, also of those that no row has."""
    items = np.arange(1, ITEMS)
    return pd.DataFrame({"item": items, "vector": list(np.random.default_rng(1).standard_normal((39, 3)))})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("run"))
        patch.delenv("AUTOMTL_PREPARED", raising=False)
        dataset = {
            "user": "user", "time": "when", "split": "time", "history": {}, "history_length": 6,
            "vectors": {"item": vectors()},
        }  # fmt: skip
        with pytest.warns(UserWarning, match="training rows have no vector in item:vector"):
            found = automtl.train(
                bought(), ["click", "buy"], settings={**SETTINGS, "dataset": dataset}, name="mine"
            )
        yield automtl.load(found.path.absolute())


def with_events(items, past):
    """Return rows of these items, all with the same events."""
    count = len(past)
    of_events = {"past:item": past, "past:click": [1] * count, "past:buy": [0] * count}
    return pd.DataFrame(
        {"user": "user 1", "item": items}
        | {name: [one] * len(items) for name, one in of_events.items()}
        | {"past:automtl:age": [list(range(count, 0, -1))] * len(items)}
    )


def test_items_that_no_row_has_are_known_by_their_vectors(run):
    new, unknown, also_unknown = run.predict(with_events([ITEMS - 1, 9998, 9999], [3, 9997])).to_numpy()
    assert np.allclose(unknown, also_unknown, atol=CLOSE)
    assert not np.allclose(new, unknown, atol=1e-4)
    of_events = [run.predict(with_events([3], [3, item])).to_numpy() for item in (ITEMS - 1, 9998, 9999)]
    assert np.allclose(of_events[1], of_events[2], atol=CLOSE)
    assert not np.allclose(of_events[0], of_events[1], atol=1e-4)


@pytest.mark.needs_extra("onnx")
def test_the_exported_graph_equals_the_network_and_needs_no_files_of_vectors(run, tmp_path):
    import onnxruntime

    run.export(tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.npy"))
    encoder = exported(tmp_path / "out" / "encode.py", tmp_path / "out" / "encoder")
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
    given = with_events([1, 0, ITEMS - 1, 9998, None], [ITEMS - 1, 0, 9998, None, 5])
    inputs = encoder({name: given[name].tolist() for name in given})
    (found,) = session.run(None, {one.name: inputs[one.name] for one in session.get_inputs()})
    assert np.allclose(found, run.predict(given), atol=CLOSE)


def test_a_log_and_prepared_rows_are_predicted_alike_with_a_copy_of_the_vectors(run):
    config = Run.open(run.path).config()
    (folder,) = config.prepared_dir.glob(f"{config.dataset.name}-*-refit")
    part, made = Prepared.open(folder).part("test"), run._trained
    stored = 1 / (1 + np.exp(-made.predict_logits(part)))
    latest = bought().nlargest(len(part), "when")
    by_log = run.predict(latest, history=bought())
    assert np.allclose(np.sort(by_log.to_numpy(), axis=0), np.sort(stored, axis=0), atol=CLOSE)
    encoder = Encoder.load(run.path / "encoder")
    assert encoder.vectors()["item:vector"].shape == (ITEMS, 3)


def test_an_update_keeps_the_vectors(run):
    later = bought().assign(when=lambda table: table["when"] + 1200)
    updated = run.update(later, run.path.with_name("later"), history=pd.concat([bought(), later]))
    vectors_of = [one._trained.encoder.vectors()["item:vector"] for one in (run, updated)]
    assert np.array_equal(*vectors_of)
