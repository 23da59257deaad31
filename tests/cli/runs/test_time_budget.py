"""Commands end in time, and say what they gave up."""

import json

import pytest


def test_a_search_ends_in_time(automtl, here):
    long = ("--set", "training.epochs=5000", "--set", "training.patience=5000")
    ended = automtl("search", "--config", "small.yaml", *long, "--time-budget", "3s", "--name", "short")
    assert ended.code == 0
    assert "time budget: time ended phase 'train' in epoch " in ended.out
    told = json.loads((here / "runs" / "short" / "budget.json").read_text())
    assert told["seconds"] < 3


@pytest.mark.parametrize(("workers", "seconds"), [(1, 900), (2, 1800)])
def test_a_comparison_shares_the_time(automtl, here, workers, seconds):
    small = ("dataset.rows=1000", "training.epochs=1", "space.embedding_dim=4", "space.experts=2")
    told = automtl(
        "compare", "--models", "mmoe,shared-bottom", *(word for one in small for word in ("--set", one)),
        "--seeds", "2", "--json", "--time-budget", "1h", "--workers", str(workers),
    ).json()  # fmt: skip
    assert len(told["models"]) == 2
    for path in (here / "comparisons" / "synthetic" / "cells").iterdir():
        assert f"time_budget: {seconds}.0" in (path / "config.yaml").read_text()


def test_what_is_no_time_is_told(automtl):
    for command in (["search"], ["train", "--model", "mmoe"], ["compare", "--models", "mmoe"]):
        ended = automtl(*command, "--time-budget", "soon")
        assert ended.code == 2
        assert "--time-budget 'soon' is not a duration" in ended.err
