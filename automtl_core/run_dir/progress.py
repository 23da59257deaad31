"""The progress of a command: a value that follows from its events alone, and the file `progress.json`.

The terminal and `automtl show --follow` draw it. `state' = reduced(state, event, now)`, without side effects.

Time left = epochs left x seconds of an epoch, for each stage of a run. Early stopping makes it a range, see
`Recipe.likely`. A stage that has not begun is as fast by row as those before it, but for the small models of
the encoding search. Of the runs of a command, those that ended count, and the shares of those at work.

The file is no fact of a run: it is not signed, nothing reads it to continue, and it is removed at the end.
"""

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from pathlib import Path
from typing import Any

from automtl_core.errors import ArtifactError
from automtl_core.search.encoding.search import ENCODING_SEARCH
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

PREPARATION, SEARCH, TRAINING = "preparation", "search", "training"
TEST, IMPORTANCE = "test", "permutation importance"
"""Stages and phases in events. `training` is also the phase of a whole run, from its search to its test."""
STAGES = {name: name for name in (PREPARATION, ENCODING_SEARCH, TRAINING, REFIT, TEST)}
STAGES |= {TRAIN: TRAINING, IMPORTANCE: TEST}
"""Phase -> its stage; all other phases are those of a search."""
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
    """Time and finished epochs at its first event; pauses without training move the time on."""
    last: float = 0.0
    """Time of its last event."""

    @property
    def measured(self) -> tuple[float, float]:
        """Seconds that were measured, and the epochs in them; none before the end of the first epoch."""
        if self.first is None or self.stage == ENCODING_SEARCH or not (self.ended or self.epochs == 1):
            return 0.0, 0.0
        return self.last - self.first[0], self.done - self.first[1]

    def left(self, which: int, row: float) -> float:
        """Return the least (0) or most (1) seconds that are left; without epochs, at `row` seconds a row."""
        expected = inf if self.epochs is None else self.epochs
        if self.likely is not None:
            expected = min(expected, max(self.likely[which], self.done + (self.patience or 0) - self.stale))
        (seconds, epochs), rest = self.measured, max(expected - self.done, 0.0)
        return rest and rest * (seconds / epochs if epochs else row * self.rows)


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
    """Time at which a time limit ends; None without one."""
    left: tuple[float, float] | None = None
    """Forecast of the remaining seconds of the command: least and most; None where there is none yet."""
    decisions: tuple[Evidence, ...] = ()
    """The latest decisions of the search, with their evidence, the newest last."""
    time: float = 0.0
    """Time of the latest event."""
    step: tuple[float, int] | None = None
    """Time and rows of the epoch at the end of its first step, whose duration is unknown."""
    ended: bool = False
    """Whether the run, or its test, has ended."""

    @property
    def ahead(self) -> tuple[StageProgress, ...]:
        """The current stage, and those after it."""
        names = [stage.stage for stage in self.stages]
        return self.stages[names.index(self.stage) :] if self.stage in names else ()

    @property
    def current(self) -> StageProgress:
        """The current stage."""
        return next(iter(self.ahead), StageProgress(""))

    def finished(self, left: float) -> float:
        """Return the finished share of a run that takes `left` more seconds."""
        return (self.time - self.began) / max(self.time - self.began + left, 1e-9)

    def rest(self, which: int) -> float:
        """Return the least (0) or most (1) remaining seconds of this run alone; infinite if unknown."""
        measured = [(*stage.measured, stage.rows) for stage in self.stages]
        rows = sum(epochs * rows for _, epochs, rows in measured)
        row = sum(seconds for seconds, *_ in measured) / rows if rows else inf
        left = sum(stage.left(which, row) for stage in self.ahead) if rows else inf
        return max(min(left, inf if self.end is None else self.end - self.time), 0.0)

    def of(self, name: str, /, **values: Any) -> "Progress":
        """Return the progress with other values of a stage."""
        stages = (replace(one, **values) if one.stage == name else one for one in self.stages)
        return replace(self, stages=tuple(stages))

    def at(self, phase: str, detail: str = "", epoch: int = 0, share: float = 0.0) -> "Progress":
        """Return the progress in a phase."""
        known = {one.stage for one in self.stages}
        stage = stage if (stage := STAGES.get(phase, SEARCH)) in known else self.stage
        return replace(
            self, stage=stage, phase=phase, detail=detail, epoch=epoch, share=share, rows_per_second=None
        )

    def moved(self, done: float, now: float) -> "Progress":
        """Return the progress after `done` epochs of the current stage; pauses count for none of them."""
        first, last = self.current.first or (now, done), self.current.last
        pause = now - max(last, first[0]) if done == self.current.done else 0.0
        return self.of(self.stage, done=done, first=(first[0] + pause, first[1]), last=now)

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
class Command:
    """The progress of a command."""

    runs: Mapping[str, Progress] = field(default_factory=lambda: {"": Progress()})
    """Runs at work by the name of the trial, which is empty for the only run; the first one is shown."""
    current: str = ""
    """The run that the next events belong to."""
    ended: int = 0
    """Number of runs that have ended this phase."""
    later: int = 0
    """Number of runs that have not begun."""
    phase: str = ""
    """The phase of its runs."""
    began: float = inf
    """Time at which the first run began this phase."""

    @property
    def shown(self) -> Progress:
        """The run at work that began first."""
        return next(iter(self.runs.values()))

    def left(self, which: int, now: float) -> float:
        """Return the least (0) or most (1) remaining seconds, by its runs; not finite if unknown."""
        runs = [run for run in self.runs.values() if not run.ended]
        if not self.later and len(runs) == 1:
            return runs[0].rest(which)
        shares = sum(run.finished(run.rest(which)) for run in runs)
        done = self.ended + shares
        return (now - self.began) * (len(runs) - shares + self.later) / done if done else inf


