"""The progress of a command: a value that follows from its events alone, and the file `progress.json`.

The terminal and `automtl show --follow` draw it. `state' = reduced(state, event, now)`, without side effects.

Time left = epochs left x seconds of an epoch, for each stage of a run. Early stopping makes it a range, see
`Recipe.likely`. A stage that has not begun is as fast by row as those before it, but for the small models of
the encoding search. Of the runs of a command, those that ended count, and the shares of those at work.

The file is no fact of a run: it is not signed, nothing reads it to continue, and it is removed at the end.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

from automtl_core.errors import ArtifactError
from automtl_core.search.evidence import DecisionMade, Evidence
from automtl_core.search.trial import TrialEnded
from automtl_core.system.documents import Value, json_text, read_json
from automtl_core.training.events import (
    REFIT,
    TRAIN,
    EpochEnded,
    Event,
    OfTrial,
    PhaseBegan,
    PhaseEnded,
    Planned,
    ProgressMade,
    RunBegan,
    StepEnded,
)

PREPARATION, ENCODING_SEARCH, SEARCH, TRAINING = "preparation", "encoding search", "search", "training"
TEST, IMPORTANCE = "test", "permutation importance"
"""Stages and phases in events. `training` is also the phase of a whole run, from its search to its test."""
FILE = "progress.json"


@dataclass(frozen=True)
class StageProgress(Planned):
    """The progress of a stage of a run."""

    done: float = 0.0
    """Finished epochs, with the finished share of the current one."""
    ended: int = 0
    """Number of epochs that have ended, also in earlier processes."""
    stale: int = 0
    """Epochs since the best one."""
    first: tuple[float, float] | None = None
    """Time and finished epochs at its first event: the time before is that of preparations."""
    last: float = 0.0
    """Time of its last event."""

    def moved(self, done: float, now: float) -> dict[str, Any]:
        """Return the values that change after `done` epochs."""
        return {"done": done, "first": self.first or (now, done), "last": now}

    @property
    def measured(self) -> tuple[float, float]:
        """Seconds that were measured, and the epochs in them; none before the end of the first epoch."""
        if self.first is None or self.stage == ENCODING_SEARCH or not (self.ended or self.epochs == 1):
            return 0.0, 0.0
        return self.last - self.first[0], self.done - self.first[1]

    def expected(self, which: int) -> float | None:
        """Return the fewest (0) or the most (1) epochs to expect."""
        if self.likely is None:
            return self.epochs
        return min(self.epochs or inf, max(self.likely[which], self.done + (self.patience or 0) - self.stale))

    def left(self, which: int, row: float | None) -> float | None:
        """Return the seconds that are left, at `row` seconds for each row if the stage has no epoch yet."""
        seconds, epochs = self.measured
        epoch = seconds / epochs if epochs else None if row is None else row * self.rows
        if (expected := self.expected(which)) is None or epoch is None:
            return None
        return max(expected - self.done, 0.0) * epoch


@dataclass(frozen=True)
class Progress(Value):
    """The progress of a run at one time."""

    stages: tuple[StageProgress, ...] = ()
    """Stages of the run in their order."""
    stage: str = ""
    """The current stage."""
    phase: str = ""
    """The current phase, such as `warm-up`."""
    detail: str = ""
    """Part of a phase without epochs, such as `trial 3 of at most 7`."""
    epoch: int = 0
    """The current epoch; 0 in a phase without epochs."""
    share: float = 0.0
    """Finished share of the epoch or, without epochs, of the phase."""
    rows_per_second: float | None = None
    """Training rows per second in the current epoch; None where no row is trained."""
    began: float = 0.0
    """Time of the first stage, in seconds since 1970."""
    end: float | None = None
    """Time at which a time budget ends; None without one."""
    left: tuple[float, float] | None = None
    """Forecast of the remaining seconds of the command: least and most; None where there is none yet."""
    decisions: tuple[Evidence, ...] = ()
    """The latest decisions of the search, with their evidence, the newest last."""
    time: float = 0.0
    """Time of the latest event."""
    step: tuple[float, int] | None = None
    """Time and rows of the epoch at the end of its first step, whose duration is unknown."""

    @property
    def seconds(self) -> float:
        """Seconds since the begin."""
        return self.time - self.began

    @property
    def current(self) -> StageProgress:
        """The current stage."""
        return next((stage for stage in self.stages if stage.stage == self.stage), StageProgress(""))

    @property
    def reached(self) -> tuple[float, float | None, str]:
        """Finished work, its maximum (None if unknown), and their unit: seconds under a time budget."""
        if self.end is not None:
            return self.seconds, self.end - self.began, "s"
        counted = [stage for stage in self.stages if stage.stage in (SEARCH, TRAINING, REFIT)]
        rest = [stage.epochs if self.is_ahead(stage) else stage.done for stage in counted]
        most = _sum(rest) if counted else None
        return sum(stage.done for stage in counted), most, "epochs"

    def is_ahead(self, stage: StageProgress) -> bool:
        """Return whether a stage is the current one, or comes later."""
        names = [stage.stage for stage in self.stages]
        return self.stage not in names or names.index(stage.stage) >= names.index(self.stage)

    def of_run(self, which: int) -> float | None:
        """Return the least (0) or most (1) remaining seconds of this run alone."""
        measured = [(*stage.measured, stage.rows) for stage in self.stages]
        rows = sum(epochs * rows for _, epochs, rows in measured)
        row = sum(seconds for seconds, *_ in measured) / rows if rows else None
        left = _sum([stage.left(which, row) for stage in self.stages if self.is_ahead(stage)])
        known = [left if row is not None else None, None if self.end is None else self.end - self.time]
        return min((max(seconds, 0.0) for seconds in known if seconds is not None), default=None)

    def write(self, run: Path) -> None:
        """Write the file whole or not at all; a full disk is no error here."""
        draft = run / f".{FILE}.{os.getpid()}.draft"
        with suppress(OSError):
            draft.write_text(json_text(self.to_json()), encoding="utf-8")
            draft.replace(run / FILE)

    @classmethod
    def read(cls, run: Path) -> "Progress | None":
        """Return the content of the file; None where there is none."""
        try:
            return cls.from_json(read_json(run / FILE, "wait for the next one"), run / FILE)
        except ArtifactError:
            return None


@dataclass(frozen=True)
class Running:
    """A run at work."""

    progress: Progress = field(default_factory=Progress)
    reports: tuple[EpochEnded, ...] = ()
    """Its epochs so far."""
    ended: bool = False


@dataclass(frozen=True)
class Command:
    """The progress of a command."""

    runs: Mapping[str, Running] = field(default_factory=lambda: {"": Running()})
    """Runs at work by the name of the trial, which is empty for the only run; the first one is shown."""
    current: str = ""
    """The run that the next events belong to."""
    ended: int = 0
    """Number of runs that have ended this phase."""
    later: int = 0
    """Number of runs that have not begun."""
    phase: str = ""
    """The phase of its runs."""
    began: float | None = None
    """Time at which the first run began this phase."""

    @property
    def shown(self) -> Running:
        """The run at work that began first."""
        return next(iter(self.runs.values()))

    @property
    def trials(self) -> tuple[str, ...]:
        """The names of the trials at work, that of the shown one first."""
        return tuple(filter(None, self.runs))


def reduced(state: Command, event: Event, now: float) -> Command:
    """Return the progress after an event at a time, in seconds since 1970."""
    if isinstance(event, OfTrial):
        return _turned(state, event.trial)
    run = state.runs[state.current]
    match event:
        case PhaseBegan(phase, (planned,)) if phase == REFIT:
            run = _at(_with(run, phase, **vars(planned)), phase, "", 0, 0.0)
        case PhaseBegan(phase, stages) if stages:
            run = _begun(run, event, now)
            if phase != state.phase:  # tests are faster than trainings
                state = replace(state, phase=phase, began=now, ended=0)
            state = replace(state, later=event.later)
        case PhaseBegan(phase):
            run = _at(run, phase, "", 0, 0.0)
        case PhaseEnded(phase):
            run = replace(run, ended=phase in (TRAINING, TEST))
            state = replace(state, ended=state.ended + run.ended)
        case RunBegan(_, reports):
            run = _resumed(run, reports)
        case ProgressMade(phase, detail, share):
            run = _at(run, phase, detail, 0, share)
            run = _with(run, run.progress.stage, **run.progress.current.moved(share, now))
        case StepEnded():
            run = _stepped(run, event, now)
        case EpochEnded():
            run = _reported(run, event)
        case Planned():
            run = _with(run, event.stage, likely=event.likely)
        case TrialEnded():  # such as one whose result was there
            run = replace(run, ended=True)
        case DecisionMade(evidence):
            decisions = (*run.progress.decisions, evidence)[-20:]
            run = replace(run, progress=replace(run.progress, decisions=decisions))
    run = replace(run, progress=replace(run.progress, time=now))
    state = replace(state, runs={**state.runs, state.current: run})
    first = next(iter(state.runs))
    least, most = (_left(state, which, now) for which in (0, 1))
    left = None if least is None or most is None else (least, most)
    shown = replace(state.shown, progress=replace(state.shown.progress, left=left))
    return replace(state, runs={**state.runs, first: shown})


def _turned(state: Command, trial: str) -> Command:
    """Return the state in which the next events belong to a trial; trials that have ended are left out."""
    runs = {name: run for name, run in state.runs.items() if (name and not run.ended) or name == trial}
    encodes = [stage for stage in state.runs[state.current].progress.stages if stage.stage == ENCODING_SEARCH]
    return replace(
        state, runs={**runs, trial: runs.get(trial) or Running(Progress(tuple(encodes)))}, current=trial
    )


def _begun(run: Running, event: PhaseBegan, now: float) -> Running:
    """Return a run at the begin of a phase with stages, which replace all but the encoding search."""
    old, names = run.progress, [stage.stage for stage in event.stages]
    kept = [stage for stage in old.stages if stage.stage == ENCODING_SEARCH and stage.stage not in names]
    planned = [StageProgress(**vars(plan)) for plan in event.stages]
    progress = Progress(
        (*kept, *planned),
        stage=names[0],
        phase=event.phase,
        began=old.began if kept and old.began else now,
        end=None if event.seconds is None else now + event.seconds,
    )
    return Running(progress)


def _with(run: Running, name: str, /, **values: Any) -> Running:
    """Return a run with other values of a stage."""
    stages = tuple(replace(one, **values) if one.stage == name else one for one in run.progress.stages)
    return replace(run, progress=replace(run.progress, stages=stages))


def _resumed(run: Running, reports: tuple[EpochEnded, ...]) -> Running:
    """Return a run with the epochs of earlier processes."""
    ended = Counter({TRAIN: TRAINING, REFIT: REFIT}.get(report.phase, SEARCH) for report in reports)
    stages = [
        replace(stage, done=float(count), ended=count) if (count := ended[stage.stage]) else stage
        for stage in run.progress.stages
    ]
    return replace(run, reports=reports, progress=replace(run.progress, stages=tuple(stages)))


def _at(run: Running, phase: str, detail: str, epoch: int, share: float) -> Running:
    """Return a run in a phase."""
    names = [stage.stage for stage in run.progress.stages]
    if phase in (ENCODING_SEARCH, SEARCH, TRAINING, REFIT, TEST, PREPARATION):
        stage = phase
    elif phase == IMPORTANCE:
        stage = TEST
    else:
        stage = TRAINING if phase == TRAIN or SEARCH not in names else SEARCH
    stage = stage if stage in names else run.progress.stage
    progress = replace(run.progress, stage=stage, phase=phase, detail=detail, epoch=epoch, share=share)
    return replace(run, progress=replace(progress, rows_per_second=None, left=None, step=None))


def _stepped(run: Running, event: StepEnded, now: float) -> Running:
    """Return a run after a step; one without rows takes time, and finishes no epoch."""
    old, share = run.progress, event.done / event.steps
    run = _at(run, event.phase, "", event.epoch, share)
    stage = run.progress.current
    run = _with(run, stage.stage, **stage.moved(stage.ended + share if event.rows else stage.done, now))
    same = (old.phase, old.epoch) == (event.phase, event.epoch)
    first = old.step if same and old.step is not None else (now, event.rows)
    seconds, rows = now - first[0], event.rows - first[1]
    rate = rows / seconds if rows > 0 and seconds > 0 else None
    return replace(run, progress=replace(run.progress, step=first, rows_per_second=rate))


def _reported(run: Running, event: EpochEnded) -> Running:
    run, stage = replace(run, reports=(*run.reports, event)), run.progress.current
    ended, better = stage.ended + 1, event.change is None or event.change > 0
    return _with(run, stage.stage, done=float(ended), ended=ended, stale=0 if better else stage.stale + 1)


def _left(state: Command, which: int, now: float) -> float | None:
    """Return the least (0) or most (1) remaining seconds of a command, from the shares of its runs."""
    progresses = [run.progress for run in state.runs.values() if not run.ended]
    if not state.later and len(progresses) == 1:
        return progresses[0].of_run(which)
    shares = [
        0.0
        if (left := progress.of_run(which)) is None
        else progress.seconds / max(progress.seconds + left, 1e-9)
        for progress in progresses
    ]
    done = state.ended + sum(shares)
    if state.began is None or not done:
        return None
    return (now - state.began) * (len(progresses) - sum(shares) + state.later) / done


def _sum(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def remove(run: Path) -> None:
    """Remove the file of a run that is over."""
    with suppress(OSError):
        (run / FILE).unlink(missing_ok=True)
