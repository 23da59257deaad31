"""Splits: which there are, and a job in another one."""

import pytest

from automtl_comparison.splits import in_split, split_of, split_seeds
from automtl_core.errors import UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.workflow.models import models


@pytest.fixture
def job(common):
    """Return a function that makes a job with some settings of its dataset."""

    def make(**dataset):
        return models(["mmoe"], load_registry(), common, {"dataset": dataset})["mmoe"]

    return make


def test_splits_begin_with_that_of_the_settings(job):
    assert split_seeds(job(), 1) == [0]
    assert split_seeds(job(split_seed=4), 3) == [4, 5, 6]


def test_a_job_in_another_split_differs_in_nothing_else(job):
    one = job(split_seed=4)
    two = in_split(one, 6)
    assert (split_of(one), split_of(two)) == (4, 6)
    told = two.config.model_dump(mode="json")
    told["dataset"]["split_seed"] = 4
    assert told == one.config.model_dump(mode="json")
    assert in_split(one, 4) is one


def test_no_split_is_refused(job):
    with pytest.raises(UsageError, match="--splits 0: a comparison needs at least one") as error:
        split_seeds(job(), 0)
    assert error.value.fix == "ask for 1 or more: --splits 3"


def test_a_dataset_that_comes_with_its_test_part_has_one_split(job):
    given = job(name="aliccp")
    assert split_seeds(given, 1) == [0]
    with pytest.raises(UsageError, match="--splits 2: dataset aliccp has a fixed test part") as error:
        split_seeds(given, 2)
    assert "--seeds" in error.value.fix


def test_by_time_there_is_one_split(job):
    given = job(name="kuairand", split="time", log="standard")
    assert split_seeds(given, 1) == [0]
    with pytest.raises(UsageError, match=r"dataset\.split: time has one split") as error:
        split_seeds(given, 2)
    assert "--set dataset.split=random" in error.value.fix
