"""Results of a search that are models of other spaces, or means of several models, by commands."""

import re
import shutil
import signal
from pathlib import Path

import pytest
import torch

from automtl_cli.app import run
from automtl_cli.errors import Stop
from automtl_core.run_dir.facts import Result, Search
from automtl_core.run_dir.run import Run

CLOSED = """
dataset: {name: synthetic, rows: 600}
features: ids
space: {name: desan, layers: 1, experts: 2, blocks: 1, ops: [identity, mlp-4], embedding_dim: 4, members: 1}
strategy: {name: random, candidates: 1, share: 0.0, rung_epochs: 1, rivals: [mmoe]}
training: {epochs: 2, batch_size: 200}
refit: true
"""
"""A search whose only candidate reads no field, so that any other model is better."""
SETS = ("--set", "refit=false", "--set", "training.min_positives=20")
BYTES = ("architecture.json", "metrics.jsonl", "result.json", "search.json", "weights.safetensors")


@pytest.fixture(scope="session")
def rivalled(tmp_path_factory):
    """Return a folder with the finished run `runs/done`, whose result is MMoE."""
    folder = tmp_path_factory.mktemp("rivalled")
    (folder / "small.yaml").write_text(CLOSED)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["search", "small.yaml", "--name", "done"], Stop()) == 0
    return folder


@pytest.fixture
def done(rivalled, here):
    shutil.copytree(rivalled, here, dirs_exist_ok=True)
    return Path("runs/done")


def spaces(path):
    """Return the spaces that a run names: in its settings, and in its architecture."""
    made = Run.open(Path(path))
    return made.config().space.name, made.architecture().origin.space


def test_a_better_rival_is_the_result_with_which_all_commands_work(automtl, done):
    made = Run.open(done)
    assert spaces(done) == ("mmoe", "mmoe")
    assert made.initial_config().space.name == "desan"
    assert [p.name for p in made.read(Search).front if p.chosen] == ["mmoe"]
    assert (made.read(Search).evidence, made.read(Result).refitted) == ((), True)
    for command in ("evaluate", "export", "report"):
        assert automtl(command, done).code == 0
    assert "architecture (model mmoe)" in automtl("show", done).out
    assert spaces(automtl("train", "--model", done, "--json").json()["run"]) == ("mmoe", "mmoe")


def test_workers_and_a_search_that_was_stopped_among_rivals_find_the_same_bytes(automtl, done, stopped):
    assert automtl("search", "small.yaml", "--name", "workers", "--workers", "2").code == 0
    ended = stopped("mmoe 2", signal.SIGTERM, "search", "small.yaml", "--name", "half")
    assert ended.code == 143, ended.err
    assert automtl("search", "--resume", "runs/half").code == 0
    for other in ("workers", "half"):
        for name in BYTES:
            assert (done.with_name(other) / name).read_bytes() == (done / name).read_bytes(), (other, name)


def test_one_member_may_be_the_result(automtl):
    strategy = "{name: pd-darts, epochs: 1, rounds: 1, steps: 15, rung_epochs: 1, rivals: [desan]}"
    few = re.sub("strategy: .*", f"strategy: {strategy}", CLOSED).replace("members: 1", "members: 4")
    Path("few.yaml").write_text(few.replace("rows: 600", "rows: 2000").replace("size: 200", "size: 50"))
    ended = automtl("search", "few.yaml", *SETS, "--json")
    assert "desan does not take part in the final comparison: desan leaves choices open" in ended.err
    made = Run.open(Path(ended.json()["run"]))
    chosen, other = sorted(made.read(Search).front, key=lambda point: not point.chosen)
    assert (chosen.name, other.name) == ("search (1 network)", "search")
    scores = [m.score for m in made.read(Result).test.values() if m.is_informative(20)]
    assert 1 - chosen.test_loss == pytest.approx(sum(scores) / len(scores), abs=1e-6)
    assert (chosen.test_error, other.test_error > 0) == (0.0, True)
    assert made.read(Search).overrides == {"space": {"members": 1}}
    assert made.config().space.settings["members"] == 1
    assert automtl("evaluate", made.path).code == 0


@pytest.fixture
def blend(ensembled, here):
    """Return a run whose network is the mean of three."""
    shutil.copytree(ensembled, here, dirs_exist_ok=True)
    return Run.open(Path("runs/done"))


def test_the_result_may_be_the_mean_of_models_of_two_kinds(blend):
    models = [model["name"] for model in blend.config().space.settings["models"]]
    assert models == ["desan", "desan", "mmoe"]
    assert blend.config().strategy.settings["ensemble"] == 3
    (chosen,) = (point for point in blend.read(Search).front if point.chosen)
    result = blend.read(Result)
    assert (chosen.flops_per_row, chosen.parameters) == (result.flops_per_row, result.parameters)


def test_a_mean_is_trained_again_as_each_model_alone(automtl, blend):
    plan = automtl("train", "--model", blend.path, "--dry-run", "--json").json()["plan"]
    assert plan["most_training_epochs"] == 6
    again = Run.open(Path(automtl("train", "--model", blend.path, "--json").json()["run"]))
    assert again.architecture() == blend.architecture()
    assert [report["epoch"] for report in again.reports()] == [1, 2, 3, 4, 5, 6]
    points = [point.name for point in blend.read(Search).front]
    first = f"{blend.path}@{points.index('candidate 1') + 1}"
    alone = Run.open(Path(automtl("train", "--model", first, "--json").json()["run"])).weights()
    weights = again.weights()
    assert all(torch.equal(weights[f"members.0.{name}"], alone[name]) for name in alone)
    assert automtl("evaluate", again.path).code == 0
