"""The command that follows a run or a comparison of other processes, from its files alone."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from rich.console import RenderableType

from automtl_cli.output import emit, say, until_output
from automtl_cli.runs.live_view import Cells, epoch_line, of_cells, of_run, so_far
from automtl_cli.terminal import draws, live
from automtl_core.errors import InputMissingError, RunStoppedError
from automtl_core.run_dir.run import Run, resuming
from automtl_core.search.evidence import Evidence
from automtl_core.views import Section, lines
from automtl_report.outcome import side_by_side
from automtl_report.run_list import Watched, cells, idle_seconds, is_comparison, summary

PAUSE = 0.5
"""Seconds between two looks at the files."""
IDLE = 20.0
"""Seconds without a process after which a comparison counts as stopped: between two runs there is none."""

State = TypeVar("State")


def watch(path: Path, as_json: bool) -> None:
    """Follow a run or a comparison to its end, and print its outcome.

    Raises:
        InputMissingError: there is neither of them.
        RunStoppedError: it was stopped or killed, or failed.

    """
    outcome = (_comparison if is_comparison(path) else _run)(path, as_json)
    if not as_json:
        emit(None, lambda _: outcome, False)


def _run(path: Path, as_json: bool) -> Section:
    try:
        run = Run.open(path)
    except InputMissingError as error:
        later = "if it prepares data or searches feature encodings, it has no folder yet: repeat this later"
        raise InputMissingError(str(error), f"{error.fix}; {later}") from None
    epochs, decisions, when = 0, tuple[Evidence, ...](), 0.0
    for state in _states(
        lambda: Watched.of(run),
        lambda state: not state.running,
        lambda state: of_run(str(path), state.progress, state.reports),
        as_json,
    ):
        now = state.progress
        for report in state.reports[epochs:]:
            known = so_far(now) if state.running and report is state.reports[-1] else ""
            words = " | ".join(filter(None, (known, epoch_line(report))))
            _tell({"event": "epoch", **report.to_json()}, words, as_json)
        for one in now.decisions:
            if one not in decisions:
                _tell({"event": "decision", **one.to_json()}, "", as_json)
        values = {key: value for key, value in now.to_json().items() if key != "decisions"}
        if now.time > when:
            _tell({"event": "progress", **values}, "", as_json)
        epochs, decisions, when = len(state.reports), now.decisions or decisions, max(now.time, when)
    test = None if state.test is None else {task: m.to_json() for task, m in state.test.items()}
    status = state.status
    _tell({"event": "end", "state": state.in_words, "error": status.error, "test": test}, "", as_json)
    if status.state == "failed":
        raise RunStoppedError(
            f"{path}: the run failed: {status.error}",
            f"correct the cause, and resume it: {resuming(path)}",
            status.exit_code or 1,
        )
    if status.state == "stopped":
        last = state.reports[-1] if state.reports else None
        at = f" after epoch {last.epoch} ({last.phase})" if last else " before its first epoch ended"
        raise RunStoppedError(
            f"{path}: the run has stopped{at}: {status.error}", f"resume it: {resuming(path)}"
        )
    if state.done:
        return side_by_side([summary(path)], f"{path}: the run is done")
    return lines(f"{path}: the network is trained, and not tested yet")


def _comparison(folder: Path, as_json: bool) -> Section:
    told: dict[str, tuple[str, int]] = {}
    for states in _states(
        lambda: list(cells(folder)),
        lambda states: _over(folder, states),
        lambda states: of_cells(str(folder), states),
        as_json,
    ):
        for name, state in states:
            last = state.reports[-1] if state is not None and state.reports else None
            now = ("waiting" if state is None else state.in_words, last.epoch if last else 0)
            if now != told.get(name, ("waiting", 0)):
                words = f"{name}: {now[0]}" + (f" | {epoch_line(last)}" if last else "")
                report = last.to_json() if last else None
                _tell({"event": "run", "run": name, "state": now[0], "epoch": report}, words, as_json)
            told[name] = now
    ended = sum(state is not None and state.ended for _, state in states)
    _tell({"event": "end", "ended": ended, "runs": len(states)}, "", as_json)
    count = f"{ended} of {len(states)} runs have ended"
    if ended < len(states):
        raise RunStoppedError(
            f"{folder}: {count}, and no process works on the others",
            "run the command of the comparison again: it continues",
        )
    return lines(f"{folder}: the comparison has ended: {count}")


def _states(
    read: Callable[[], State],
    is_last: Callable[[State], bool],
    view: Callable[[State], RenderableType],
    as_json: bool,
) -> Iterator[State]:
    """Yield the states until the last one; a terminal shows a view of the latest state."""
    state = read()
    if not as_json and draws() and not is_last(state):
        until_output(live(lambda: view(state)))
    yield state
    while not is_last(state):
        time.sleep(PAUSE)
        state = read()
        yield state


def _over(folder: Path, states: Cells) -> bool:
    """Return whether all runs of a comparison have ended, or no process works on it."""
    left = [state for _, state in states if state is None or not state.ended]
    at_work = any(state is not None and state.running for state in left)
    return not left or (not at_work and idle_seconds(folder) > IDLE)


def _tell(document: dict[str, Any], words: str, as_json: bool) -> None:
    """Print an event: a line of JSON on standard output or, without a view, a line on standard error."""
    if as_json:
        print(json.dumps(document), flush=True)
    elif words and not draws():
        say(words)
