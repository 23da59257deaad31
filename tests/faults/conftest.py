"""The server of forks, stages by the name of their subject, and the choice of tests."""

import os
import sys
from functools import cache
from pathlib import Path

import pytest

from .harness import Harness
from .programme import FILE, SLICE
from .stage import Stage
from .subjects import SUBJECTS


def pytest_collection_modifyitems(config, items):
    """Leave out the tests that `make faults` alone runs, and all where Linux is missing."""
    names = SLICE if FILE not in os.environ else ("test_",)
    if sys.platform != "linux":
        names = ()
    here = Path(__file__).parent
    rest = {item for item in items if item.path.parent == here and not item.name.startswith(names)}
    config.hook.pytest_deselected(items=list(rest))
    items[:] = [item for item in items if item not in rest]


@pytest.fixture(scope="session")
def harness():
    """Return the server of forks of this process."""
    made = Harness()
    yield made
    made.close()


@pytest.fixture(scope="session")
def stage(harness, tmp_path_factory):
    """Return the stage of a subject, which is made once."""
    scratch = tmp_path_factory.mktemp("stages")
    return cache(lambda name: Stage(harness, SUBJECTS[name], scratch))
