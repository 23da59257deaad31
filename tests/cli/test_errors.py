"""Every way for a command to fail has one message, one remedy and one exit code, as documented."""

import json
import re
import resource
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from failures import DATASET, PAGE, SEARCH, check

from automtl_core import errors
from automtl_core.data.encoder import Encoder
from automtl_core.dataset.schema import DenseField, Schema, Task
from automtl_core.fields.numeric import Scale
from automtl_core.run_dir.config import load_config
from automtl_core.run_dir.run import Run

PROGRAM = (sys.executable, "-c", "from automtl_cli.app import main; main()")

SCHEMA = Schema((), (DenseField("x"),), (Task("click"),))


def all_errors(base):
    for error in base.__subclasses__():
        yield error
        yield from all_errors(error)


def test_every_exit_code_is_documented():
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    known = {error.exit_code for error in all_errors(errors.AutoMTLError)}
    assert documented == {0, 1, 129, 130, 143} | known


def test_wrong_commands_are_refused_before_anything_is_written(automtl, refused):
    """It takes five seconds: a tenth of a second for most commands."""
    Path("log.csv").write_text('at,click\n"12:30",1\n')
    Path("new.csv").write_text("a\n1\n")
    refused("usage.txt")
    wide = automtl("train", "--model", "mmoe", "--set", f"space.expert_layers={[8] * 5000}")
    check(wide, 2, "space.expert_layers: ")
    assert sorted(path.name for path in Path().iterdir()) == ["log.csv", "new.csv", "small.yaml"]


def test_a_run_that_is_done_or_changed_is_not_resumed(automtl, finished):
    resume = ("search", "--resume", finished / "runs/done")
    check(automtl(*resume), 2, "the run is done")
    for option in (
        ["--seed", "1"],
        ["--name", "x"],
        ["--set", "seed=1"],
        ["--dry-run"],
        ["--space", "desan"],
    ):
        check(automtl(*resume, *option), 2, "--resume continues a run unchanged")


@pytest.mark.filterwarnings("ignore:overflow")
def test_divergence(automtl):
    check(automtl(*SEARCH, "--set", "training.learning_rate=1e30"), 3, "")
    assert json.loads(Path("runs/small-1/status.json").read_text())["exit_code"] == 3


