"""A number in events, the seconds of play, which no row has: predicted and served as it is prepared."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automtl
from automtl_core.data.store import Prepared
from automtl_core.registry.plugins import load_registry
from automtl_core.workflow.workflow import Workflow

USERS, ROWS, PLAYS = 40, 1600, 3000
LAYERS = {
    "features": {"history": ["last-2", "mean", "attention"], "aggregates": ["song"]},
    "training": {"epochs": 8, "batch_size": 64, "min_positives": 1, "learning_rate": 0.01},
    "space": {"embedding_dim": 4, "experts": 1, "expert_layers": [8], "tower_layers": []},
}
TABLE = {
    "files": "rows.csv",
    "sparse": ["user", "song"],
    "labels": ["finish"],
    "user": "user",
    "time": "at",
    "split": "time",
    "history": {"files": "plays.csv", "fields": ["song"], "numbers": {"seconds": {"scaling": "log"}}},
}
ALONE = """
import json, sys
sys.modules.update(dict.fromkeys(("torch", "pandas", "automtl_core")))
from pathlib import Path
import onnxruntime
from encode import Encoder
inputs = Encoder("encoder")(json.loads(Path("../lists.json").read_text()))
session = onnxruntime.InferenceSession("model.onnx")
taken = {one.name for one in session.get_inputs()}
print(json.dumps(session.run(None, {name: inputs[name] for name in inputs if name in taken})[0].tolist()))
"""


def rows() -> pd.DataFrame:
    """Return songs that were offered: users who played long finish them."""
    draw = np.random.default_rng(0)
    user, at = draw.integers(0, USERS, ROWS), draw.permutation(ROWS) + 500
    finish = (draw.random(ROWS) < np.where(user % 2, 0.9, 0.1)).astype(int)
    song = [f"song {k}" for k in draw.integers(0, 30, ROWS)]
    return pd.DataFrame({"user": [f"user {k}" for k in user], "song": song, "at": at, "finish": finish})


def plays() -> pd.DataFrame:
    """Return the log: user, song, time, and the seconds of play, some of them unknown."""
    draw = np.random.default_rng(1)
    user, at = draw.integers(0, USERS, PLAYS), draw.integers(0, ROWS + 500, PLAYS)
    seconds = np.where(user % 2, 200.0, 20.0) * draw.uniform(0.5, 1.5, PLAYS)
    seconds[draw.random(PLAYS) < 0.05] = np.nan
    song = [f"song {k}" for k in draw.integers(0, 35, PLAYS)]
    return pd.DataFrame({"user": [f"user {k}" for k in user], "song": song, "at": at, "seconds": seconds})


def lists():
    """Return new rows that hold the events."""
    found = []
    for row in rows().head(200).to_dict("records"):
        log = plays()[lambda log, row=row: (log["user"] == row["user"]) & (log["at"] < row["at"])]
        log = log.sort_values(["at", "song", "seconds"]).tail(50)
        columns = log[["song", "seconds"]].assign(finish=0, **{"automtl:age": row["at"] - log["at"]})
        held = {f"past:{of}": [None if pd.isna(v) else v for v in columns[of].tolist()] for of in columns}
        found.append({"song": row["song"], "user": row["user"], **held})
    return pd.DataFrame(found)


@pytest.mark.needs_extra("onnx")
def test_a_number_in_events_is_prepared_trained_predicted_and_exported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows().to_csv("rows.csv", index=False)
    log = plays().assign(finish=0)
    log.to_csv("plays.csv", index=False)
    layer = {"dataset": {"name": "table", **TABLE}, "data_dir": str(tmp_path), **LAYERS}
    line = Workflow(load_registry())
    run = automtl.load(line.search(line.model("mmoe", [layer]), tmp_path / "runs", "run").path)
    (folder,) = run._folder.config().prepared_dir.glob("*-refit")
    past = Prepared.open(folder).part("train").histories[0].events.numbers
    assert past.dtype == np.float32
    assert (np.nanmean(past[:, -1]), np.nanstd(past[:, -1])) == pytest.approx((0, 1), abs=0.1)
    new = rows().head(200).drop(columns="finish")
    scores = run.predict(new, history=log)["finish"]
    assert np.corrcoef(scores, rows().head(200)["finish"])[0, 1] > 0.5
    held = lists()
    assert run.predict(held)["finish"].to_numpy() == pytest.approx(scores.to_numpy(), abs=1e-6)
    exported = run.export(tmp_path / "served")
    Path("lists.json").write_text(json.dumps(held.to_dict("list")))
    done = subprocess.run([sys.executable, "-c", ALONE], cwd=exported, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    assert np.array(json.loads(done.stdout))[:, 0] == pytest.approx(scores.to_numpy(), abs=1e-5)
