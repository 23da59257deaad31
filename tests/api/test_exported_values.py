"""The exported encoder reads the values of a data frame as `predict` does."""

import numpy as np
import pandas as pd
import torch

import automtl
from automtl_core.fields.field import exported

ROWS = 300


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
    settings = {"features": "ids", "training": training, "dataset": fields}
    run = automtl.train(frame, ["click"], model="shared-bottom", settings=settings)
    run.export("out", form="torch")
    encoder = exported(tmp_path / "out" / "encode.py", tmp_path / "out" / "encoder")
    inputs = encoder({name: frame[name] for name in frame})
    assert all(len(set(column)) > 2 for column in inputs["ids"].T[1:])  # not all unseen
    network = torch.export.load(tmp_path / "out" / "model.pt2").module()
    served = network(*(torch.from_numpy(array) for array in inputs.values())).detach().numpy()
    assert np.allclose(served[:, 0], run.predict(frame)["click"], atol=1e-6)


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
