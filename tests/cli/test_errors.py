"""Every way for a command to fail has one message, one remedy and one exit code, as documented."""

import json
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from automtl_cli import listings
from automtl_core import errors
from automtl_core.runs.config import load_config
from automtl_core.runs.run import Run
from automtl_core.testing.samples import sample_encoder, sample_schema

Automtl = Callable[..., Any]
Install = Callable[..., str]

PAGE = (Path(__file__).parents[2] / "docs" / "exit-codes.md").read_text()
PROGRAM = (sys.executable, "-c", "from automtl_cli.app import main; main()")
SEARCH = ("search", "--config", "small.yaml")

DATASET = """
from automtl_core import hookimpl
from automtl_core.dataset import BIT, TEXT, Dataset, Label, RawFile, Sparse

class Shop(Dataset):
    version = 1
    fields = (Sparse("item"),)
    labels = (Label("click"),)

    def files(self):
        return {"log": RawFile("log.csv", {"item": TEXT, "click": BIT})}

    def rows(self, db):
        %s

@hookimpl
def automtl_register_datasets():
    return {"shop": Shop}
"""


def check(ended: Any, code: int, message: str) -> None:
    assert ended.code == code, ended.err
    assert ended.out == ""
    assert re.search(rf"^error: .*{message}", ended.err, re.MULTILINE), ended.err
    assert re.search(r"^  fix: ", ended.err, re.MULTILINE), ended.err
    assert ("Traceback" in ended.err) == (code == 1)
    assert f"\n| {code} |" in PAGE


def all_errors(base: type[errors.AutoMTLError]) -> Iterator[type[errors.AutoMTLError]]:
    for error in base.__subclasses__():
        yield error
        yield from all_errors(error)


def test_every_exit_code_is_documented() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    known = {error.exit_code for error in all_errors(errors.AutoMTLError)}
    assert documented == {0, 1, 129, 130, 143} | known


USAGE = {
    "unknown command": (["serach"], "No such command 'serach'"),
    "unknown flag": (["search", "--sed", "1"], "No such option: --sed"),
    "missing argument": (["show"], "Missing argument 'RUN'"),
    "no number": (["search", "--seed", "x"], "Invalid value for '--seed'"),
    "unknown space": (
        ["search", "--space", "desam"],
        r"no space is called 'desam' \(did you mean 'desan'",
    ),
    "unknown strategy": (["search", "--strategy", "x"], "no strategy is called 'x'; known: .*pd-darts"),
    "unknown dataset": (["search", "--dataset", "x"], "no dataset is called 'x'; known: .*synthetic"),
    "unknown op": (["search", "--set", "space.ops=[mpl-4]"], "no op is called 'mpl-4'"),
    "unknown preset": (["search", "--preset", "papr"], r"no preset is called 'papr' \(did you mean 'paper'"),
    "unknown key": (
        ["search", "--set", "training.epoch=3"],
        r"training.epoch is not a setting \(did you mean 'epochs'",
    ),
    "wrong value": (["search", "--set", "training.epochs=many"], "training.epochs: .*given 'many'"),
    "no assignment": (["search", "--set", "training.epochs"], "is not of the form a.b=value"),
    "no YAML": (["search", "--set", "training.epochs=[1"], "not valid YAML"),
    "no name": ([*SEARCH, "--name", ""], "--name '' is not a plain name"),
    "name with a slash": ([*SEARCH, "--name", "a/b"], "--name 'a/b' is not a plain name"),
}


@pytest.mark.parametrize(("command", "message"), USAGE.values(), ids=USAGE.keys())
def test_usage(automtl: Automtl, command: list[str], message: str) -> None:
    check(automtl(*command), 2, message)
    assert not Path("runs").exists()


def test_all_faults_of_a_configuration_come_at_once(automtl: Automtl) -> None:
    Path("bad.yaml").write_text("sed: 1\ntraining: {epochs: 0, patienc: 1}\n")
    ended = automtl("search", "--config", "bad.yaml")
    check(ended, 2, "")
    for fault in ("sed is not a setting", "epochs: ", "patienc is not a setting"):
        assert fault in ended.err


def test_a_run_that_is_done_or_changed_is_not_resumed(automtl: Automtl, finished: Path) -> None:
    check(automtl("search", "--resume", finished / "runs/done"), 2, "the run is done")
    for options in (
        ["--seed", "1"],
        ["--name", "x"],
        ["--set", "seed=1"],
        ["--dry-run"],
        ["--space", "desan"],
    ):
        ended = automtl("search", "--resume", finished / "runs/done", *options)
        check(ended, 2, "--resume goes on with a run as it is")


