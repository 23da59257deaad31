"""Commands end in time, and say what they gave up."""

import json


def test_a_search_ends_in_time(automtl, here):
    long = ("--set", "training.epochs=5000", "--set", "training.patience=5000")
    ended = automtl("search", "--config", "small.yaml", *long, "--time-budget", "3s", "--name", "short")
    assert ended.code == 0
    assert "time budget: time ended phase 'train' in epoch " in ended.out
    told = json.loads((here / "runs" / "short" / "budget.json").read_text())
    assert told["seconds"] < 3


def test_a_comparison_shares_the_time(automtl, here):
    small = ("dataset.rows=1000", "training.epochs=1", "space.embedding_dim=4", "space.experts=2")
    told = automtl(
        "compare", "--models", "mmoe,shared-bottom", *(word for one in small for word in ("--set", one)),
        "--seeds", "2", "--json", "--time-budget", "1h",
    ).json()  # fmt: skip
    assert len(told["models"]) == 2
    for path in (here / "comparisons" / "synthetic" / "cells").iterdir():
        assert "time_budget: 900.0" in (path / "config.yaml").read_text()


def test_what_is_no_time_is_told(automtl):
    for command in (["search"], ["train", "--model", "mmoe"], ["compare", "--models", "mmoe"]):
        ended = automtl(*command, "--time-budget", "soon")
        assert ended.code == 2
        assert "--time-budget 'soon' is not a duration" in ended.err
