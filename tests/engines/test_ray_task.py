"""The function of a Ray task, without a cluster."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from automtl_core.errors import SetupError
from automtl_core.search.trial import TrialBegan, TrialEnded, TrialResult
from automtl_core.training.events import Event
from automtl_engines.ray_task import Mailbox, package_versions, work
from automtl_testing.trials import sample_trials


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

    def run(**changes: Any) -> Any:
        return work(7, replace(spec, **changes), Handle(mailbox), str(tmp_path), 1, package_versions())

    result = run()
    assert isinstance(result, TrialResult)
    events = mailbox.take()
    assert {number for number, _ in events} == {7}
    assert isinstance(events[0][1], TrialBegan)
    assert isinstance(events[-1][1], TrialEnded)
    assert mailbox.take() == []
    assert isinstance(run(data="missing"), SetupError)
    mailbox.end()
    assert run() is None
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
    error = work(0, spec, Handle(mailbox), folder, 1, versions)
    assert isinstance(error, SetupError)
    with pytest.raises(SetupError, match=text):
        raise error


def test_events_are_kept_until_they_are_taken() -> None:
    mailbox, event = Mailbox(), Event()
    assert mailbox.put(1, [event])
    assert mailbox.put(2, [event])
    assert mailbox.take() == [(1, event), (2, event)]
