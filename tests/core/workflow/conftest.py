"""A job on small data, and a finished run of it."""

import pytest

from .lines import begin, make_job


@pytest.fixture
def job(tmp_path):
    return make_job(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("whole")
    return begin(make_job(folder), folder / "run")
