"""Models of other spaces that take part in the last round of a search, by commands."""

import re
import shutil
import signal
from pathlib import Path

import pytest

from automtl_cli.app import run
from automtl_cli.errors import Stop
from automtl_core.registry.plugins import load_registry
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
REGISTRY = load_registry()
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


def rows(path):
    """Write a row without values for a run, and return the file."""
    names = [*Run.open(path).encoder(REGISTRY.field_encoders()).fields]
    Path("rows.csv").write_text(f"{','.join(names)}\n{',' * (len(names) - 1)}\n")
    return "rows.csv"


def test_a_better_rival_is_the_result_with_which_all_commands_work(automtl, done):
    made = Run.open(done)
    assert spaces(done) == ("mmoe", "mmoe")
    assert made.initial_config().space.name == "desan"
    assert [p.name for p in made.read(Search).front if p.chosen] == ["mmoe"]
    assert (made.read(Search).evidence, made.read(Result).refitted) == ((), True)
    for command in ("evaluate", "export", "report"):
        assert automtl(command, done).code == 0
    shown = automtl("show", done).out
    assert "architecture (model mmoe)" in shown
    assert "`mmoe`" in shown.splitlines()[0]
    assert automtl("predict", done, rows(done), "--out", "scores.csv").code == 0
    assert spaces(automtl("train", "--model", done, "--json").json()["run"]) == ("mmoe", "mmoe")


def test_a_point_of_another_space_is_trained(automtl, done):
    front = Run.open(done).read(Search).front
    for number, point in enumerate(front, 1):
        space = {"mmoe": "mmoe", "candidate 1": "desan"}[point.name]
        options = ("--set", "training.epochs=1", "--json")
        found = automtl("train", "--model", f"{done}@{number}", *options).json()
        assert spaces(found["run"]) == (space, space)
        assert found["result"]["flops_per_row"] == point.flops_per_row


def test_workers_find_the_same_bytes(automtl, done):
    automtl("search", "small.yaml", "--name", "workers", "--workers", "2")
    for name in BYTES:
        assert (done.with_name("workers") / name).read_bytes() == (done / name).read_bytes(), name


def test_a_search_that_stopped_among_rivals_goes_on_to_the_same_bytes(automtl, done, stopped):
    ended = stopped("mmoe 2", signal.SIGTERM, "search", "small.yaml", "--name", "half")
    assert ended.code == 143, ended.err
    assert automtl("search", "--resume", "runs/half").code == 0
    for name in BYTES:
        assert (done.with_name("half") / name).read_bytes() == (done / name).read_bytes(), name


@pytest.mark.needs_extra("boosting", "onnx")
def test_trees_may_be_the_result_and_are_exported(automtl, here):
    Path("trees.yaml").write_text(CLOSED.replace("[mmoe]", "[boosting]"))
    found = automtl("search", "trees.yaml", "--name", "trees", "--json").json()
    assert spaces(found["run"]) == ("boosting", "boosting")
    assert automtl("evaluate", found["run"]).code == 0
    assert automtl("export", found["run"], "--json").json()["largest_difference"] < 1e-6
    assert "architecture (model boosting)\n" in automtl("show", found["run"]).out


def test_one_member_may_be_the_result(automtl):
    strategy = "{name: pd-darts, epochs: 1, rounds: 1, steps: 15, rung_epochs: 1, rivals: [desan]}"
    few = re.sub("strategy: .*", f"strategy: {strategy}", CLOSED).replace("members: 1", "members: 4")
    Path("few.yaml").write_text(few.replace("rows: 600", "rows: 2000").replace("size: 200", "size: 50"))
    ended = automtl("search", "few.yaml", *SETS, "--json")
    assert (
        "desan does not take part in the final comparison: desan leaves choices open (name models"
        in ended.err
    )
    made = Run.open(Path((found := ended.json())["run"]))
    assert {p.name for p in made.read(Search).front} == {"search", "search (1 network)"}
    chosen, other = sorted(made.read(Search).front, key=lambda point: not point.chosen)
    assert chosen.name == "search (1 network)"
    scores = [m.score for m in made.read(Result).test.values() if m.is_informative(20)]
    assert 1 - chosen.test_loss == pytest.approx(sum(scores) / len(scores), abs=1e-6)
    assert (chosen.test_error, other.test_error > 0) == (0.0, True)
    assert made.read(Search).overrides == {"space": {"members": 1}}
    assert made.config().space.settings["members"] == 1
    assert automtl("evaluate", found["run"]).code == 0
