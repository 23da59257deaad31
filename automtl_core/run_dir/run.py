"""The run directory: the files of one run.

runs/<name>/
    config.yaml            the resolved configuration
    identity.json          everything that the result depends on: settings, seed, data
    environment.json       versions of automtl, its plugins, Python and torch; device and threads
    data.json              raw files, fingerprint, schema and row counts of the prepared data
    rows.json              format of new examples, so that scoring does not need the plugin of the dataset
    metrics.jsonl          one line for each epoch; equal for equal seeds
    architecture.json      the decisions by name
    decided.json           SHA-256 of the architecture
    search.json            evidence and Pareto front of a search, settings that it chose
    weights.safetensors    the network of the best epoch
    moments.safetensors    the moments of the optimiser at the end of training, for an update
    result.json            size of the network, validation and test metrics, SHA-256 of the two files above
    calibration.json       scaling of the probabilities of each task, fitted to validation rows
    importance.json        permutation importance of fields on test rows
    behaviour.json         use of experts, and calibration on test rows
    drift.json             drift from training to test rows, under a split by time
    costs.json             seconds of search and training, rows per second
    refreshed.json         the run before, of a run whose aggregates were brought up to date
    updated.json           the run before, of a run that goes on from it, and the gains over it
    status.json            running, stopped, failed or done
    encoder/               encoder of new examples, see data/encoder.py
    seen/<part>.npy        digests of the training and validation rows, and of those of a refresh, see
                           data/known.py
    log.txt                times and errors
    checkpoint.safetensors state of an interrupted search; checkpoint.before.safetensors is an epoch older
    trials/                checkpoints and results of trainings, until the run is trained

JSON files except the architecture contain their SHA-256: changes are detected. No file is a link.
"""

import hashlib
import itertools
import logging
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from automtl_core.choices import Architecture
from automtl_core.data.encoder import Encoder
from automtl_core.data.known import Hashes
from automtl_core.data.store import ENCODER, Prepared
from automtl_core.errors import (
    ArtifactError,
    AutoMTLError,
    InputMissingError,
    RunExistsError,
    StorageError,
    UsageError,
    one_line,
)
from automtl_core.fields.encode import Kinds
from automtl_core.fields.kinds import BUILT_IN
from automtl_core.run_dir.config import RunConfig, merge
from automtl_core.run_dir.facts import (
    SEEN,
    Data,
    Decided,
    Fact,
    Identity,
    Refreshed,
    Result,
    Search,
    Status,
    differences,
    without_places,
)
from automtl_core.run_dir.folders import check_run, is_locked, locked, no_links
from automtl_core.system.documents import (
    SIZE_LIMIT,
    json_text,
    parse_json,
    read_plain,
    read_signed,
    sha256,
    write_signed,
)
from automtl_core.system.files import GONE, LOCK, break_hard_links, link_or_copy, publish_folder, write_atomic
from automtl_core.system.state import CHECKPOINTS, State, load_state, save_state
from automtl_core.system.strict_yaml import read_yaml
from automtl_core.training.metrics import Metrics

F = TypeVar("F", bound=Fact)
FORMAT = 1
"""Format version of the facts of a run."""
MOMENTS = "moments.safetensors"
SUMMED = ("architecture.json", "weights.safetensors", "search.json", "calibration.json", MOMENTS)
"""Files that decide predictions and updates; result.json holds the SHA-256 of those that exist."""
COPIED = (".json", ".jsonl", ".yaml", ".safetensors")
"""Endings of the files of a copy; a report and a log are those of the run alone."""
ROWS = "seen"
"""Folder of the digests of rows that the run has seen."""
log = logging.getLogger("automtl")


