"""The command that follows a run or a comparison of other processes, from its files alone."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rich.console import RenderableType

from automtl_cli.output import emit, say, until_output
from automtl_cli.runs.flow import epoch_line
from automtl_cli.runs.live_view import CellsView, LiveView, progress
from automtl_cli.terminal import console, draws, live
from automtl_core.errors import InputMissingError, RunFailedError, RunStoppedError
from automtl_core.run_dir.run import Run, resuming
from automtl_core.run_dir.run_list import Watched, cells, idle_seconds, is_comparison, summary
from automtl_core.views.values import Section, lines
from automtl_report.outcome import side_by_side

PAUSE = 0.5
"""Seconds between two looks at the files."""
IDLE = 20.0
"""Seconds without a process after which a comparison counts as stopped: between two runs there is none."""

Json = dict[str, Any]
Cells = Sequence[tuple[str, Watched | None]]
State = TypeVar("State")


def watch(path: Path, as_json: bool) -> None:
    """Follow a run or a comparison to its end, and print its outcome.

    Raises:
        InputMissingError: there is neither of them.
        RunStoppedError: it was stopped or killed.
        RunFailedError: the run failed.

    """
    if is_comparison(path):
        return _watch_comparison(path, as_json)
    try:
        run = Run.open(path)
    except InputMissingError as error:
        later = "if it prepares data or searches feature encodings, it has no folder yet: repeat this later"
        raise InputMissingError(str(error), f"{error.fix}; {later}") from None
    _watch_run(run, as_json)


def _watch_run(run: Run, as_json: bool) -> None:
    state = _followed(
        lambda: Watched.of(run),
        lambda latest: LiveView(lambda: (str(run.path), latest().progress, latest().reports)),
        News().of,
        lambda state: not state.running,
        as_json,
    )
    test = None if state.test is None else {task: m.to_json() for task, m in state.test.items()}
    _tell({"event": "end", "state": state.in_words, "error": state.status.error, "test": test}, "", as_json)
    _check(state)
    if state.done:
        _end(side_by_side([summary(state.path)], f"{state.path}: the run is done"), as_json)
    else:
        _end(lines(f"{state.path}: the network is trained, and not tested yet"), as_json)


def _watch_comparison(folder: Path, as_json: bool) -> None:
    states = _followed(
        lambda: list(cells(folder)),
        lambda latest: CellsView(str(folder), latest),
        CellNews().of,
        lambda states: _over(folder, states),
        as_json,
    )
    ended = sum(state is not None and state.ended for _, state in states)
    count = f"{ended} of {len(states)} runs have ended"
    _tell({"event": "end", "ended": ended, "runs": len(states)}, "", as_json)
    if ended < len(states):
        raise RunStoppedError(
            f"{folder}: {count}, and no process works on the others",
            "run the command of the comparison again: it continues",
        )
    _end(lines(f"{folder}: the comparison has ended: {count}"), as_json)


def _followed(
    read: Callable[[], State],
    view: Callable[[Callable[[], State]], RenderableType],
    news: Callable[[State], Iterator[tuple[Json, str]]],
    is_last: Callable[[State], bool],
    as_json: bool,
) -> State:
    """Print the events of states, each as JSON or as a line, until the last state, which is returned.

    A terminal shows a view of the latest state instead of lines.
    """
    state = read()
    drawn = view(lambda: state) if not as_json and draws() else None
    if drawn and is_last(state):
        console().print(drawn)
    elif drawn:
        until_output(live(drawn))
    while True:
        for document, line in news(state):
            _tell(document, "" if drawn else line, as_json)
        if is_last(state):
            return state
        time.sleep(PAUSE)
        state = read()


def _over(folder: Path, states: Cells) -> bool:
    """Return whether all runs of a comparison have ended, or no process works on it."""
    left = [state for _, state in states if state is None or not state.ended]
    return not left or (
        not any(state is not None and state.running for state in left) and idle_seconds(folder) > IDLE
    )


def _tell(document: Json, line: str, as_json: bool) -> None:
    """Print an event, as a line of JSON on standard output or as a line for people on standard error."""
    if as_json:
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()
    elif line:
        say(line)


def _end(outcome: Section, as_json: bool) -> None:
    if not as_json:
        emit(None, lambda _: outcome, False)


def _check(state: Watched) -> None:
    """Check that a run has come to its end; raises as `watch` does."""
    status, where = state.status, state.path
    if status.state == "failed":
        raise RunFailedError(
            f"{where}: the run failed: {status.error}",
            f"correct the cause, and resume it: {resuming(where)}",
            status.exit_code or 1,
        )
    if status.state == "stopped":
        last = state.reports[-1] if state.reports else None
        at = f" after epoch {last.epoch} ({last.phase})" if last else " before its first epoch ended"
        raise RunStoppedError(
            f"{where}: the run has stopped{at}: {status.error}", f"resume it: {resuming(where)}"
        )


@dataclass
class News:
    """Finds the new events of a run."""

    epochs: int = 0
    time: float = 0.0
    decisions: list[Json] = field(default_factory=list)

    def of(self, state: Watched) -> Iterator[tuple[Json, str]]:
        """Yield the new epochs, decisions and progress of a run, each as JSON and as a line."""
        now = state.progress
        for report in state.reports[self.epochs :]:
            known = now if state.running and report is state.reports[-1] else None
            yield {"event": "epoch", **report.to_json()}, f"{progress(known)}{epoch_line(report)}"
        self.epochs = len(state.reports)
        if now is None:
            return
        made = [one.to_json() for one in now.decisions]
        for one in made:
            if one not in self.decisions:
                yield {"event": "decision", **one}, ""
        self.decisions = made or self.decisions
        if now.time > self.time:
            self.time = now.time
            values = now.to_json()
            yield {"event": "progress", **{k: v for k, v in values.items() if k != "decisions"}}, ""


@dataclass
class CellNews:
    """Finds the new events of the runs of a comparison."""

    states: dict[str, tuple[str, int]] = field(default_factory=dict)

    def of(self, states: Cells) -> Iterator[tuple[Json, str]]:
        """Yield the runs whose state or epoch has changed, each as JSON and as a line."""
        for name, state in states:
            word = "waiting" if state is None else state.in_words
            last = state.reports[-1] if state is not None and state.reports else None
            now = (word, last.epoch if last else 0)
            if now != self.states.get(name, ("waiting", 0)):
                self.states[name] = now
                report = last.to_json() if last else None
                line = f"{name}: {word}" + (f" | {epoch_line(last)}" if last else "")
                yield {"event": "run", "run": name, "state": word, "epoch": report}, line
