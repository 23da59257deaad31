"""The command that follows a run or a comparison of other processes, from its files alone."""

import json
import time
from pathlib import Path

from rich.console import RenderableType

from automtl_cli.output import emit, say, until_output
from automtl_cli.runs.live_view import Cells, epoch_line, of_cells, of_run
from automtl_cli.terminal import draws, live
from automtl_core.errors import InputMissingError, RunStoppedError
from automtl_core.run_dir.run import Run, resuming
from automtl_inspection.sections import Section, Text, lines
from automtl_report.metrics import metrics
from automtl_report.run_list import Watched, cells, idle_seconds, is_comparison

PAUSE = 0.5
"""Seconds between two looks at the files."""
IDLE = 20.0
"""Seconds without a process after which a comparison counts as stopped: between two runs there is none."""
Told = tuple[str, int, float]
"""State of a run, number of its epochs, and time of its last event."""


def watch(path: Path, as_json: bool) -> None:
    """Follow a run or a comparison to its end, and print its outcome.

    A run is followed as a comparison that has it alone. With `as_json`, each change of a run is a line.

    Raises:
        InputMissingError: there is neither of them.
        RunStoppedError: it was stopped or killed, or failed.

    """
    run = None if is_comparison(path) else _opened(path)
    told: dict[str, Told] = {}
    states = _states(path, run)

    def view() -> RenderableType:
        match states:
            case [("", Watched() as state)]:
                return of_run(str(path), state.progress)
        return of_cells(str(path), states)

    if not as_json and draws() and not _over(path, states, run):
        until_output(live(view))
    while True:
        for name, state in states:
            if state is not None:
                told[name] = _tell(name, state, told.get(name, ("", 0, 0.0)), as_json)
        if _over(path, states, run):
            break
        time.sleep(PAUSE)
        states = _states(path, run)
    outcome = _end_of_run(path, states[0][1]) if run is not None else _end(path, states)
    if not as_json:
        emit(None, lambda _: outcome, False)


def _opened(path: Path) -> Run:
    try:
        return Run.open(path)
    except InputMissingError as error:
        later = "if it prepares data or searches feature encodings, it has no folder yet: repeat this later"
        raise InputMissingError(str(error), f"{error.fix}; {later}") from None


def _states(path: Path, run: Run | None) -> Cells:
    return list(cells(path)) if run is None else [("", Watched.of(run))]


def _over(path: Path, states: Cells, run: Run | None) -> bool:
    """Return whether all runs have ended, or no process works on them."""
    left = [state for _, state in states if state is None or not state.ended]
    at_work = any(state is not None and state.running for state in left)
    return not left or (not at_work and (run is not None or idle_seconds(path) > IDLE))


def _tell(name: str, state: Watched, told: Told, as_json: bool) -> Told:
    """Print what has changed in a run, and return what was told."""
    now = (state.in_words, len(state.reports), state.progress.time)
    if as_json and now != told:
        new = [report.to_json() for report in state.reports[told[1] :]]
        test = None if state.test is None else {task: m.to_json() for task, m in state.test.items()}
        about = {"run": name, "state": state.in_words, "error": state.status.error, "test": test}
        print(json.dumps({**about, "epochs": new, "progress": state.progress.to_json()}), flush=True)
    elif now[:2] != told[:2] and not (as_json or draws()):
        last = epoch_line(state.reports[-1], state.progress) if state.reports else ""
        say(": ".join(filter(None, (name, state.in_words if name else "", last))))
    return now


def _end_of_run(path: Path, state: Watched | None) -> Section:
    assert state is not None  # noqa: S101 - a run has a state
    status, resume = state.status, f"resume it: {resuming(path)}"
    if status.state == "failed":
        problem = f"{path}: the run failed: {status.error}"
        raise RunStoppedError(problem, f"correct the cause, and {resume}", status.exit_code or 1)
    if status.state == "stopped":
        last = state.reports[-1] if state.reports else None
        at = f" after epoch {last.epoch} ({last.phase})" if last else " before its first epoch ended"
        raise RunStoppedError(f"{path}: the run has stopped{at}: {status.error}", resume)
    if state.test is not None:
        least = Run(path).config().training.min_positives
        return Section("", [*metrics(state.test, least), Text(f"{path}: the run is done")])
    return lines(f"{path}: the network is trained, and not tested yet")


def _end(folder: Path, states: Cells) -> Section:
    ended = sum(state is not None and state.ended for _, state in states)
    count = f"{ended} of {len(states)} runs have ended"
    if ended < len(states):
        problem = f"{folder}: {count}, and no process works on the others"
        raise RunStoppedError(problem, "run the command of the comparison again: it continues")
    return lines(f"{folder}: the comparison has ended: {count}")
