"""The interface of listeners of runs, which record the progress of a run elsewhere, such as in TensorBoard.

The listeners of a run are named by the setting `listeners`. They change no result: the return value of a
listener is ignored, and one that raises is left out of the rest of the run, with a warning.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automtl_core.training.events import Event
from automtl_core.training.metrics import Metrics


class RunListener(ABC):
    """Follows one run.

    A listener is made when a process starts to work on the run. If another process continues the run, a
    listener is made there for the same folder: it should continue its earlier record, and replace the epochs
    that are sent again. For a run of a comparison, the test may be done by another object than the training.

    Args:
        run: Folder of the run. The listener may keep files in a subfolder of its own name.
        settings: The resolved configuration of the run, as in `config.yaml`.

    """

    def __init__(self, run: Path, settings: Mapping[str, Any]) -> None:
        self.run = run
        self.settings = settings

    @classmethod
    def check(cls) -> None:
        """Check that everything is installed; called before the run begins.

        Raises:
            UsageError: a library is missing; the remedy names the command that installs it.

        """
        return

    @abstractmethod
    def receive(self, event: Event) -> None:
        """Take note of an event; unknown types must be ignored."""

    def tested(self, metrics: Metrics) -> None:
        """Take note of the test metrics of the run; all files of the run are written by then."""
        return

    def close(self, error: BaseException | None) -> None:
        """Write what is left; called once, at the regular end (None) or with the error that ended the run."""
        return