@dataclass(frozen=True)
class Run:
    """One run directory."""

    path: Path

    @classmethod
    @contextmanager
    def create(
        cls, path: Path, config: RunConfig, facts: Sequence[Fact], encoder: Encoder, rows: Path | None = None
    ) -> Iterator["Run"]:
        """Create the directory with its first files atomically, and hold it as `working` does.

        It is locked before other processes see it.

        Args:
            path: Must not exist yet.
            config: The resolved configuration.
            facts: Facts to write.
            encoder: Encoder of the prepared data.
            rows: Folder of the prepared data, whose digests of rows are kept.

        Raises:
            RunExistsError: the directory exists, or cannot be created.

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
                if rows is not None:
                    (draft / ROWS).mkdir()
                    for part in SEEN:
                        link_or_copy(rows / part / "rows.npy", draft / ROWS / f"{part}.npy")
            yield held.enter_context(cls(path)._recorded())

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Return an existing run.

        Raises:
            InputMissingError: there is no run at `path`.
            ArtifactError: it contains a link.

        """
        check_run(path)
        no_links(path)
        return cls(path)

    @contextmanager
    def working(self) -> Iterator["Run"]:
        """Hold the run for this process, log to it, and record the outcome of the block.

        Raises:
            RunInUseError: another process works on it.

        """
        with locked(self.path), self._recorded():
            yield self

    @contextmanager
    def _recorded(self) -> Iterator["Run"]:
        with _logged(self.path / "log.txt"):
            try:
                self.write(Status("running"))
                yield self
                self.write(Status("done"))
                if self.done():  # nothing is left to resume
                    for name in CHECKPOINTS:
                        (self.path / name).unlink(missing_ok=True)
            except BaseException as error:
                if isinstance(error, AutoMTLError):
                    log.error("failed: %s", error)
                    status = Status("failed", str(error), error.exit_code)
                else:
                    log.exception("stopped")
                    by_signal = isinstance(error, KeyboardInterrupt)
                    why = "interrupted by a signal, such as Ctrl-C" if by_signal else one_line(error)
                    status = Status("stopped", why)
                with suppress(StorageError):  # the first error is the one to report
                    self.write(status)
                raise

    def copied(self, path: Path, encoder: Encoder, fact: Refreshed, rows: Hashes) -> "Run":
        """Return a copy of the finished run with another encoder, and with more rows that it has seen.

        Args:
            path: The new run.
            encoder: Its encoder.
            fact: What its aggregates have seen.
            rows: Digests of the new rows.

        Raises:
            RunExistsError: the path exists, or cannot be created.

        """
        with publish_folder(path) as draft:
            for file in self.path.iterdir():
                if file.suffix in COPIED and file.name not in CHECKPOINTS:
                    shutil.copyfile(file, draft / file.name)
            encoder.save(draft / ENCODER)
            (draft / ROWS).mkdir()
            for file in (self.path / ROWS).glob("*.npy"):
                link_or_copy(file, draft / ROWS / file.name)
            before = self.rows("refresh")
            (more := draft / ROWS / "refresh.npy").unlink(missing_ok=True)
            np.save(more, (rows if before is None else np.concatenate([before, rows]))[:, None])
            Run(draft).write(replace(fact, seen=str(sha256(more))))
        return Run(path)

    def rows(self, *parts: str) -> Hashes | None:
        """Return the digests of the rows of parts: `train`, `validation`, and `refresh`, if there was one.

        None without any, as in a run of an earlier version.

        Raises:
            ArtifactError: a file is missing or damaged.

        """
        sums, refreshed = dict(self.read(Data).seen), self.get(Refreshed)
        if refreshed is not None and refreshed.seen:
            sums["refresh"] = refreshed.seen
        files = {part: self.path / ROWS / f"{part}.npy" for part in parts if part in sums}
        for part, file in files.items():
            if sha256(file) != sums[part]:
                raise ArtifactError(f"{file}: missing or damaged", "restore it from a copy")
        return np.concatenate([np.load(file)[:, 0] for file in files.values()]) if files else None

    def served(self, prepared: Prepared) -> Prepared:
        """Return the data in the encoding of the finished run's network: that of a refit after one."""
        return prepared.refit if self.read(Result).refitted else prepared

    def encoder(self, kinds: Kinds = BUILT_IN) -> Encoder:
        """Return the encoder of new examples.

        Args:
            kinds: The known encoders of fields.

        Raises:
            ArtifactError: it is missing or damaged, or the kind of a field is unknown.

        """
        return Encoder.load(self.path / ENCODER, kinds)

    def check_whole(self) -> None:
        """Check while working on the run that its end will be possible, so that no epoch is in vain.

        Raises:
            StorageError: its folder was moved or removed.
            ArtifactError: its configuration or its lock was removed.

        """
        if not self.path.is_dir():
            raise StorageError(f"{self.path}: cannot be written: there is no such folder", GONE)
        for name, fix in (
            ("config.yaml", "restore it from a copy, and resume the run, or start a new run"),
            (LOCK, f"resume the run, which locks it again: {resuming(self.path)}"),
        ):
            if not (self.path / name).exists():
                raise ArtifactError(f"{self.path / name}: removed while a process works on the run", fix)

    def write(self, fact: Fact) -> None:
        """Write a fact, replacing an earlier one."""
        write_signed(self.path / f"{fact.file}.json", FORMAT, fact.to_json())

    def read(self, kind: type[F]) -> F:
        """Return a fact of the run.

        Raises:
            ArtifactError: it does not exist yet, or was changed.

        """
        path = self._there(f"{kind.file}.json")
        if path.name in SUMMED:
            self._check(path.name)
        document = read_signed(path, FORMAT, "restore it from a copy, or begin another run")
        del document["format"]
        return kind.from_json(document, path)

    def has(self, kind: type[Fact]) -> bool:
        """Return whether the run has a fact.

        Raises:
            ArtifactError: it is missing, and the result was made with it.

        """
        path = self.path / f"{kind.file}.json"
        if path.exists():
            return True
        if path.name in SUMMED:
            self._check(path.name)
        return False

    def get(self, kind: type[F]) -> F | None:
        """Return a fact of the run; None if it has none. Raises as `has` and `read`."""
        return self.read(kind) if self.has(kind) else None

    def status(self) -> Status:
        """Return the state of the run; a run without a process is never `running`."""
        if (status := self.read(Status)).state != "running" or is_locked(self.path):
            return status
        if (status := self.read(Status)).state != "running":  # it ended between the two looks
            return status
        return replace(status, state="stopped", error="its process was killed")

    def done(self) -> bool:
        """Return whether the network is trained and tested."""
        return self.status().state == "done" and self.has(Result) and self.read(Result).test is not None

    def tested(self) -> Metrics:
        """Return the test metrics.

        Raises:
            ArtifactError: the network is not trained or not tested yet.

        """
        test = self.read(Result).test
        if test is None:
            raise ArtifactError(f"{self.path}: the network is trained, but not tested yet", self.way_on())
        return test

    def way_on(self) -> str:
        """Return the remedy for a file that the run has not written yet."""
        if not self.has(Status):
            return "use a complete run directory"
        status = self.status()
        if status.state == "running":
            return "wait for the process that works on this run"
        if self.done():
            return "restore it from a copy"
        cause = f"correct the cause of its failure ({status.error}) and " if status.state == "failed" else ""
        return f"{cause}resume the run: {resuming(self.path)}"

    def initial_config(self) -> RunConfig:
        """Return the resolved configuration that the run began with.

        Raises:
            ArtifactError: config.yaml is damaged, or was changed; the message lists the changed settings.

        """
        return RunConfig.parse(self._settings())

    def config(self) -> RunConfig:
        """Return the configuration with the settings that the search chose, see `SearchResult.overrides`."""
        overrides = self.read(Search).overrides if self.has(Search) else {}
        return RunConfig.parse(merge(self._settings(), overrides)) if overrides else self.initial_config()

    def _settings(self) -> dict[str, Any]:
        """Return config.yaml as plain values; raises as `initial_config` does."""
        path = self.path / "config.yaml"
        try:
            settings = read_yaml(path)
        except (InputMissingError, UsageError) as error:
            raise ArtifactError(f"{error}", f"restore {path} from a copy") from None
        if changed := differences(self.read(Identity).settings, without_places(settings)):
            raise ArtifactError(
                f"{path}: changed since the run began: {'; '.join(changed)}",
                "undo the change, or start a new run",
            )
        return settings

    def write_reports(self, reports: Sequence[Mapping[str, Any]]) -> None:
        """Replace the lines of `metrics.jsonl`."""
        write_atomic(self.path / "metrics.jsonl", "".join(json_text(r) + "\n" for r in reports).encode())

    def reports(self) -> list[dict[str, Any]]:
        """Return the lines of `metrics.jsonl`."""
        path, fix = self.path / "metrics.jsonl", "use a complete run"
        try:
            lines = read_plain(path, SIZE_LIMIT).splitlines()
        except OSError as error:
            raise ArtifactError(f"{path}: cannot be read: {error.strerror}", fix) from None
        texts = (line.decode(errors="replace") for line in lines)
        reports = [parse_json(text, f"{path}:{n}: damaged", fix) for n, text in enumerate(texts, start=1)]
        if not all(isinstance(report, dict) for report in reports):
            raise ArtifactError(f"{path}: a line is no mapping", fix)
        return reports

    def write_architecture(self, architecture: Architecture) -> None:
        """Write `architecture.json`, and before it its digest."""
        content = architecture.to_json().encode()
        self.write(Decided(hashlib.sha256(content).hexdigest()))
        write_atomic(self.path / "architecture.json", content)

    def architecture(self) -> Architecture:
        """Return the architecture of the run.

        Raises:
            ArtifactError: it does not exist yet, or is damaged.

        """
        path = self._there("architecture.json", ": the search has not ended")
        self._check(path.name)
        if self.has(Decided) and sha256(path) != self.read(Decided).digest:
            raise ArtifactError(f"{path}: changed since the search ended", "restore it from a copy")
        return Architecture.read(path)

    def save_weights(self, state: State) -> None:
        """Write `weights.safetensors`."""
        save_state(self.path / "weights.safetensors", state)

    def weights(self) -> State:
        """Return the weights of the trained network.

        Raises:
            ArtifactError: they do not exist yet, or are damaged.

        """
        path = self._there("weights.safetensors", ": the training has not ended")
        state = load_state(path)
        self._check(path.name)
        return state

    def save_moments(self, state: State) -> None:
        """Write `moments.safetensors`, from which an update goes on."""
        save_state(self.path / MOMENTS, state)

    def moments(self) -> State:
        """Return the moments of the optimiser at the end of training; empty without any.

        Raises:
            ArtifactError: they are damaged.

        """
        path = self.path / MOMENTS
        state = load_state(path) if path.exists() else {}
        self._check(MOMENTS)
        return state

    def sums(self) -> dict[str, str]:
        """Return the SHA-256 of the files recorded in result.json."""
        return {name: digest for name in SUMMED if (digest := sha256(self.path / name)) is not None}

    def _there(self, name: str, why: str = "") -> Path:
        """Return the path of a file; an error with the reason if it does not exist."""
        path = self.path / name
        if not path.exists():
            raise ArtifactError(f"{path}: not there{why}", self.way_on())
        return path

    def _check(self, name: str) -> None:
        """Check that a file equals the one recorded in the result, if there is a result."""
        if not self.has(Result):
            return
        recorded = self.read(Result).files.get(name)
        # Results of earlier versions name the first two files alone.
        if (recorded is not None or name in SUMMED[:2]) and sha256(self.path / name) != recorded:
            raise ArtifactError(
                f"{self.path / name}: its SHA-256 differs from the one in {self.path / 'result.json'}",
                "restore it from a copy",
            )


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Write the log to a file."""
    break_hard_links(path)
    handler = _Log(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        with suppress(OSError):
            handler.close()


class _Log(logging.FileHandler):
    """A log that lacks lines where the disk is full; other files of the run report that."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - a method of logging
        pass


def check_free(path: Path) -> None:
    """Check that nothing exists at the path of a new run.

    Raises:
        RunExistsError: the path exists.

    """
    if not os.path.lexists(path):
        return
    fix = "choose another --name"
    with suppress(InputMissingError, ArtifactError):
        run = Run.open(path)
        if run.status().state != "running" and not run.done():
            fix += f", or resume it: {resuming(path)}"
    raise RunExistsError(f"{path}: exists already, and a run is never overwritten", fix)


@contextmanager
def numbered(runs_dir: Path, stem: str, make: Callable[[Path], AbstractContextManager[Run]]) -> Iterator[Run]:
    """Create the run `stem-1`, or the first of `stem-2`, ... that does not exist."""
    with ExitStack() as held:
        for number in itertools.count(1):
            path = runs_dir / f"{stem}-{number}"
            try:
                if os.path.lexists(path):
                    continue
                run = held.enter_context(make(path))
            except RunExistsError:
                if not os.path.lexists(path):
                    raise  # the folder is not writable
                continue
            yield run
            return


def resuming(path: Path) -> str:
    """Return the command that resumes a run."""
    return f"automtl search --resume {shlex.quote(str(path))}"
