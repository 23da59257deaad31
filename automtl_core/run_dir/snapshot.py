"""The file `progress.json`: the progress of a run, for other processes while one works on the run.

It is no fact of a run: it is not signed, nothing reads it to continue, and it is removed at the end.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from automtl_core.disk.plain_file import json_text, read_json
from automtl_core.disk.value import Value
from automtl_core.errors import ArtifactError
from automtl_core.search.evidence import Evidence

FILE = "progress.json"


@dataclass(frozen=True)
class Snapshot(Value):
    """The progress at one time."""

    parts: tuple[str, ...] = ()
    """Parts of the work in their order, such as search and test."""
    part: str = ""
    """The current part."""
    phase: str = ""
    """The current phase, such as `warm-up`."""
    stage: str = ""
    """Part of a phase without epochs, such as `trial 3 of at most 7`."""
    epoch: int = 0
    """The current epoch; 0 in a phase without epochs."""
    share: float = 0.0
    """Finished share of the epoch or, without epochs, of the phase."""
    rows_per_second: float | None = None
    """Training rows per second in the current epoch; None where no row is trained."""
    done: float = 0.0
    """Finished epochs of all parts, or spent seconds of a time budget."""
    most: float | None = None
    """Maximum of `done`; None where it is unknown."""
    unit: str = "epochs"
    """Unit of `done` and `most`: epochs, or `s` for seconds."""
    seconds: float = 0.0
    """Seconds since the process began the work."""
    left: float | None = None
    """Estimate of the remaining seconds; None where there is none yet."""
    decisions: tuple[Evidence, ...] = ()
    """The latest decisions of the search, with their evidence, the newest last."""
    time: float = 0.0
    """Time of the snapshot, in seconds since 1970."""

    def write(self, run: Path) -> None:
        """Write the file whole or not at all; a full disk is no error here."""
        draft = run / f".{FILE}.{os.getpid()}.draft"
        with suppress(OSError):
            draft.write_text(json_text(self.to_json()), encoding="utf-8")
            draft.replace(run / FILE)

    @classmethod
    def read(cls, run: Path) -> "Snapshot | None":
        """Return the content of the file; None where there is none."""
        try:
            return cls.from_json(read_json(run / FILE, "wait for the next one"), run / FILE)
        except ArtifactError:
            return None


def remove(run: Path) -> None:
    """Remove the file."""
    with suppress(OSError):
        (run / FILE).unlink(missing_ok=True)
