"""The straight line by commands: search, show, evaluate, on a small dataset, also within a time budget."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from automtl_core import __version__
from automtl_core.run_dir.facts import Environment, Result
from automtl_core.run_dir.run import Run

SEARCH = ("search", "small.yaml")


@pytest.fixture
def done(finished, here):
    """Return a finished run that the test may change."""
    shutil.copytree(finished, here, dirs_exist_ok=True)
    return Path("runs/done")


def test_a_search_ends_with_a_run_that_holds_all_in_the_folder_of_the_environment(automtl, monkeypatch):
    monkeypatch.setenv("AUTOMTL_RUNS", "elsewhere")
    Path("elsewhere/small-1").mkdir(parents=True)
    found = automtl(*SEARCH, "--json").json()
    run = Path(found["run"])
    assert run == Path("elsewhere/small-2")
    baselines = found["result"].pop("baselines")
    assert baselines
    assert Run.open(run).read(Result).to_json() == found["result"]
    assert json.loads((run / "architecture.json").read_text()) == found["architecture"]
    assert Run.open(run).status().state == "done"
    assert set(found["result"]["test"]) == {"click", "like", "skip", "hide"}
    rows = {"train": 800, "validation": 100, "test": 100}
    assert json.loads((run / "data.json").read_text())["rows"] == rows
    assert json.loads((run / "environment.json").read_text())["plugins"]["desan"] == __version__


def test_people_see_progress_and_equal_seeds_make_equal_bytes(automtl, finished):
    shown = automtl(*SEARCH, "--seed", "3", "--name", "mine")
    assert shown.code == 0
    names = ("architecture.json", "metrics.jsonl", "result.json", "weights.safetensors", "importance.json")
    for name in names:
        assert Path("runs/mine", name).read_bytes() == (finished / "runs/done" / name).read_bytes()
    lines = [line.split(":")[0] for line in shown.err.splitlines() if "AUC" in line]
    assert lines[:4] == ["warm-up 1", "search 2", "search 3", "train 4"]
    assert all(line.endswith(" left") for line in shown.err.splitlines() if line.startswith("search "))
    assert "preparing data: encode" in shown.err
    assert shown.err.rstrip().splitlines()[-1] == "permutation importance: permute fields"
    for part in ("test AUC", "fields that matter: ", "saved in runs/mine", "automtl report runs/mine"):
        assert part in shown.out
    assert "\x1b" not in shown.out + shown.err


def plan(automtl, *options):
    return automtl("search", "--dry-run", "--json", *options).json()


def test_flags_go_before_file_before_preset_before_defaults(automtl):
    rows = ("--set", "dataset.rows=1000", "--set", "space.experts=2", "--set", "space.ops=[mlp-4]")
    Path("mine.yaml").write_text("seed: 5\ntraining: {epochs: 6, batch_size: 300}\n")
    assert plan(automtl, *rows)["config"]["seed"] == 0
    paper = plan(automtl, *rows, "--preset", "paper")["config"]["training"]
    assert paper["batch_size"] == 2048
    both = plan(automtl, *rows, "--preset", "paper", "mine.yaml")["config"]
    assert (both["training"]["epochs"], both["training"]["batch_size"]) == (6, 300)
    assert both["training"]["embedding_decay"] == paper["embedding_decay"]
    flags = ("--seed", "7", "--set", "training.epochs=2")
    all_ = plan(automtl, *rows, "--preset", "paper", "mine.yaml", *flags)["config"]
    assert (all_["seed"], all_["training"]["epochs"], all_["training"]["batch_size"]) == (7, 2, 300)


def test_a_file_and_a_preset_hold_for_several_models_and_a_single_setting_for_this_one(automtl):
    Path("mine.yaml").write_text(
        "dataset: {rows: 1000}\nfeatures: ids\nstrategy: {ensemble: 2}\n"
        "training: {epochs: 6, embedding_decay: 0.1}\n"
    )
    own = ("mine.yaml", "--preset", "quick")
    assert plan(automtl, *own)["config"]["encoding_search"]["epochs"] == 8
    assert automtl("train", "--model", "linear", "--dry-run", *own).code == 0
    ended = automtl("train", "--model", "linear", *own, "--set", "training.epochs=6")
    assert (ended.code, "training.epochs would be ignored by linear" in ended.err) == (2, True), ended.err


def test_evaluating_tells_what_changed_where_it_does_not_repeat(automtl, done):
    run = Run.open(done)
    result = run.read(Result)
    assert result.test is not None
    click = replace(result.test["click"], values={**result.test["click"].values, "log_loss": 0.5})
    run.write(replace(result, test={**result.test, "click": click}))
    run.write(replace(run.read(Environment), torch="1.0"))
    ended = automtl("evaluate", done)
    assert ended.code == 65
    assert "runs/done: the test metrics are not those that the run recorded" in ended.err
    assert "torch was 1.0, is " in ended.err
    assert "click" in ended.out


def test_a_search_ends_in_time(automtl, here):
    long = ("--set", "training.epochs=5000", "--set", "training.patience=5000")
    ended = automtl("search", "small.yaml", *long, "--time-budget", "3s", "--name", "short")
    assert ended.code == 0
    assert "time budget: time ended phase 'train' in epoch " in ended.out
    told = json.loads((here / "runs" / "short" / "budget.json").read_text())
    assert told["seconds"] < 3
