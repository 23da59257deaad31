"""The run directory: all that a run was, found and measured.

runs/<name>/
    config.yaml            the resolved configuration
    environment.json       versions of automtl, its plugins, Python and torch; device and threads
    data.json              fingerprint, schema and row counts of the prepared data, whether simulated
    metrics.jsonl          one line an epoch; equal for equal seeds
    architecture.json      the decisions by name
    weights.safetensors    the network of the best epoch
    result.json            size of the network, validation and test metrics, whether on simulated data
    costs.json             seconds of search and training, rows a second
    status.json            running, stopped, failed or done
    encoder/               what turns new examples into ids and numbers, see data/encoder.py
    log.txt                times, and what went wrong
    checkpoint.safetensors what a stopped run goes on from
"""

import itertools
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from automtl_core.choices import Architecture
from automtl_core.data.encoder import Encoder
from automtl_core.data.store import ENCODER
from automtl_core.disk.files import LOCK, publish_folder, write_atomic
from automtl_core.disk.state import State, load_state, save_state
from automtl_core.disk.strict_yaml import read_yaml
from automtl_core.errors import ArtifactError, AutoMTLError, InputMissingError, RunExistsError, RunInUseError
from automtl_core.runs.config import RunConfig


@dataclass(frozen=True)
class Run:
    """One run directory."""

    path: Path

    @classmethod
    @contextmanager
    def create(
        cls, path: Path, config: RunConfig, facts: Mapping[str, Mapping[str, Any]], encoder: Encoder
    ) -> Iterator["Run"]:
        """Make the directory with its first files in one step, and hold it as `working` does.

        It is locked before others can see it.

        Args:
            path: Must not exist yet.
            config: The resolved configuration.
            facts: JSON files to write, by their names without ending.
            encoder: Of the prepared data.

        Raises:
            RunExistsError: it exists, or cannot be created.

        """
        if os.path.lexists(path):
            raise RunExistsError(
                f"{path}: exists already, and a run is never overwritten", "choose another --name"
            )
        with ExitStack() as held:
            with publish_folder(path) as draft:
                held.enter_context(_locked(draft))
                cls._begin(draft, config, facts)
                encoder.save(draft / ENCODER)
            yield held.enter_context(cls(path)._logged())

    @staticmethod
    def _begin(draft: Path, config: RunConfig, facts: Mapping[str, Mapping[str, Any]]) -> None:
        write_atomic(draft / "config.yaml", config.to_yaml().encode())
        write_atomic(draft / "metrics.jsonl", b"")
        for name, value in facts.items():
            write_atomic(draft / f"{name}.json", _json(value))
        write_atomic(draft / "status.json", _json({"state": "running"}))

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Return an existing run.

        Raises:
            InputMissingError: there is no run at `path`.

        """
        if not (path / "config.yaml").is_file():
            raise InputMissingError(
                f"{path}: no run directory", "give the folder of a run, such as runs/NAME"
            )
        return cls(path)

    @contextmanager
    def working(self) -> Iterator["Run"]:
        """Hold the run for this process, log into it, and record how the block ended.

        Raises:
            RunInUseError: another process works on it.

        """
        with _locked(self.path), self._logged():
            yield self

    @contextmanager
    def _logged(self) -> Iterator["Run"]:
        handler = logging.FileHandler(self.path / "log.txt", encoding="utf-8", errors="backslashreplace")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log = logging.getLogger("automtl")
        log.setLevel(logging.INFO)
        log.addHandler(handler)
        try:
            self.write("status", {"state": "running"})
            yield self
            self.write("status", {"state": "done"})
        except AutoMTLError as error:
            log.error("failed: %s", error)
            self.write("status", {"state": "failed", "error": str(error), "exit_code": error.exit_code})
            raise
        except BaseException as error:
            log.exception("stopped")
            self.write("status", {"state": "stopped", "error": repr(error)})
            raise
        finally:
            log.removeHandler(handler)
            handler.close()

    def encoder(self) -> Encoder:
        """Return what turns new examples into what the network takes.

        Raises:
            ArtifactError: it is missing or damaged.

        """
        return Encoder.load(self.path / ENCODER)

    def write(self, name: str, value: Any) -> None:
        """Replace the JSON file `name`."""
        write_atomic(self.path / f"{name}.json", _json(value))

    def read(self, name: str) -> Any:
        """Return what the JSON file `name` holds.

        Raises:
            ArtifactError: it is missing or no JSON.

        """
        path = self.path / f"{name}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ArtifactError(f"{path}: cannot be read: {error}", f"see {self.path / 'log.txt'}") from None

    def config(self) -> RunConfig:
        """Return the resolved configuration."""
        return RunConfig.parse(read_yaml(self.path / "config.yaml"))

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
        try:
            return Architecture.from_json(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ArtifactError(
                f"{path}: cannot be read: {error}", f"finish the run: automtl search --resume {self.path}"
            ) from None

    def save(self, name: str, state: State) -> None:
        """Replace `weights` or `checkpoint`."""
        save_state(self.path / f"{name}.safetensors", state)

    def load(self, name: str) -> State:
        """Return what `save` wrote; raises an `ArtifactError` where it is missing or damaged."""
        return load_state(self.path / f"{name}.safetensors")

    def has(self, name: str) -> bool:
        """Return whether `save` wrote it."""
        return (self.path / f"{name}.safetensors").exists()


@contextmanager
def numbered(runs_dir: Path, stem: str, make: Callable[[Path], AbstractContextManager[Run]]) -> Iterator[Run]:
    """Make the run `stem-1`, or the first of `stem-2`, ... that nobody else takes meanwhile."""
    with ExitStack() as held:
        yield next(
            run
            for number in itertools.count(1)
            if (run := _taken(runs_dir / f"{stem}-{number}", make, held)) is not None
        )


def _taken(path: Path, make: Callable[[Path], AbstractContextManager[Run]], held: ExitStack) -> Run | None:
    """Return the new run at `path`; None where there is one already."""
    if os.path.lexists(path):
        return None
    try:
        return held.enter_context(make(path))
    except RunExistsError:
        if not os.path.lexists(path):
            raise  # its place cannot be written to
        return None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder, which may be moved meanwhile."""
    lock = filelock.FileLock(folder / LOCK, timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise RunInUseError(f"{folder}: another process works on this run", "wait for it to end") from None
    try:
        yield
    finally:
        lock.release()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
