"""The exported encoder reads the values of a data frame as `predict` does."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch

import automtl
from automtl_core.data.store import PARTS, Prepared
from automtl_export.encoder import exported

ROWS = 300
KEYS = {
    "aggregates": [["gaps", "single"], ["day", "item", "price"], ["seen"]],
    "numbers": "standard",
    "history": [],
}


@cache
def loaded(folder):
    return torch.export.load(folder / "model.pt2").module()


def served(folder, columns):
    """Return the scores of an export."""
    inputs = exported(folder / "encode.py", folder / "encoder")(columns)
    return loaded(folder)(*(torch.from_numpy(array) for array in inputs.values())).detach().numpy()


def of_prepared_rows(run):
    """Return the scores of all prepared rows, in rising order."""
    config = run._folder.config()
    (folder,) = config.prepared_dir.glob(f"{config.dataset.name}-*")
    prepared = Prepared.open(folder)
    logits = np.concatenate([run._trained.predict_logits(prepared.part(part)) for part in PARTS])
    return np.sort(1 / (1 + np.exp(-logits[:, 0])))


@pytest.mark.parametrize("features", ["ids", KEYS])
def test_values_of_any_type_have_the_same_scores(tmp_path, monkeypatch, features):
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
    settings = {"features": features, "training": training, "dataset": fields}
    run = automtl.train(frame, ["click"], model="shared-bottom", settings=settings)
    run.export("out", form="torch")
    encoder = exported(tmp_path / "out" / "encode.py", tmp_path / "out" / "encoder")
    inputs = encoder(dict(frame.items()))
    assert all(len(set(column)) > 2 for column in inputs["ids"].T[1:])  # not all unseen
    scores = run.predict(frame)["click"]
    assert np.allclose(served(tmp_path / "out", dict(frame.items()))[:, 0], scores, atol=1e-6)
    assert np.allclose(np.sort(scores), of_prepared_rows(run), atol=1e-6)


def test_integers_are_read_alike_and_texts_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    codes = ["05", "5", "5.0"]
    frame = pd.DataFrame({"item": draw.integers(0, 9, ROWS), "code": draw.choice(codes, ROWS)})
    frame["click"] = (draw.random(ROWS) < 0.2 + 0.05 * frame.item + 0.1 * (frame.code == "5")).astype(int)
    written = frame.assign(item=frame["item"].astype(float).where(frame.index > 0))  # 5.0 in place of 5
    written.to_csv("log.csv", index=False)
    training = {"epochs": 1, "min_positives": 1, "batch_size": 64}
    fields = {"sparse": {"item": "integer", "code": "text"}}
    run = automtl.train(
        "log.csv", ["click"], model="shared-bottom", settings={"training": training, "dataset": fields}
    )
    forms = [pd.Series(["5", "5"]), pd.Series(["5.0", "5.0"]), pd.Series([5, 5]), pd.Series([5.0, None])]
    of_code = run.predict(pd.DataFrame({"item": 5, "code": codes}))["click"]
    of_item = []
    for form in forms:
        new = pd.DataFrame({"item": form, "code": "5"})
        of_item.append(run.predict(new)["click"].iloc[0])
    assert len(set(of_item)) == 1
    assert len(set(of_code)) == 3
    run.export("out", form="torch")
    encoder = exported(tmp_path / "out" / "encode.py", tmp_path / "out" / "encoder")
    ids = encoder({"item": ["5", "5.0", 5, 5.0], "code": ["05", "5", "5.0", "5"]})["ids"]
    assert len(set(ids[:, 0])) == 1
    assert ids[:, 1].tolist() == [1, 2, 3, 2]


@pytest.mark.filterwarnings("ignore:validation scores still improved")
def test_aggregates_of_rare_unseen_and_blank_values_are_alike_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"item": draw.integers(0, 40, 1000).astype(float), "price": draw.normal(size=1000)})
    frame["code"] = draw.choice(["05", "5", "5.0", "köln", " ", None], 1000)
    frame["click"] = (draw.random(1000) < 0.1 + 0.8 * (frame.item % 2)).astype(int)
    frame.loc[::7, "item"] = np.nan
    frame.loc[::11, "price"] = np.nan
    settings = {
        "dataset": {"sparse": {"item": "integer", "code": "text"}, "dense": ["price"], "min_count": 10_000},
        "features": {**KEYS, "aggregates": ["item", ["code", "item"], ["code", "price"]]},
        "training": {"epochs": 30, "min_positives": 1, "batch_size": 64, "learning_rate": 0.01},
    }  # fmt: skip
    run = automtl.train(frame, ["click"], model="shared-bottom", settings=settings)
    run.export("out", form="torch")
    scores = run.predict(frame)["click"].to_numpy()
    assert np.corrcoef(scores, frame.click)[0, 1] > 0.5, "ids are all 0: aggregates know the values"
    assert np.allclose(np.sort(scores), of_prepared_rows(run), atol=1e-6)
    assert np.allclose(served(tmp_path / "out", frame.to_dict("list"))[:, 0], scores, atol=1e-6)
    items = [3, "3", 3.0, "3.0", np.int64(3), 9999, "7777", None, float("nan"), ""]
    for code in ("05", "5", "5.0", " ", "", None, "unseen"):
        rows = {"item": items, "code": [code] * len(items), "price": [None] * len(items)}
        found = run.predict(pd.DataFrame(rows))["click"].to_numpy()
        assert np.allclose(served(tmp_path / "out", rows)[:, 0], found, atol=1e-6)
        alone = [served(tmp_path / "out", {name: [rows[name][k]] for name in rows})[0, 0] for k in (1, 6, 9)]
        assert np.allclose(alone, found[[1, 6, 9]], atol=1e-6)
        assert np.ptp(found[:5]) < 1e-6
        assert np.ptp(found[5:7]) < 1e-6
        assert np.ptp(found[7:]) < 1e-6
        assert len({*found.round(5)}) == 3, "an odd item, an unseen one, and a blank"
