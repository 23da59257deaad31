"""The run directory: all that a run was, found and measured.

runs/<name>/
    config.yaml            the resolved configuration
    identity.json          what the outcome depends on, as the run began with it: settings, seed, data
    environment.json       versions of automtl, its plugins, Python and torch; device and threads
    data.json              raw files, fingerprint, schema and row counts of the prepared data
    metrics.jsonl          one line an epoch; equal for equal seeds
    architecture.json      the decisions by name
    search.json            of a search: why it decided so, what else could be taken, settings that it found
    weights.safetensors    the network of the best epoch
    result.json            size of the network, validation and test metrics, SHA-256 of the two files above
    costs.json             seconds of search and training, rows a second
    status.json            running, stopped, failed or done
    encoder/               what turns new examples into ids and numbers, see data/encoder.py
    log.txt                times, and what went wrong
    checkpoint.safetensors what a stopped run goes on from; checkpoint.before.safetensors is an epoch older

JSON files but the architecture hold their own SHA-256: what was changed since is refused. No file is a link.
"""

import itertools
import json
import logging
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from automtl_core.choices import Architecture
from automtl_core.data.encoder import Encoder
from automtl_core.data.store import ENCODER
from automtl_core.disk.files import publish_folder, write_atomic
from automtl_core.disk.signed import read_signed, sha256, write_signed
from automtl_core.disk.state import State, load_state, save_state
from automtl_core.disk.strict_yaml import read_yaml
from automtl_core.errors import ArtifactError, AutoMTLError, InputMissingError, RunExistsError
from automtl_core.fields.encode import Kinds
from automtl_core.fields.kinds import BUILT_IN
from automtl_core.run_dir.config import RunConfig, merge
from automtl_core.run_dir.facts import Fact, Result, Search, Status
from automtl_core.run_dir.lock import locked, no_links, taken
from automtl_core.training.metrics import Metrics

F = TypeVar("F", bound=Fact)
FORMAT = 1
"""Of the facts of a run."""
SUMMED = ("architecture.json", "weights.safetensors")
"""Files whose SHA-256 stands in result.json."""
CHECKPOINTS = ("checkpoint.safetensors", "checkpoint.before.safetensors")
"""What a run goes on from: the newest, and the one before it, where that is damaged."""
log = logging.getLogger("automtl")