def reduced(state: Command, event: Event, now: float) -> Command:
    """Return the progress after an event at a time, in seconds since 1970."""
    run = state.runs[state.current]
    match event:
        case OfTrial(trial):  # others that have ended are left out
            runs = {
                name: one for name, one in state.runs.items() if name == trial or (name and not one.ended)
            }
            return replace(state, runs=runs | {trial: runs.get(trial, Progress())}, current=trial)
        case PhaseBegan(phase, (planned,)) if phase == REFIT:
            run = run.at(phase).of(phase, **vars(planned))
        case PhaseBegan(phase, stages, seconds, later) if stages:
            end = None if seconds is None else now + seconds
            own = tuple(StageProgress(**vars(stage)) for stage in stages)
            run = Progress(own, own[0].stage, phase, began=now, end=end)
            state = replace(state, later=later)
            if phase != state.phase:  # tests are faster than trainings
                state = replace(state, phase=phase, began=now, ended=0)
        case PhaseBegan(phase):
            run = run.at(phase)
        case PhaseEnded(phase) if phase in (TRAINING, TEST):
            run, state = replace(run, ended=True), replace(state, ended=state.ended + 1)
        case RunBegan(_, reports):
            for name, count in Counter(STAGES.get(report.phase, SEARCH) for report in reports).items():
                run = run.of(name, done=float(count), ended=count)
        case ProgressMade(phase, detail, share):
            run = run.at(phase, detail, share=share).moved(share, now)
        case StepEnded(phase, epoch, steps, done, rows):
            first = run.step if (run.phase, run.epoch) == (phase, epoch) and run.step else (now, rows)
            run = run.at(phase, "", epoch, done / steps)
            # A step without rows takes time, and finishes no epoch.
            run = run.moved(run.current.ended + run.share if rows else run.current.done, now)
            seconds, trained = now - first[0], rows - first[1]
            rate = trained / seconds if trained > 0 and seconds > 0 else None
            run = replace(run, step=first, rows_per_second=rate)
        case EpochEnded(change=change):
            epochs, stale = run.current.ended + 1, run.current.stale + 1
            stale = 0 if change is None or change > 0 else stale
            run = run.of(run.stage, done=float(epochs), ended=epochs, stale=stale)
        case Planned(stage, likely=likely):
            run = run.of(stage, likely=likely)
        case TrialEnded():  # such as one whose result was there
            run = replace(run, ended=True)
        case DecisionMade(evidence):
            run = replace(run, decisions=(*run.decisions, evidence)[-20:])
    state = replace(state, runs={**state.runs, state.current: replace(run, time=now)})
    ends = state.left(0, now), state.left(1, now)
    left = ends if all(map(isfinite, ends)) else None
    return replace(state, runs={name: replace(one, left=left) for name, one in state.runs.items()})


def remove(run: Path) -> None:
    """Remove the file of a run that is over."""
    with suppress(OSError):
        (run / FILE).unlink(missing_ok=True)
