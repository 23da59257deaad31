"""Trials: each training of a model is a value, which can be compared, hashed and pickled.

A loop that needs trainings (a scheduler, a comparison, the encoding search) makes a `Training` for each, and
submits them to an `Executor`, which may run them here, in other processes or on other machines. Results
depend on the specs alone, not on the executor.
"""

import hashlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from automtl_core.choices import Architecture
from automtl_core.errors import ArtifactError, AutoMTLError, InputMissingError
from automtl_core.settings.settings import Configured, S, Search, Settings
from automtl_core.space import SearchSpace
from automtl_core.system.documents import canonical, plain
from automtl_core.system.state import State
from automtl_core.training.compute import CPU, Compute
from automtl_core.training.events import Event, Listener
from automtl_core.training.learner import TrainingData
from automtl_core.training.metrics import Metrics, metrics_from_json
from automtl_core.training.recipe import Recipe

Overrides = Mapping[str, Mapping[str, Any]]
"""Settings of a run that a search chooses, by part: `{"training": {"learning_rate": 1e-3}}`. A part with a
name is another component, and replaces the whole part: `{"space": {"name": "mmoe"}}`."""


@dataclass(frozen=True)
class Training:
    """One training, as a value, which can be pickled.

    Strategies name architecture and settings; `Trials.placed` adds configuration, data and folder.
    """

    name: str = field(default="", compare=False)
    """Unique name in reports, such as `mmoe` or `trial 3`; empty for a training that is not told."""
    architecture: Architecture = field(default_factory=lambda: Architecture({}))
    """Architecture to train; that of a whole run is found by its search."""
    overrides: Overrides = field(default_factory=dict, compare=False)
    """Settings in place of those of the run; `config` has them."""
    epochs: int | None = None
    """Epoch after which the training pauses; one with more epochs continues it. None for no pause."""
    loss_rows: int = 0
    """Maximum number of validation rows with losses in the result; 0 for none."""
    config: Settings | None = None
    """Resolved `RunConfig` of a run: space, dataset, recipe, feature encodings, seed."""
    data: str = ""
    """Folder of the prepared data."""
    folder: str = ""
    """Folder of the training: it holds the checkpoint or, for a whole run, the run directory."""
    held_out: bool = False
    """Whether it validates on held-out rows of the training part, see `search.encoding.rows`."""
    train_rows: int | None = None
    """Training rows that are drawn by the seed; None for all."""
    until: tuple[int, ...] = ()
    """The epochs whose weights are kept, `Fit.best_epochs` of another training; empty for early stopping."""
    whole: bool = False
    """Whether it is a whole run, with a search if the configuration names one."""
    test: bool = False
    """Whether a whole run includes the test."""
    encoding_search: Any = None
    """`EncodingSearchResult`, which a whole run records; the configuration has the encodings."""

    def __hash__(self) -> int:
        return hash(self.folder)

    @property
    def digest(self) -> str:
        """Digest of all that the weights depend on, but the epoch of a pause."""
        config = self.config and self.config.model_dump(mode="json", exclude={"data_dir", "prepared_dir"})
        model = [config, Path(self.data).name, self.architecture.to_json()]
        values = [*model, self.held_out, self.train_rows, self.until]
        return hashlib.sha256(canonical({"trial": values})).hexdigest()[:16]

    def below(self, folder: str | Path) -> "Training":
        """Return the training with a folder of its own in another one."""
        return replace(self, folder=str(Path(folder) / self.digest))


