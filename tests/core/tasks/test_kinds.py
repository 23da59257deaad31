"""Kinds of tasks by name."""

import pytest

from automtl_core.errors import UnknownNameError
from automtl_core.tasks.kinds import distinct, kind_names, supply, task_kind
from automtl_tasks.poisson import Poisson


def test_a_supplied_kind_is_known_by_its_name_and_an_unknown_one_an_error():
    supply({"visits": lambda: Poisson})
    assert "visits" in kind_names()
    assert (type(task_kind("visits")), task_kind("visits").name) == (Poisson, "visits")
    assert task_kind("visits") is task_kind("visits")
    with pytest.raises(UnknownNameError, match="no kind of task is called 'binry' \\(did you mean 'binary'"):
        task_kind("binry")


def test_kinds_with_a_mean_over_tasks_come_first():
    assert [kind.name for kind in distinct(["regression", "binary", "regression"])] == [
        "binary",
        "regression",
    ]
