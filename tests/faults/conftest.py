"""The server of forks, and stages by the name of their subject."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from .harness import Harness
from .stage import Stage
from .subjects import SUBJECTS


@pytest.fixture(scope="session")
def harness() -> Iterator[Harness]:
    """Return the server of forks of this process."""
    made = Harness()
    yield made
    made.close()


@pytest.fixture(scope="session")
def stage(harness: Harness, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Stage]:
    """Return the stage of a subject, which is made once."""
    scratch: Path = tmp_path_factory.mktemp("stages")
    return cache(lambda name: Stage(harness, SUBJECTS[name], scratch))
