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

CLOSED = """error: there is no standard output to write to
  fix: do not close it: >/dev/null discards the output
"""
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


def test_a_run_that_is_done_or_changed_is_not_resumed(automtl, finished):
    check(automtl("search", "--resume", finished / "runs/done"), 2, "the run is done")
    for options in (
        ["--seed", "1"],
        ["--name", "x"],
        ["--set", "seed=1"],
        ["--dry-run"],
        ["--space", "desan"],
    ):
        ended = automtl("search", "--resume", finished / "runs/done", *options)
        check(ended, 2, "--resume continues a run unchanged")


@pytest.mark.filterwarnings("ignore:overflow")
def test_divergence(automtl):
    check(automtl(*SEARCH, "--set", "training.learning_rate=1e30"), 3, "")
    assert json.loads(Path("runs/small-1/status.json").read_text())["exit_code"] == 3


def test_bad_raw_data(automtl, install):
    install(DATASET % "return db.table('log')", "shop")
    Path("data/shop").mkdir(parents=True)
    Path("data/shop/log.csv").write_text("item,click\na,1\nb,0,9\n")
    check(automtl("data", "describe", "shop"), 65, "data/shop/log.csv:3: expected 2 columns, found 3")


def damage(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_damaged_artifacts(automtl, finished, here):
    shutil.copytree(finished, here, dirs_exist_ok=True)
    damage(here / "runs/done/weights.safetensors")
    check(automtl("evaluate", "runs/done"), 65, "weights.safetensors: damaged")
    (here / "runs/done/architecture.json").write_text('{"format": 9}')
    check(
        automtl("show", "runs/done"), 65, "architecture.json: its SHA-256 differs from the one in runs/done"
    )
    check(automtl("show", "runs/done/architecture.json"), 65, "the architecture has format 9")


def test_missing_input(automtl, monkeypatch):
    raw, own = "data/userbehavior/UserBehavior.csv: raw file of dataset user", ["--data-dir", "own"]
    for message, *command in (
        ("runs/lost", "show", "runs/lost"),
        ("runs/lost", "evaluate", "runs/lost"),
        ("runs/lost", "search", "--resume", "runs/lost"),
        ("runs/lost: not a run dir", "compare", "--models", "mmoe,runs/lost"),
        ("runs/lost@2: not a run dir", "compare", "--models", "runs/lost@2+uncertainty"),
        ("lost.yaml: cannot be read", "search", "lost.yaml"),
        ("lost.yaml: cannot be read", "train", "--model", "lost.yaml", "small.yaml"),
        ("lost.yaml: cannot be read", "compare", "--models", "lost.yaml", "small.yaml"),
        (raw, "search", "--dataset", "userbehavior"),
        ("here/own/UserBehavior.csv", "data", "describe", "userbehavior", *own),
    ):
        check(automtl(*command), 66, message)
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


@pytest.fixture
def no_large_files():
    """Let writing of more than some kilobytes to a file fail, as it does where the disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def prepared(here, finished):
    """Prepare the data of small.yaml."""
    shutil.copytree(finished / "prepared", "prepared")


@pytest.mark.usefixtures("prepared", "no_large_files")
def test_a_full_disk(automtl):
    ended = automtl(*SEARCH)
    assert ended.code == 74, ended.err
    assert ended.err.endswith(
        "error: runs/small-1/checkpoint.safetensors: cannot be written: File too large\n"
        "  fix: free some space and try again\n"
        "  fix: resume it: automtl search --resume runs/small-1\n"
    )


def test_nobody_reads_standard_output_any_more():
    pipe = subprocess.PIPE
    with subprocess.Popen([*PROGRAM, "plugins"], stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 74
    assert said == "error: Broken pipe\n  fix: check the disk and the permissions\n"


@pytest.mark.parametrize(("closed", "code"), [(">&-", 74), ("2>&-", 0)])
def test_streams_that_are_closed(closed, code):
    command = f"{shlex.join([*PROGRAM, 'plugins'])} {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stderr == (CLOSED if code else "")
    assert ("balancers: weighted-mean" in done.stdout) is (code == 0)


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\nerror: forged", "a\x1b[2J"])
def test_names_that_are_no_plain_ones(automtl, name):
    for more in ([], ["--dry-run"]):
        check(automtl(*SEARCH, "--name", name, *more), 2, "is not a plain name")
    assert not Path("runs").exists()


def test_a_run_in_use(automtl):
    config = load_config({"space": "mmoe", "dataset": "synthetic", "strategy": "darts"})
    with Run.create(Path("runs/busy"), config, [], Encoder(SCHEMA, {"x": Scale("none", 0.0, 1.0)})) as run:
        check(automtl("search", "--resume", run.path), 75, "runs/busy: another process works on this run")


def test_a_bug_shows_its_traceback(automtl, monkeypatch):
    def boom(rows):
        raise RuntimeError("boom \x1b[31m")

    monkeypatch.setattr("automtl_cli.listings._view_plugins", boom)
    ended = automtl("plugins")
    check(ended, 1, "this is a bug of automtl")
    assert "Traceback" in ended.err
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


def test_an_unusable_plugin(automtl, install):
    hook = "from automtl_core import hookimpl\n@hookimpl\ndef automtl_register_datasets():\n    "
    install(hook + "return {'shop': 'automtl_no_such_module:Shop'}", "shop")
    check(
        automtl("data", "describe", "shop"),
        69,
        "the dataset 'shop' of plugin 'shop' cannot be used: ModuleNot",
    )


def test_what_a_plugin_raises_is_its_own(automtl, install, monkeypatch):
    module = install(DATASET % "raise RuntimeError('boom \\x1b[31m')", "shop")
    Path("log.csv").write_text("item,click\na,1\n")
    prepare = ("data", "describe", "shop", "--data-dir", ".")
    ended = automtl(*prepare)
    check(ended, 69, r"the dataset 'shop' of plugin 'shop' failed: RuntimeError: boom \\x1b\[31m \(.*:\d+\)")
    assert f"repair or upgrade {module} 1.5, or set AUTOMTL_DISABLE_PLUGINS=shop" in ended.err
    assert "Traceback" not in ended.err
    monkeypatch.setenv("AUTOMTL_DEBUG", "1")
    ended = automtl(*prepare)
    assert ended.code == 69
    assert "Traceback" in ended.err


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
    "op": (
        ["--set", "space.ops=[identity, wide]"],
        r"op 'wide' of plugin 'mine' maps \[2, \d+\] to \[2, 1\]",
    ),
    "result": (["--strategy", "forgets"], "the strategy 'forgets' of plugin 'mine': search returns NoneType"),
    "code": (["--strategy", "fails"], "strategy 'fails' of plugin 'mine' failed: AttributeError: 'Fails'"),
}


@pytest.mark.parametrize(("options", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_a_plugin_names_it(automtl, install, options, message):
    install(BROKEN, "mine")
    small = ("--set", "dataset.rows=500", "--set", "space.experts=2", "--set", "space.blocks=1")
    ended = automtl("search", *small, *options)
    check(ended, 69, message)
    assert "Traceback" not in ended.err
    for log in Path("runs").glob("*/log.txt"):
        assert "Traceback" in log.read_text() or "SearchResult" in log.read_text()