@pytest.mark.filterwarnings("ignore:overflow")
def test_divergence(automtl: Automtl) -> None:
    check(automtl(*SEARCH, "--set", "training.learning_rate=1e30"), 3, "")
    assert json.loads(Path("runs/synthetic-1/status.json").read_text())["exit_code"] == 3


def test_bad_raw_data(automtl: Automtl, install: Install) -> None:
    install(DATASET % "return db.table('log')", "shop")
    Path("data/shop").mkdir(parents=True)
    Path("data/shop/log.csv").write_text("item,click\na,1\nb,0,9\n")
    check(automtl("data", "prepare", "shop"), 65, "data/shop/log.csv:3: expected 2 columns, found 3")


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_damaged_artifacts(automtl: Automtl, finished: Path, here: Path) -> None:
    shutil.copytree(finished, here, dirs_exist_ok=True)
    damage(here / "runs/done/weights.safetensors")
    check(automtl("evaluate", "runs/done"), 65, "weights.safetensors: damaged")
    (here / "runs/done/architecture.json").write_text('{"format": 9}')
    check(
        automtl("show", "runs/done"), 65, "architecture.json: not the one that runs/done/result.json speaks"
    )
    check(automtl("show", "runs/done/architecture.json"), 65, "the architecture has format 9")


