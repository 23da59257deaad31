import sys
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest

from automtl_core.errors import SetupError, UsageError
from automtl_core.search.trial import Training, TrialBegan, TrialEnded, TrialResult
from automtl_core.workflow.run_trial import run_trial
from automtl_ray import Command, Mailbox, Ray, RaySettings, package_versions, work
from automtl_testing.trials import check_engine, sample_trials

ALONE = RaySettings(address="127.0.0.1:1")


def test_processes_of_the_cluster_import_nothing_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []

    def init(**options: object) -> None:
        folders.append((Path.cwd(), list(Path.cwd().iterdir())))
        raise ConnectionError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False, init=init))
    with pytest.raises(UsageError), Ray(ALONE, 2).executor(run_trial):
        pass
    ((folder, files),) = folders
    assert (folder != tmp_path, files, Path.cwd()) == (True, [], tmp_path)


def test_the_engine_keeps_its_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray.actor")  # a folder `ray` would be a package without content
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_TOKEN", token_hex(32))  # else Ray writes one to the home folder
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    options = {"num_cpus": 2, "include_dashboard": False, "log_to_driver": False}
    with TemporaryDirectory(
        prefix="ray-", dir="/tmp"
    ) as short:  # its sockets have names of 107 bytes at most
        ray.init(address="local", object_store_memory=100_000_000, _temp_dir=short, **options)
        try:
            check_engine(Ray(RaySettings(), 2), tmp_path)
            assert ray.is_initialized(), "the connection of a script is kept"
        finally:
            ray.shutdown()


class Handle:
    """A handle of an actor in this process."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.put = SimpleNamespace(remote=mailbox.put)


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda found: found))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return Mailbox()


def test_a_task_sends_the_events_and_returns_the_result(
    mailbox: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (spec,) = sample_trials(tmp_path, 1)

    command = Command(str(tmp_path), package_versions(), 1)

    def run(spec: Training) -> object:
        return work(run_trial, 7, spec, Handle(mailbox), command)

    result = run(spec)
    assert isinstance(result, TrialResult)
    events = mailbox.take()
    assert {number for number, _ in events} == {7}
    assert isinstance(events[0][1], TrialBegan)
    assert isinstance(events[-1][1], TrialEnded)
    assert mailbox.take() == []
    assert isinstance(run(replace(spec, data="missing")), SetupError)
    mailbox.end()
    assert run(spec) is None
    assert mailbox.take() == []


@pytest.mark.parametrize(
    ("folder", "versions", "text"),
    [
        ("/missing", package_versions(), "of the Ray cluster has no folder /missing"),
        (
            "/",
            {**package_versions(), "torch": "0.1"},
            r"of the Ray cluster has automtl .*, torch .*, expected",
        ),
    ],
)
def test_nodes_need_the_folders_and_packages_of_the_command(
    mailbox: Mailbox, tmp_path: Path, folder: str, versions: dict[str, str], text: str
) -> None:
    (spec,) = sample_trials(tmp_path, 1, rows=100)
    error = work(run_trial, 0, spec, Handle(mailbox), Command(folder, versions, 1))
    assert isinstance(error, SetupError)
    with pytest.raises(SetupError, match=text):
        raise error
