"""The interface of engines, which make executors: they run trials in other processes or on other machines.

An engine changes no result, so that it is no part of the configuration of a run.
"""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from automtl_core.search.trial import Executor
from automtl_core.settings.settings import Configured, S

DEFAULT_ENGINE = "processes"
"""Name of the engine of several workers."""


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
    def executor(self) -> AbstractContextManager[Executor]:
        """Return the context of an executor.

        Its processes may stay between calls of `Executor.run`. All of them have ended at the end of the
        context, also after an error or an interrupt.

        Raises:
            UsageError: a library is missing, and the remedy names the command that installs it; or the
                settings name a place that does not exist.

        """