BY_ROW = ("losses", "other_view")
"""Arrays of a `TrialResult`."""


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial."""

    state: Literal["done", "paused", "stopped", "diverged", "failed", "held"]
    """`done`: more epochs would not change it. `paused`: it reached `epochs`. `stopped`: a listener ended
    it. `diverged`: a loss was not finite. `failed`: another error ended a whole run, which does not concern
    other runs. `held`: another process works on it, there is no result yet."""
    metrics: Metrics
    """Validation metrics of the best epoch; empty where there are none."""
    best_epoch: int = 0
    epochs: int = 0
    """Number of trained epochs."""
    seconds: float = 0.0
    """Duration of this call."""
    losses: NDArray[np.float64] | None = None
    """Contribution of each of the first `loss_rows` validation rows to the loss, [R]; see `HeldOut`."""
    error: str | None = None
    """Error message of a diverged or failed trial, with the remedy if it failed."""
    other_view: NDArray[np.float64] | None = None
    """As `losses`, by AUC over all rows in place of GAUC, or reversed; see `HeldOut.other_view`."""

    @classmethod
    def failed(cls, error: AutoMTLError, folder: str) -> "TrialResult":
        """Return the result of a whole run in a folder that an error ended, with the remedy."""
        damaged = isinstance(error, ArtifactError | InputMissingError) and folder in str(error)
        fix = f"remove the folder {folder}, and repeat the command" if damaged else error.fix
        return cls("failed", {}, error=f"{error}; {fix}" if fix else str(error))

    def to_state(self) -> State:
        """Return tensors and JSON values for a checkpoint."""
        arrays = {name: one for name in BY_ROW if (one := getattr(self, name)) is not None}
        tensors = {name: torch.from_numpy(one) for name, one in arrays.items()}
        return {**vars(self), "metrics": plain(self.metrics), **tensors}

    @classmethod
    def from_state(cls, state: State) -> "TrialResult":
        """Return the result of a value of `to_state`."""
        arrays = {name: None if (one := state[name]) is None else one.numpy() for name in BY_ROW}
        return cls(**{**state, "metrics": metrics_from_json(state["metrics"]), **arrays})


@dataclass(frozen=True)
class TrialBegan(Event):
    """A trial begins or resumes; not sent for a trial that needs no training."""

    title: str = ""
    """What is told of it, such as `cell 2 of 6: mmoe, seed 0`; empty for a trial that is not announced."""


@dataclass(frozen=True)
class TrialEnded(Event):
    """A trial ended; the state of `result` holds until its spec is run again."""

    result: TrialResult


@dataclass(frozen=True)
class TrialWaits(Event):
    """A trial waits for another process that works on it."""

    title: str = ""
    """What is told of it, such as `mmoe, seed 0`."""


OnEvent = Callable[[Training, Event], bool]
"""Receives the events of each trial; if it returns False, the executor ends all trials in order."""
RunTrial = Callable[[Training, Listener], TrialResult]


@runtime_checkable
class Executor(Protocol):
    """Runs trials.

    The events of a trial come in their order; those of several trials may be mixed.
    """

    def run(self, queue: deque[Training], on_event: OnEvent) -> Iterator[tuple[Training, TrialResult]]:
        """Yield the result of each spec as it comes, until the queue is empty and no trial runs.

        Args:
            queue: The submitted specs. Trials are taken from the left; the caller may submit more between two
                results.
            on_event: Receives the events. After it returned False, the trials that run end in order, and no
                other ones are taken.

        """
        ...


class Serial:
    """Executor that runs one trial after the other in this process.

    Args:
        run_trial: Runs one trial.

    """

    def __init__(self, run_trial: RunTrial) -> None:
        self.run_trial = run_trial

    def run(self, queue: deque[Training], on_event: OnEvent) -> Iterator[tuple[Training, TrialResult]]:
        """Yield the results in the order of the specs."""
        going_on = True

        def listener(spec: Training, event: Event) -> bool:
            nonlocal going_on
            going_on = on_event(spec, event) and going_on
            return going_on

        while queue and going_on:
            spec = queue.popleft()
            yield spec, self.run_trial(spec, partial(listener, spec))


@dataclass(frozen=True)
class Trials:
    """What a search may train from scratch, and where. Outside of a run these are architectures alone."""

    template: Training = Training()
    """Training without an architecture; its folder holds the folders of all trials."""
    executor: Executor | None = None
    """Runs the trainings; None outside of a run, see `trained.trials_of`."""
    config: Callable[[Overrides], Settings] | None = None
    """Returns the configuration with other values of settings."""
    problem: Callable[[Training], "Problem"] | None = None
    """Returns the problem of a `placed` training. With other settings, its space may have other choices."""
    domains: Mapping[str, Search] = field(default_factory=dict)
    """Name of a setting that may be chosen, such as `training.learning_rate` -> its domain."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Name of a setting -> its value in the configuration of the run."""
    model: Callable[[str], Training] | None = None
    """Returns a model without choices by its name, such as `mmoe`. It raises a `UsageError` if a library is
    missing, or the model cannot learn the tasks."""
    average: Callable[[str, Sequence[Training]], Training] | None = None
    """Returns the mean of several trainings under a name, which may override settings of the space alone."""

    def placed(self, training: Training) -> Training:
        """Return a training with configuration, data and folder; its settings replace those of the run."""
        own = self.config(training.overrides) if self.config and training.overrides else self.template.config
        kept = {name: getattr(training, name) for name in ("name", "overrides", "epochs", "loss_rows")}
        architecture = Architecture(training.architecture.decisions)
        one = replace(self.template, config=own, architecture=architecture, **kept)
        return one.below(self.template.folder)


@dataclass(frozen=True)
class Problem:
    """The input of a search strategy. It does not contain the test part."""

    space: SearchSpace
    data: TrainingData
    recipe: Recipe
    seed: int
    compute: Compute = CPU
    spent: Callable[[], float] = float
    """Returns the spent share of the time for the search, from 0 to 1; without a limit `float()`, which is 0.
    A strategy may use it to end a phase in time for the next one."""
    trials: Trials = Trials()
    """Trainings from scratch, and what else the search may choose."""

    @property
    def samples(self) -> bool:
        """Whether trials read a sample of the training rows, so that the result is trained again."""
        return self.trials.template.train_rows is not None

    @property
    def trial_rows(self) -> int:
        """Number of training rows of a trial."""
        return self.trials.template.train_rows or len(self.data.train)

    def having(self, overrides: Overrides) -> "Problem":
        """Return the problem with other values of settings."""
        made, training = self.trials.problem, Training(overrides=overrides)
        return made(self.trials.placed(training)) if made and overrides else self


class Engine(ABC, Configured[S]):
    """Makes executors. Subclasses declare their settings by `Engine[MySettings]`.

    Args:
        settings: An instance of the class's `settings_class`.
        workers: Maximum number of trials that run at once; None for as many as the engine has room for.

    """

    def __init__(self, settings: S, workers: int | None) -> None:
        self.settings = settings
        self.workers = workers

    @abstractmethod
    def executor(self, run_trial: RunTrial) -> AbstractContextManager[Executor]:
        """Return the context of an executor, which calls `run_trial(spec, listener)` where a trial runs.

        `run_trial` needs the spec alone, and can be pickled, as can its errors. The listener returns False to
        end the trial. The processes may stay between calls of `Executor.run`. All of them have ended at the
        end of the context, also after an error or an interrupt.

        Raises:
            UsageError: a library is missing, and the remedy names the command that installs it; or the
                settings name a place that does not exist.

        """