@dataclass(frozen=True)
class Run:
    """One run directory."""

    path: Path

    @classmethod
    @contextmanager
    def create(
        cls, path: Path, config: RunConfig, facts: Sequence[Fact], encoder: Encoder
    ) -> Iterator["Run"]:
        """Make the directory with its first files in one step, and hold it as `working` does.

        It is locked before others can see it.

        Args:
            path: Must not exist yet.
            config: The resolved configuration.
            facts: What to write besides.
            encoder: Of the prepared data.

        Raises:
            RunExistsError: it exists, or cannot be created.

        """
        check_free(path)
        with ExitStack() as held:
            with publish_folder(path) as draft:
                held.enter_context(locked(draft))
                write_atomic(draft / "config.yaml", config.to_yaml().encode())
                write_atomic(draft / "metrics.jsonl", b"")
                for fact in (*facts, Status("running")):
                    cls(draft).write(fact)
                encoder.save(draft / ENCODER)
            yield held.enter_context(cls(path)._recorded())

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Return an existing run.

        Raises:
            InputMissingError: there is no run at `path`.
            ArtifactError: it holds a link.

        """
        if not (path / "config.yaml").is_file():
            raise InputMissingError(
                f"{path}: no run directory", "give the folder of a run, such as runs/NAME"
            )
        no_links(path)
        return cls(path)

    @contextmanager
    def working(self) -> Iterator["Run"]:
        """Hold the run for this process, log into it, and record how the block ended.

        Raises:
            RunInUseError: another process works on it.

        """
        with locked(self.path), self._recorded():
            yield self

    @contextmanager
    def _recorded(self) -> Iterator["Run"]:
        handler = logging.FileHandler(self.path / "log.txt", encoding="utf-8", errors="backslashreplace")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.setLevel(logging.INFO)
        log.addHandler(handler)
        try:
            self.write(Status("running"))
            yield self
            self.write(Status("done"))
        except AutoMTLError as error:
            log.error("failed: %s", error)
            self.write(Status("failed", str(error), error.exit_code))
            raise
        except BaseException as error:
            log.exception("stopped")
            self.write(Status("stopped", repr(error)))
            raise
        finally:
            log.removeHandler(handler)
            handler.close()

    def encoder(self, kinds: Kinds = BUILT_IN) -> Encoder:
        """Return what turns new examples into what the network takes.

        Args:
            kinds: The encoders of fields that there are.

        Raises:
            ArtifactError: it is missing or damaged, or the kind of a field is unknown.

        """
        return Encoder.load(self.path / ENCODER, kinds)

    def write(self, fact: Fact) -> None:
        """Write a fact in place of the one that stands there."""
        write_signed(self.path / f"{fact.file}.json", FORMAT, fact.to_json())

    def read(self, kind: type[F]) -> F:
        """Return a fact of the run.

        Raises:
            ArtifactError: it is not there yet, or not as it was written.

        """
        path = self.path / f"{kind.file}.json"
        if not path.exists():
            raise ArtifactError(f"{path}: not there", self.way_on())
        told = read_signed(path, FORMAT, "restore it from a copy, or begin another run")
        del told["format"]
        return kind.from_json(told, path)

    def has(self, kind: type[Fact]) -> bool:
        """Return whether the run has such a fact."""
        return (self.path / f"{kind.file}.json").exists()

    def status(self) -> Status:
        """Return how far the run is; one that nobody holds any more was stopped, whatever it says."""
        status = self.read(Status)
        dead = status.state == "running" and not taken(self.path)
        return replace(status, state="stopped", error="its process was killed") if dead else status

    def done(self) -> bool:
        """Return whether nothing is left to do: the network is trained and tested."""
        ended = self.status().state == "done" and self.has(Result)
        return ended and self.read(Result).test is not None

    def tested(self) -> Metrics:
        """Return the test metrics.

        Raises:
            ArtifactError: the network is not trained or not tested yet.

        """
        test = self.read(Result).test
        if test is None:
            raise ArtifactError(f"{self.path}: the network is trained, and not tested yet", self.way_on())
        return test

    def way_on(self) -> str:
        """Return what to do to have what the run has not written yet."""
        if not self.has(Status):
            return "use a complete run directory"
        status = self.status()
        if status.state == "running":
            return "wait for the process that works on this run"
        if self.done():
            return "restore it from a copy"
        cause = f"mend what made it fail ({status.error}) and " if status.state == "failed" else ""
        return f"{cause}go on with the run: {resuming(self.path)}"

    def begun(self) -> RunConfig:
        """Return the resolved configuration that the run began with."""
        return RunConfig.parse(read_yaml(self.path / "config.yaml"))

    def config(self) -> RunConfig:
        """Return the same with the settings that the search has found, see `SearchResult.overrides`."""
        found = self.read(Search).overrides if self.has(Search) else {}
        return RunConfig.parse(merge(read_yaml(self.path / "config.yaml"), found)) if found else self.begun()

    def write_reports(self, reports: Sequence[Mapping[str, Any]]) -> None:
        """Replace `metrics.jsonl` by these lines."""
        write_atomic(self.path / "metrics.jsonl", "".join(json.dumps(r) + "\n" for r in reports).encode())

    def reports(self) -> list[dict[str, Any]]:
        """Return the lines of `metrics.jsonl`."""
        try:
            return [json.loads(line) for line in (self.path / "metrics.jsonl").read_text().splitlines()]
        except (OSError, ValueError) as error:
            raise ArtifactError(
                f"{self.path}: metrics.jsonl cannot be read: {error}", "use a complete run"
            ) from None

    def write_architecture(self, architecture: Architecture) -> None:
        """Write `architecture.json`."""
        write_atomic(self.path / "architecture.json", architecture.to_json().encode())

    def architecture(self) -> Architecture:
        """Return the architecture that was found.

        Raises:
            ArtifactError: there is none yet, or it is damaged.

        """
        path = self.path / "architecture.json"
        if not path.exists():
            raise ArtifactError(f"{path}: not there: the search has not ended", self.way_on())
        self._check(path.name)
        return Architecture.from_json(path.read_text(encoding="utf-8", errors="replace"))

    def save_weights(self, state: State) -> None:
        """Write `weights.safetensors`."""
        save_state(self.path / "weights.safetensors", state)

    def weights(self) -> State:
        """Return the weights of the trained network.

        Raises:
            ArtifactError: there are none yet, or they are damaged.

        """
        path = self.path / "weights.safetensors"
        if not path.exists():
            raise ArtifactError(f"{path}: not there: the training has not ended", self.way_on())
        state = load_state(path)
        self._check(path.name)
        return state

    def save_checkpoint(self, state: State) -> None:
        """Write what the run can go on from, and keep what was written before: a disk may fail."""
        newest, before = (self.path / name for name in CHECKPOINTS)
        save_state(newest, state, keep=before)

    def checkpoint(self) -> State | None:
        """Return what the run goes on from; None where it has finished no epoch yet.

        Raises:
            ArtifactError: it is damaged, and the one before it too.

        """
        there = [path for name in CHECKPOINTS if (path := self.path / name).exists()]
        for path in there[:-1]:
            try:
                return load_state(path)
            except ArtifactError as error:
                log.warning("goes on from the checkpoint before: %s", error)
        return load_state(there[-1]) if there else None

    def sums(self) -> dict[str, str]:
        """Return the SHA-256 of the files that result.json speaks of."""
        return {name: str(sha256(self.path / name)) for name in SUMMED}

    def _check(self, name: str) -> None:
        """Check that a file is still the one of the result, if there is a result."""
        if self.has(Result) and sha256(self.path / name) != self.read(Result).files.get(name):
            raise ArtifactError(
                f"{self.path / name}: not the one that {self.path / 'result.json'} speaks of",
                "restore it from a copy",
            )


def check_free(path: Path) -> None:
    """Check that a run can have this folder.

    Raises:
        RunExistsError: something is there already.

    """
    if os.path.lexists(path):
        raise RunExistsError(f"{path}: exists already, and a run is never overwritten", _instead_of(path))


@contextmanager
def numbered(runs_dir: Path, stem: str, make: Callable[[Path], AbstractContextManager[Run]]) -> Iterator[Run]:
    """Make the run `stem-1`, or the first of `stem-2`, ... that nobody else takes meanwhile."""
    with ExitStack() as held:
        yield next(
            run
            for number in itertools.count(1)
            if (run := _new(runs_dir / f"{stem}-{number}", make, held)) is not None
        )


def _new(path: Path, make: Callable[[Path], AbstractContextManager[Run]], held: ExitStack) -> Run | None:
    """Return the new run at `path`; None where there is one already."""
    if os.path.lexists(path):
        return None
    try:
        return held.enter_context(make(path))
    except RunExistsError:
        if not os.path.lexists(path):
            raise  # its place cannot be written to
        return None


def resuming(path: Path) -> str:
    """Return the command that goes on with a run."""
    return f"automtl search --resume {shlex.quote(str(path))}"


def _instead_of(path: Path) -> str:
    """Return what to do where a run cannot be made since something stands there."""
    try:
        run = Run.open(path)
        can_go_on = run.status().state != "running" and not run.done()
    except (InputMissingError, ArtifactError):
        can_go_on = False
    return "choose another --name" + (f", or go on with it: {resuming(path)}" if can_go_on else "")
