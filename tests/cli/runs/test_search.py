"""The straight line by commands: search, evaluate, export and train again, on a small dataset."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from automtl_core import __version__
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
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
    assert found["result"].pop("baselines")
    assert Run.open(run).read(Result).to_json() == found["result"]
    assert json.loads((run / "architecture.json").read_text()) == found["architecture"]
    assert set(found["result"]["test"]) == {"click", "like", "skip", "hide"}
    assert json.loads((run / "environment.json").read_text())["plugins"]["desan"] == __version__


def test_people_see_progress_and_equal_seeds_make_equal_bytes(automtl, finished):
    shown = automtl(*SEARCH, "--seed", "3", "--name", "mine")
    names = ("architecture.json", "metrics.jsonl", "result.json", "weights.safetensors", "importance.json")
    for name in names:
        assert Path("runs/mine", name).read_bytes() == (finished / "runs/done" / name).read_bytes()
    lines = [line for line in shown.err.splitlines() if "AUC" in line]
    assert [line.split(":")[0] for line in lines[:4]] == ["warm-up 1", "search 2", "search 3", "train 4"]
    assert all(line.endswith(" left") for line in lines[1:3])
    assert "preparing data: encode" in shown.err
    assert shown.err.rstrip().splitlines()[-1] == "permutation importance: permute fields"
    assert "\x1b" not in shown.out + shown.err


def test_options_go_before_a_file_before_a_preset_before_defaults(automtl):
    Path("mine.yaml").write_text("seed: 5\ntraining: {epochs: 6, batch_size: 300}\n")
    options = "--preset paper mine.yaml --seed 7 --set training.epochs=2 --set space.ops=[mlp-4]"
    config = automtl("search", "--dry-run", "--json", *options.split()).json()["config"]
    training, preset = config["training"], load_registry().get(PRESETS, "paper")["training"]
    assert (config["seed"], training["epochs"], training["batch_size"]) == (7, 2, 300)
    assert training["embedding_decay"] == preset["embedding_decay"]


def test_evaluating_tells_what_changed_where_it_does_not_repeat(automtl, done):
    run = Run.open(done)
    result = run.read(Result)
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
    assert "time budget: time ended phase 'train' in epoch " in ended.out
    assert json.loads((here / "runs/short/budget.json").read_text())["seconds"] < 3


def test_an_export_is_never_overwritten_and_its_folder_is_quoted(automtl, done):
    export = ("export", done, "--format", "torch", "--out", "my net")
    assert automtl(*export).out.endswith("next: python 'my net/example.py'\n")
    assert automtl(*export).code == 73
