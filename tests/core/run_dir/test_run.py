"""A run is a folder: made once, held by one, and what it holds is neither lost nor exchanged."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from automtl_core.choices import Architecture
from automtl_core.data.encoder import Encoder
from automtl_core.dataset.schema import DenseField, Schema, Task
from automtl_core.errors import ArtifactError, RunExistsError, RunInUseError, UsageError
from automtl_core.fields.numeric import Scale
from automtl_core.run_dir.config import load_config
from automtl_core.run_dir.facts import Calibration, Identity, Result, Search, Status, without_places
from automtl_core.run_dir.folders import (
    default_raw_folder,
    is_locked,
    locked,
    no_links,
    prepared_folder,
    raw_folder,
)
from automtl_core.run_dir.run import Run, numbered
from automtl_core.training.calibration import Platt

NAMED = {"space": "mmoe", "strategy": "darts", "dataset": "synthetic"}
CONFIG = load_config(NAMED)
ENCODER = Encoder(Schema((), (DenseField("x"),), (Task("click"),)), {"x": Scale("none", 0.0, 1.0)})


def create(path):
    return Run.create(path, CONFIG, [], ENCODER)


def test_a_run_is_never_overwritten_nor_made_in_place_of_a_link_that_leads_nowhere(tmp_path):
    with create(tmp_path / "run"):
        pass
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("run", "link"):
        with pytest.raises(RunExistsError, match="exists already"), create(tmp_path / name):
            pass


def test_two_processes_cannot_work_on_one_run(tmp_path):
    with create(tmp_path / "run") as run, pytest.raises(RunInUseError), Run.open(run.path).working():
        pass
    with run.working(), pytest.raises(RunInUseError), Run.open(run.path).working():
        pass
    with Run.open(run.path).working():
        pass


def race(path, seed):
    """Make or open forty runs, each at a moment at which another process does so; print those it has made."""
    config, won = load_config(NAMED, {"seed": seed}), []
    identity = Identity(without_places(config.model_dump(mode="json")), "data")
    print("ready", flush=True)
    begin = float(sys.stdin.readline())
    for number in range(40):
        place = path / f"run-{number}"
        while time.time() < begin + number * 0.02:
            pass
        try:
            with Run.create(place, config, [identity], ENCODER) as run:
                assert run.config().seed == seed
                won.append(number)
                time.sleep(0.01)
                assert run.config().seed == seed
                (place / "ended").touch()
        except RunExistsError:
            with suppress(RunInUseError), Run.open(place).working():
                assert (place / "ended").exists(), "it was free between being made and being locked"
    print(*won)


def test_of_two_processes_that_make_one_run_one_does_it(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, __file__, tmp_path, seed], **pipes) for seed in "12"]
    assert [process.stdout.readline() for process in both] == ["ready\n", "ready\n"]
    begin = time.time() + 0.1
    for process in both:
        process.stdin.write(f"{begin}\n")
        process.stdin.flush()
    won = [process.communicate(timeout=30)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(map(int, won[0] + won[1])) == [*range(40)]


def test_runs_without_a_name_are_numbered_also_where_a_number_is_taken_meanwhile(tmp_path):
    def late(path):
        if path.name == "a-2":
            (path / "theirs").mkdir(parents=True)
        return create(path)

    (tmp_path / "a-1").mkdir()
    with numbered(tmp_path, "a", late) as run, numbered(tmp_path, "a", create) as other:
        assert (run.path.name, other.path.name) == ("a-3", "a-4")
    (tmp_path / "file").touch()
    nowhere = numbered(tmp_path / "file", "a", create)
    with pytest.raises(RunExistsError, match="cannot be written to"), nowhere:
        pass


def test_what_a_killed_process_was_writing_is_removed_by_the_next(tmp_path):
    with create(tmp_path / "run") as run:
        pass
    (run.path / ".checkpoint.safetensors.77.draft").write_bytes(b"half")
    with run.working():
        assert not list(run.path.glob(".*.draft"))


def test_a_run_that_ends_while_its_state_is_read_is_not_taken_for_a_killed_one(tmp_path, monkeypatch):
    with create(tmp_path / "run") as run:
        pass
    run.write(Status("running"))

    def ended(folder):
        run.write(Status("done"))
        return False

    assert Run.open(run.path).status().state == "stopped"
    monkeypatch.setattr("automtl_core.run_dir.run.is_locked", ended)
    assert Run.open(run.path).status().state == "done"


@pytest.mark.parametrize(
    ("error", "words"),
    [(KeyboardInterrupt(), "interrupted by a signal, such as Ctrl-C"), (ValueError("no"), "ValueError: no")],
)
def test_the_end_of_a_stopped_run_is_in_words(tmp_path, error, words):
    with pytest.raises(type(error)), create(tmp_path / "run"):
        raise error
    assert Run.open(tmp_path / "run").status() == Status("stopped", words)


DECISIVE = [
    (Calibration({"click": Platt(1.5, 0.1, 100, 0.5, 0.4)}), Calibration()),
    (Search(overrides={"training": {"epochs": 3}}), Search()),
]


@pytest.mark.parametrize(("fact", "other"), DECISIVE, ids=["calibration", "search"])
def test_a_fact_that_decides_predictions_is_neither_lost_nor_exchanged(tmp_path, fact, other):
    kind, path = type(fact), tmp_path / "run" / f"{fact.file}.json"
    with create(tmp_path / "run") as run:
        run.write(fact)
        run.write(Result(1, 10, 5, 7, {}, run.sums()))
        assert run.read(kind) == fact
        run.write(other)
        with pytest.raises(ArtifactError, match=rf"{path.name}: its SHA-256 differs"):
            run.read(kind)
        path.unlink()
        with pytest.raises(ArtifactError, match=rf"{path.name}: its SHA-256 differs"):
            run.has(kind)


def test_the_moments_of_an_update_are_neither_lost_nor_exchanged(tmp_path):
    with create(tmp_path / "run") as run:
        assert run.moments() == {}
        run.save_moments({"step": 1})
        run.write(Result(1, 10, 5, 7, {}, run.sums()))
        assert run.moments() == {"step": 1}
        run.save_moments({"step": 2})
        with pytest.raises(ArtifactError, match=r"moments\.safetensors: its SHA-256 differs"):
            run.moments()
        (run.path / "moments.safetensors").unlink()
        with pytest.raises(ArtifactError, match=r"moments\.safetensors: its SHA-256 differs"):
            run.moments()


def test_an_architecture_or_an_encoder_that_was_edited_is_refused(tmp_path):
    with create(tmp_path / "run") as run:
        run.write_architecture(Architecture({"gate": "open"}))
        assert run.architecture().decisions == {"gate": "open"}
        path = run.path / "architecture.json"
        path.write_text(path.read_text().replace("open", "shut"))
        with pytest.raises(ArtifactError, match=r"architecture.json: changed since the search ended"):
            run.architecture()
        path = run.path / "encoder" / "encoder.json"
        path.write_text(path.read_text().replace("1.0", "2.0"))
        with pytest.raises(ArtifactError, match=r"encoder\.json: damaged"):
            run.encoder()


@pytest.mark.parametrize("text", ["seed: 9\n", "- a\n", "se\x00ed: 1\n", "a: 1\na: 2\n"])
def test_no_command_believes_a_configuration_that_was_changed(text, tmp_path):
    path = tmp_path / "run"
    with create(path) as run:
        run.write(Identity(without_places(CONFIG.model_dump(mode="json")), "data"))
        assert run.config() == CONFIG
        (path / "config.yaml").write_text(text)
        for read in (run.config, run.initial_config):
            with pytest.raises(ArtifactError, match=r"config.yaml"):
                read()


READS = SimpleNamespace(files=lambda: {"log": "log.csv"})
READS_NOTHING = SimpleNamespace(files=dict)


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in ("AUTOMTL_DATA", "AUTOMTL_PREPARED"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("told", "folders"), [(None, ("data", "prepared")), ("", ("data", "prepared")), ("/a", ("/a", "/a"))]
)
def test_folders_are_below_the_working_one_unless_the_environment_says_otherwise(monkeypatch, told, folders):
    if told is not None:
        monkeypatch.setenv("AUTOMTL_DATA", told)
        monkeypatch.setenv("AUTOMTL_PREPARED", told)
    assert (default_raw_folder("shop"), prepared_folder()) == (Path(folders[0], "shop"), Path(folders[1]))


def test_looks_at_a_lock_do_not_keep_a_process_from_it(tmp_path):
    ended = threading.Event()

    def look():
        while not ended.is_set():
            is_locked(tmp_path)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(300):
            with locked(tmp_path):
                pass
    finally:
        ended.set()
        looking.join()


def test_a_folder_that_is_given_comes_first_and_is_no_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert raw_folder(READS, "shop", Path("mine")) == tmp_path / "mine"
    assert raw_folder(READS, "shop", None) == tmp_path / "data" / "shop"
    assert raw_folder(READS_NOTHING, "shop", Path("mine")) is None
    with pytest.raises(UsageError, match=r"^s3://bucket/feed: is an address") as caught:
        raw_folder(READS, "shop", Path("s3://bucket/feed"))
    assert "copy the files" in caught.value.fix


def test_a_folder_is_held_by_one_and_may_be_moved_meanwhile(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    assert not is_locked(here)
    with locked(here):
        here.rename(there)
        assert is_locked(there)
        with pytest.raises(RunInUseError, match="another process works on this run"), locked(there):
            pass
    assert not is_locked(there)
    with locked(there):
        pass


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("nowhere"), lambda path: path.symlink_to("/")]
)
def test_files_and_folders_are_no_links_and_anything_else_is_refused(tmp_path, make):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    no_links(tmp_path)
    make(tmp_path / "folder" / "other")
    with pytest.raises(ArtifactError, match="folder/other: a link, or no plain file"):
        no_links(tmp_path)


if __name__ == "__main__":
    race(Path(sys.argv[1]), int(sys.argv[2]))
