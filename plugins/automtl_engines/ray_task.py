"""A trial as a Ray task: the function that a worker of the cluster calls."""

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from automtl_core.process_state import library
from automtl_core.training.process import set_up

if TYPE_CHECKING:
    from automtl_core.search.trial import TrialSpec
    from automtl_core.training.events import Event

SECONDS = 0.2
"""Least time between two messages with events."""


class Mailbox:
    """Actor that holds the events of trials until the driver takes them."""

    def __init__(self) -> None:
        self._events: list[tuple[int, Event]] = []
        self._going_on = True

    def put(self, number: int, events: "list[Event]") -> bool:
        """Add events of a trial; return whether trials shall continue."""
        self._events += [(number, event) for event in events]
        return self._going_on

    def take(self) -> "list[tuple[int, Event]]":
        """Return the events since the last call."""
        taken, self._events = self._events, []
        return taken

    def end(self) -> None:
        """End all trials in order."""
        self._going_on = False


class Sending:
    """Listener that sends events to a mailbox, several at once.

    Args:
        number: Number of the trial.
        mailbox: Handle of the actor.

    """

    def __init__(self, number: int, mailbox: Any) -> None:
        self._number = number
        self._mailbox = mailbox
        self._events: list[Event] = []
        self._sent = time.monotonic()
        self.going_on = True

    def __call__(self, event: "Event") -> bool:
        """Take note of an event; return whether the trial shall continue."""
        self._events.append(event)
        if time.monotonic() - self._sent >= SECONDS:
            self.send()
        return self.going_on

    def send(self) -> None:
        """Send the events."""
        self.going_on = library("ray").get(self._mailbox.put.remote(self._number, self._events))
        self._events, self._sent = [], time.monotonic()


def work(
    number: int, spec: "TrialSpec", mailbox: Any, folder: str, threads: int, versions: Mapping[str, str]
) -> Any:
    """Run a trial, and return its result or its error; None if no trial shall begin any more.

    Args:
        number: Number of the trial.
        spec: The trial.
        mailbox: Handle of the actor that receives events.
        folder: Working directory of the command.
        threads: Number of threads.
        versions: Versions of the packages of the command that results depend on.

    """
    os.environ["OMP_NUM_THREADS"] = str(threads)
    set_up()  # before torch is imported
    import torch

    from automtl_core.workflow.run_trial import run_trial, sendable

    torch.set_num_threads(threads)  # in a process that has imported torch before
    listener = Sending(number, mailbox)
    try:
        listener.send()
        if not listener.going_on:
            return None
        _check_node(spec, folder, versions)
        found: object = run_trial(spec, listener)
        listener.send()
    except Exception as error:
        return sendable(error)
    return found


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that all nodes need alike."""
    import torch

    import automtl_core

    return {"automtl": automtl_core.__version__, "torch": torch.__version__}


def _check_node(spec: "TrialSpec", folder: str, versions: Mapping[str, str]) -> None:
    """Check that this node has the folders and packages of the command, and enter its working directory.

    Raises:
        SetupError: it has not.

    """
    from automtl_core.errors import SetupError

    node = f"the node {os.uname().nodename} of the Ray cluster"
    if (here := package_versions()) != dict(versions):
        raise SetupError(f"{node} has {_words(here)}, expected {_words(versions)}", "install equal versions")
    missing = next((f for f in (folder, os.path.join(folder, spec.data)) if not os.path.isdir(f)), None)
    if missing is not None:
        fix = "work in a folder on a disk that all nodes share, and let prepared_dir be on it, too"
        raise SetupError(f"{node} has no folder {missing}", fix)
    os.chdir(folder)


def _words(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
