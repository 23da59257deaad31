"""No leak: where labels are drawn by coin, no model that reads histories predicts them."""

import numpy as np
import pandas as pd

import automtl

ROWS, TEST = 16_000, 0.4


def test_coin_labels_are_not_predicted_from_histories_that_hold_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTOMTL_PREPARED", raising=False)
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "user": [f"user {k}" for k in random.integers(0, 400, ROWS)],
            "item": [f"item {k}" for k in random.integers(0, 100, ROWS)],
            # Half of the rows share their time with others, and with their own copy in the log.
            "when": pd.Timestamp("2024-05-01") + pd.to_timedelta(random.integers(0, ROWS // 2, ROWS), "min"),
            "click": random.integers(0, 2, ROWS),
            "buy": random.integers(0, 2, ROWS),
        }
    )
    settings = {
        "dataset": {
            "user": "user", "time": "when", "split": "time", "history": {}, "history_length": 10,
            "test_fraction": TEST,
        },
        "features": {
            "history": ["matches", "last-2", "mean", "decay", "attention", "gru", "self-attention"],
            "statistics": "earlier", "crosses": [], "wide": True,
        },
        "training": {"epochs": 2, "embedding_decay": 0.1},
        "space": {"expert_layers": [16, 8], "embedding_dim": 4},
    }  # fmt: skip
    run = automtl.train(frame, ["click", "buy"], settings=settings, name="mine")
    error = 1 / (3 * ROWS * TEST) ** 0.5
    assert (abs(run.metrics["auc"] - 0.5) < 3 * error).all()