def test_missing_input(automtl: Automtl, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (["show"], ["evaluate"], ["search", "--resume"]):
        check(automtl(*command, "runs/lost"), 66, "runs/lost")
    check(automtl("search", "--config", "lost.yaml"), 66, "lost.yaml: cannot be read")
    name = "data/userbehavior/UserBehavior.csv: raw file of dataset userbehavior not found"
    check(automtl("search", "--dataset", "userbehavior"), 66, name)
    check(automtl("data", "prepare", "userbehavior", "--data-dir", "own"), 66, "here/own/UserBehavior.csv")
    monkeypatch.setenv("AUTOMTL_DATA", "/nowhere")
    check(automtl("data", "prepare", "userbehavior"), 66, "/nowhere/userbehavior/UserBehavior.csv")


def test_an_unusable_plugin(automtl: Automtl, install: Install) -> None:
    hook = "from automtl_core import hookimpl\n@hookimpl\ndef automtl_register_datasets():\n    "
    install(hook + "return {'shop': 'automtl_no_such_module:Shop'}", "shop")
    check(
        automtl("data", "prepare", "shop"),
        69,
        "the dataset 'shop' of plugin 'shop' cannot be used: ModuleNot",
    )


def test_too_little_memory(automtl: Automtl, install: Install) -> None:
    install(DATASET % "raise MemoryError", "shop")
    Path("log.csv").write_text("item,click\na,1\n")
    check(automtl("data", "prepare", "shop", "--data-dir", "."), 71, "out of memory")


def test_a_run_that_cannot_be_created(automtl: Automtl) -> None:
    Path("runs/mine").mkdir(parents=True)
    check(automtl(*SEARCH, "--name", "mine"), 73, "runs/mine: exists already")
    Path("file").touch()
    check(automtl(*SEARCH, "--runs-dir", "file"), 73, "file: cannot be written to")


def test_a_full_disk(here: Path, finished: Path) -> None:
    def no_large_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    shutil.copytree(finished / "prepared", "prepared")
    done = subprocess.run(
        [*PROGRAM, *SEARCH], preexec_fn=no_large_files, capture_output=True, text=True, check=False
    )
    assert done.returncode == 74, done.stderr
    assert done.stderr.endswith(
        "error: runs/synthetic-1/checkpoint.safetensors: cannot be written: File too large\n"
        "  fix: free some space and try again\n"
        "  fix: go on with: automtl search --resume runs/synthetic-1\n"
    )


def test_nobody_reads_standard_output_any_more(finished: Path) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([*PROGRAM, "show", finished / "runs/done"], stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 74
    assert said == "error: Broken pipe\n  fix: check the disk and the permissions\n"


def test_a_run_in_use(automtl: Automtl) -> None:
    config = load_config({"space": "mmoe", "dataset": "synthetic", "strategy": "darts"})
    with Run.create(Path("runs/busy"), config, [], sample_encoder(sample_schema())) as run:
        check(automtl("search", "--resume", run.path), 75, "runs/busy: another process works on this run")


def test_a_bug_shows_its_traceback(automtl: Automtl, monkeypatch: pytest.MonkeyPatch) -> None:
    def boom() -> None:
        raise RuntimeError("boom \x1b[31m")

    monkeypatch.setattr(listings, "plugins", boom)
    ended = automtl("plugins")
    check(ended, 1, "this is a bug of automtl")
    assert "Traceback" in ended.err
    assert "RuntimeError: boom \\x1b[31m" in ended.err


def test_what_a_plugin_raises_is_its_own(
    automtl: Automtl, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = install(DATASET % "raise RuntimeError('boom \\x1b[31m')", "shop")
    Path("log.csv").write_text("item,click\na,1\n")
    prepare = ("data", "prepare", "shop", "--data-dir", ".")
    ended = automtl(*prepare)
    check(ended, 69, r"the dataset 'shop' of plugin 'shop' failed: RuntimeError: boom \\x1b\[31m \(.*:\d+\)")
    assert f"repair or upgrade {module} 1.5, or set AUTOMTL_DISABLE_PLUGINS=shop" in ended.err
    assert "Traceback" not in ended.err
    monkeypatch.setenv("AUTOMTL_DEBUG", "1")
    ended = automtl(*prepare)
    assert ended.code == 69
    assert "Traceback" in ended.err


BROKEN = """
from torch import nn
from automtl_core import hookimpl
from automtl_core.strategy import SearchStrategy

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
        r"op 'wide' of plugin 'mine' maps \[2, 64\] to \[2, 1\]",
    ),
    "result": (["--strategy", "forgets"], "the strategy 'forgets' of plugin 'mine': search returns NoneType"),
    "code": (
        ["--strategy", "fails"],
        "strategy 'fails' of plugin 'mine' failed: AttributeError: 'Fails'",
    ),
}


@pytest.mark.parametrize(("options", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_a_plugin_names_it(
    automtl: Automtl, install: Install, options: list[str], message: str
) -> None:
    install(BROKEN, "mine")
    ended = automtl("search", "--set", "dataset.rows=1000", *options)
    check(ended, 69, message)
    assert "Traceback" not in ended.err
    for log in Path("runs").glob("*/log.txt"):
        assert "Traceback" in log.read_text() or "SearchResult" in log.read_text()


PAYLOAD = "\x1b[31m\x9b0m\u202e\x07[bold]x[/bold]"


def sinks(automtl: Automtl, install: Install) -> Iterator[Any]:
    """Give a hostile string to everything that prints what it is given."""
    yield automtl(PAYLOAD)
    yield automtl("search", f"--{PAYLOAD}")
    yield automtl("list", PAYLOAD)
    for option in (
        "--space",
        "--strategy",
        "--dataset",
        "--preset",
        "--config",
        "--set",
        "--resume",
        "--seed",
    ):
        yield automtl("search", option, PAYLOAD)
    yield automtl("search", "--set", f"{PAYLOAD}=1")
    yield automtl("search", "--set", f"training.epochs='{PAYLOAD}'")
    yield automtl("data", "prepare", "userbehavior", "--data-dir", PAYLOAD)
    yield automtl(*SEARCH, "--name", PAYLOAD)
    yield automtl(*SEARCH, "--name", PAYLOAD)
    yield automtl("evaluate", Path("runs", PAYLOAD))
    yield automtl("show", PAYLOAD)
    for value in (PAYLOAD, [PAYLOAD]):
        Path("a.json").write_text(
            json.dumps({"format": 1, "origin": None, "decisions": {f"{PAYLOAD}/{PAYLOAD}/x": value}})
        )
        yield automtl("show", "a.json")
        yield automtl("show", "a.json", "--json")
    install(f"'''x'''\nraise RuntimeError({PAYLOAD!r})", PAYLOAD.replace("[", "").replace("]", ""))
    install(
        DATASET.replace("class Shop(Dataset):", f"class Shop(Dataset):\n    {PAYLOAD!r}") % "pass", "shop"
    )
    yield automtl("plugins")
    yield automtl("plugins", "--json")
    yield automtl("list", "datasets")
    yield automtl("list", "datasets", "--json")


def test_nothing_printed_acts_on_a_terminal(automtl: Automtl, install: Install) -> None:
    for ended in sinks(automtl, install):
        printed = ended.out + ended.err
        assert printed
        assert [c for c in printed if not c.isprintable() and c != "\n"] == []


HOSTILE = {
    "no JSON": "{",
    "a list": "[]",
    "a number": "3",
    "deep": "[" * 100_000,
    "other origin": '{"format": 1, "origin": {"space": 1}, "decisions": {}}',
    "other schema": (
        '{"format": 1, "origin": {"space": "s", "settings": 1, "schema": 3, "plugins": 4}, "decisions": {}}'
    ),
    "other decisions": '{"format": 1, "origin": null, "decisions": [1]}',
    "decision of another kind": '{"format": 1, "origin": null, "decisions": {"a": 1}}',
    "huge number": '{"format": 1, "origin": null, "decisions": ' + "9" * 10_000 + "}",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_file_is_shown_that_is_no_architecture(automtl: Automtl, content: str) -> None:
    Path("a.json").write_text(content)
    check(automtl("show", "a.json"), 65, "")
