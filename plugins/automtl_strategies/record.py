"""The record of a study in a storage of Optuna, for its dashboard and its other tools.

The search itself does not read it: each trial is added when it has ended, and a record that lacks the last
trials, because the process was killed, gets them when the search goes on.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from warnings import catch_warnings, simplefilter

from automtl_core.disk.files import break_hard_links
from automtl_core.errors import AutoMTLError, StorageError, UsageError, one_line

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

Direction = Literal["maximize", "minimize"]
JOURNAL = "study.journal"
"""Name of the file in a run directory."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep messages of Optuna from the terminal."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with catch_warnings():
            simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


class Record:
    """A study in a storage.

    Args:
        place: A file, or the URL of a storage of Optuna such as `sqlite:///studies.db`.
        name: Name of the study.
        directions: Directions of its objectives.

    Raises:
        UsageError: the storage has another study of this name.
        StorageError: the storage cannot be used.

    """

    def __init__(self, place: Path | str, name: str, directions: Sequence[Direction]) -> None:
        import optuna

        self.place, self.name = place, name
        with self._reached():
            storage = _journal(place) if isinstance(place, Path) else place
            self._study = optuna.create_study(
                storage=storage, study_name=name, directions=list(directions), load_if_exists=True
            )
            self._there = self._study.get_trials(deepcopy=False)

    def add(self, trials: Sequence["FrozenTrial"]) -> None:
        """Add trials, the next ones of the search, unless an earlier process has added them.

        Raises:
            UsageError: the storage has other trials under the name of the study.
            StorageError: the storage cannot be used.

        """
        for trial in trials:
            if trial.number >= len(self._there):
                with self._reached():
                    self._study.add_trial(trial)
            elif self._there[trial.number].params != trial.params:
                raise UsageError(
                    f"strategy.storage: {self.place} has another study called {self.name!r}",
                    "choose another --name, or another storage",
                )

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            with quiet():
                yield
        except (AutoMTLError, KeyboardInterrupt):
            raise
        except Exception as error:  # each kind of storage has its own
            raise StorageError(
                f"the storage of the study, {self.place}, cannot be used: {one_line(error)}",
                "correct strategy.storage; without it the study is a file of the run",
            ) from None


def _journal(path: Path) -> "BaseStorage":
    """Return the storage of a file, which a killed process may have left with an incomplete line."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    class Held(JournalFileOpenLock):
        """No lock: the run directory is locked. A lock file would stay after a kill."""

        def acquire(self) -> bool:
            return True

        def release(self) -> None:
            return

    break_hard_links(path)
    if path.exists():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as file:
                file.truncate(whole)
    return JournalStorage(JournalFileBackend(str(path), Held(str(path))))