def test_damaged_artifacts(automtl, finished, here):
    shutil.copytree(finished, here, dirs_exist_ok=True)
    weights = Path("runs/done/weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    check(automtl("evaluate", "runs/done"), 65, "weights.safetensors: damaged")
    Path("runs/done/architecture.json").write_text('{"format": 9}')
    check(automtl("show", "runs/done"), 65, "architecture.json: its SHA-256 differs")
    check(automtl("show", "runs/done/architecture.json"), 65, "the architecture has format 9")


MISSING = {
    "show runs/lost": "runs/lost",
    "evaluate runs/lost": "runs/lost",
    "search --resume runs/lost": "runs/lost",
    "compare --models mmoe,runs/lost": "runs/lost: not a run dir",
    "compare --models runs/lost@2+uncertainty": "runs/lost@2: not a run dir",
    "search lost.yaml": "lost.yaml: cannot be read",
    "train --model lost.yaml small.yaml": "lost.yaml: cannot be read",
    "compare --models lost.yaml small.yaml": "lost.yaml: cannot be read",
    "search --dataset userbehavior": "data/userbehavior/UserBehavior.csv: raw file of dataset user",
    "data describe userbehavior --data-dir own": "here/own/UserBehavior.csv",
}


def test_missing_input(automtl, monkeypatch):
    for command, message in MISSING.items():
        check(automtl(*command.split()), 66, message)
    monkeypatch.setenv("AUTOMTL_DATA", "/nowhere")
    check(automtl("data", "describe", "userbehavior"), 66, "/nowhere/userbehavior/UserBehavior.csv")


def test_too_little_memory(automtl, install):
    install(DATASET % "raise MemoryError", "shop")
    Path("log.csv").write_text("item,click\na,1\n")
    check(automtl("data", "describe", "shop", "--data-dir", "."), 71, "out of memory")


def test_a_run_that_cannot_be_created(automtl, monkeypatch):
    Path("runs/mine").mkdir(parents=True)
    check(automtl(*SEARCH, "--name", "mine"), 73, "runs/mine: exists already")
    Path("file").touch()
    monkeypatch.setenv("AUTOMTL_RUNS", "file")
    check(automtl(*SEARCH), 73, "file: cannot be written to")


def test_a_full_disk(automtl, here, finished):
    """Writing of more than some kilobytes to a file fails, as it does where the disk is full."""
    shutil.copytree(finished / "prepared", "prepared")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        ended = automtl(*SEARCH)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    check(ended, 74, "runs/small-1/checkpoint.safetensors: cannot be written: File too large")
    assert ended.err.endswith("  fix: resume it: automtl search --resume runs/small-1\n")


def test_nobody_reads_standard_output_any_more():
    pipe = subprocess.PIPE
    with subprocess.Popen([*PROGRAM, "plugins"], stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 74
    assert said == "error: Broken pipe\n  fix: check the disk and the permissions\n"


@pytest.mark.parametrize(("closed", "code"), [(">&-", 74), ("2>&-", 0)])
def test_streams_that_are_closed(closed, code):
    command = f"{shlex.join([*PROGRAM, 'plugins'])} {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stderr.startswith("error: there is no standard output to write to\n" if code else "")
    assert "Traceback" not in done.stderr
    assert ("balancers: weighted-mean" in done.stdout) is (code == 0)


def test_names_that_are_no_plain_ones(automtl):
    for name in ("", "..", "a\nerror: forged", "a\x1b[2J"):
        for more in ([], ["--dry-run"]):
            check(automtl(*SEARCH, "--name", name, *more), 2, "is not a plain name")
    assert not Path("runs").exists()


def test_a_run_in_use(automtl):
    config = load_config({"space": "mmoe", "dataset": "synthetic", "strategy": "darts"})
    with Run.create(Path("runs/busy"), config, [], Encoder(SCHEMA, {"x": Scale("none", 0.0, 1.0)})) as run:
        check(automtl("search", "--resume", run.path), 75, "runs/busy: another process works on this run")


def test_a_bug_shows_its_traceback(automtl, monkeypatch):
    def boom():
        raise RuntimeError("boom \x1b[31m")

    monkeypatch.setattr("automtl_cli.options.runs_folder", boom)
    ended = automtl("list", "runs")
    check(ended, 1, "this is a bug of automtl")
    assert "RuntimeError: boom \\x1b[31m" in ended.err


def test_a_line_break_in_a_name_forges_no_line(automtl):
    for forged in ("no\nerror: forged", "no\n  fix: rm -r ~"):
        for arguments in (["show", forged], ["search", "--set", f"{forged}=1"], ["search", forged]):
            lines = automtl(*arguments).err.splitlines()
            assert [line for line in lines if line.startswith(("error: forged", "  fix: rm"))] == []


@pytest.mark.parametrize("words", [["foo"], ["plugins", "list"], ["train", "--foo", "1"]], ids=" ".join)
def test_a_wrong_command_beside_a_damaged_package(automtl, install, words):
    """Its explanation imports libraries, which cannot be imported there."""
    install("", "mine")
    (info,) = (path for entry in sys.path[:1] for path in Path(entry).glob("*.dist-info"))
    (info / "entry_points.txt").write_bytes(b"\xff\xfe[automtl]\n")
    check(automtl(*words), 69, "unreadable entry points of an installed package")


def test_what_a_plugin_raises_is_its_own(automtl, install, monkeypatch):
    module = install(DATASET % "raise RuntimeError('boom \\x1b[31m')", "shop")
    Path("log.csv").write_text("item,click\na,1\n")
    prepare = ("data", "describe", "shop", "--data-dir", ".")
    ended = automtl(*prepare)
    check(ended, 69, r"the dataset 'shop' of plugin 'shop' failed: RuntimeError: boom \\x1b\[31m \(.*:\d+\)")
    assert f"repair or upgrade {module} 1.5, or set AUTOMTL_DISABLE_PLUGINS=shop" in ended.err
    monkeypatch.setenv("AUTOMTL_DEBUG", "1")
    ended = automtl(*prepare)
    assert (ended.code, "Traceback" in ended.err) == (69, True)


def test_what_a_plugin_prints_while_it_is_imported_is_no_output(automtl, install):
    install("print('welcome')\n" + DATASET % "pass", "shop")
    ended = automtl("list", "datasets", "--json")
    assert "shop" in ended.json()
    assert ended.err == "welcome\n"


BROKEN = """
from torch import nn
from automtl_core import hookimpl
from automtl_core.search.strategy import SearchStrategy

def wide(in_dim, out_dim, dropout):
    return nn.Linear(in_dim, 1)

class Forgets(SearchStrategy):
    def search(self, listener): return None
    def state_dict(self): return {}
    def load_state_dict(self, state): pass

class Fails(Forgets):
    def search(self, listener): return self.nothing

@hookimpl
def automtl_register_ops():
    return {"wide": wide}

@hookimpl
def automtl_register_strategies():
    return {"forgets": Forgets, "fails": Fails}
"""
FAULTS = {
    "--set space.ops=[identity,wide]": r"op 'wide' of plugin 'mine' maps \[2, \d+\] to \[2, 1\]",
    "--strategy forgets": "the strategy 'forgets' of plugin 'mine': search returns NoneType",
    "--strategy fails": "strategy 'fails' of plugin 'mine' failed: AttributeError: 'Fails'",
}


@pytest.mark.parametrize("options", FAULTS)
def test_a_fault_of_a_plugin_names_it(automtl, install, options):
    install(BROKEN, "mine")
    small = "--set dataset.rows=500 --set space.experts=2 --set space.blocks=1"
    check(automtl("search", *small.split(), *options.split()), 69, FAULTS[options])
    for log in Path("runs").glob("*/log.txt"):
        assert "Traceback" in log.read_text() or "SearchResult" in log.read_text()
