"""Who is told how the line goes."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from automtl_core.data.progress import Progress, silent
from automtl_core.search.encoding.search import Looked
from automtl_core.training.listener import Listener, Silent
from automtl_core.workflow.progress_estimate import Ahead


class Watch(Protocol):
    """Is told how the line goes."""

    def preparing(self) -> AbstractContextManager[Progress]:
        """Give what hears of the preparation while it goes."""
        ...

    def trying(self) -> AbstractContextManager[Progress]:
        """Give what hears of trials while they go."""
        ...

    def training(self, ahead: Ahead) -> AbstractContextManager[Listener]:
        """Give what hears of a search and its training while they go, and may end them."""
        ...

    def warn(self, sentence: str) -> None:
        """Hear what one should know of the data, or of settings on this machine."""
        ...

    def looked(self, found: Looked) -> None:
        """Hear how answers to what the settings left open were found."""
        ...


class Unwatched:
    """Watch that ignores everything."""

    def preparing(self) -> AbstractContextManager[Progress]:
        """Ignore."""
        return nullcontext(silent)

    def trying(self) -> AbstractContextManager[Progress]:
        """Ignore."""
        return nullcontext(silent)

    def training(self, ahead: Ahead) -> AbstractContextManager[Listener]:
        """Ignore."""
        return nullcontext(Silent())

    def warn(self, sentence: str) -> None:
        """Ignore."""

    def looked(self, found: Looked) -> None:
        """Ignore."""


UNWATCHED = Unwatched()
