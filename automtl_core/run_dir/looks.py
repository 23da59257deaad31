"""Looks at test rows: a ledger of the networks that were scored on them, which belongs to the rows.

`<prepared_dir>/looks/<digest of the labels>.jsonl` has a line for each network, in the order of their
first looks. A repeated test adds no line, the removal of a run removes none, and a test of a frame in Python
is no look. Of several models, the one with the best score on the same rows is partly better by chance, so
comparisons count the models.

Letters: R rows, T tasks.
"""

import hashlib
import logging
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Identity, Result
from automtl_core.run_dir.run import Run
from automtl_core.system.documents import SIZE_LIMIT, Value, canonical, parse_json, read_plain
from automtl_core.system.files import LOCK

FOLDER = "looks"
log = logging.getLogger("automtl")


@dataclass(frozen=True)
class Look(Value):
    """A network that was scored on rows."""

    model: str
    """Digest of its settings without seeds; of predictions of another system, that of the predictions."""
    network: str
    """Digest of the model, and of the files that decide predictions."""
    decisions: str = ""
    """Digest of the decisions of its search space; empty without any."""


@dataclass(frozen=True)
class ScoredBefore(Value):
    """Other models that were scored on the same rows before."""

    models: int = 0
    networks: int = 0
    """Number of their trainings."""

    @property
    def words(self) -> str:
        """The models in words."""
        models = "1 other model was" if self.models == 1 else f"{self.models} other models were"
        trainings = f"{self.networks} training{'s' * (self.networks > 1)}"
        return f"{models} scored on these test rows before ({trainings})"


def look_of(run: Run) -> Look:
    """Return the look of the network of a run."""
    settings = {key: value for key, value in run.read(Identity).settings.items() if key != "seed"}
    settings["dataset"] = {k: v for k, v in settings["dataset"].items() if k != "split_seed"}
    model, decisions = _digest(settings), dict(run.architecture().decisions)
    network = _digest({"model": model, **run.read(Result).files})
    return Look(model, network, _digest(decisions) if decisions else "")


def look_of_predictions(predictions: NDArray[Any]) -> Look:
    """Return the look of predictions of another system, [R, T]."""
    digest = hashlib.sha256(predictions.tobytes()).hexdigest()
    return Look(digest, digest)


def ledger(folder: Path, labels: NDArray[Any]) -> Path:
    """Return the ledger of rows.

    Args:
        folder: Folder of prepared data.
        labels: Labels of the rows, [R, T].

    """
    content = np.ascontiguousarray(labels, np.float32)
    digest = hashlib.sha256(f"{content.shape}".encode() + content.tobytes()).hexdigest()
    return folder / FOLDER / f"{digest[:32]}.jsonl"


def look(path: Path, looks: Sequence[Look]) -> None:
    """Add the networks to a ledger that are not in it.

    Where the folder cannot be written, the looks are not recorded, and the log has a warning.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(LOCK), fallback_to_soft=False), path.open("ab", buffering=0) as file:
            known = looks_of(path)
            lines = [canonical(one.to_json()) + b"\n" for one in dict.fromkeys(looks) if one not in known]
            # The end of a line that a killed process did not write.
            begin = b"" if not path.stat().st_size or path.read_bytes().endswith(b"\n") else b"\n"
            if lines:
                file.write(begin + b"".join(lines))
                os.fsync(file.fileno())
    except OSError as error:
        log.warning("%s: a look at the test rows was not recorded: %s", path, error.strerror)


def looks_of(path: Path) -> list[Look]:
    """Return the networks of a ledger in the order of their first looks; damaged lines are left out."""
    found: dict[Look, None] = {}
    with suppress(OSError):
        for line in read_plain(path, SIZE_LIMIT).splitlines():
            with suppress(ArtifactError, UnicodeDecodeError):
                found[Look.from_json(parse_json(line.decode(), path, ""), path)] = None
    return list(found)


def scored_before(ledgers: Mapping[Path, Collection[Look]]) -> ScoredBefore:
    """Return the other models that were scored on rows before the last of some networks.

    A search is no other model than the architecture that it found. Later looks do not change the result.

    Args:
        ledgers: Ledger -> the networks.

    """
    found: list[Look] = []
    for path, own in ledgers.items():
        looks, models = looks_of(path), {one.model for one in own}
        decided = {one.decisions for one in own} - {""}
        last = max((place for place, one in enumerate(looks) if one in own), default=0)
        found += [one for one in looks[:last] if not {one.model, one.decisions} & (models | decided)]
    return ScoredBefore(len({one.model for one in found}), len(found))


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(values)).hexdigest()[:32]
