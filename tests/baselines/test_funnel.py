import pytest

from automtl_baselines.funnel import funnel_steps
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.errors import UsageError


def schema(*tasks):
    return Schema((SparseField("a", 2),), (), tasks)


def test_steps_of_a_funnel_are_columns_and_earlier_ones_come_first():
    tasks = (Task("pay", "buy"), Task("share"), Task("click"), Task("buy", "click"), Task("like", "click"))
    assert funnel_steps(schema(*tasks), "ESMM") == [(3, 2), (4, 2), (0, 3)]


def test_tasks_without_order_have_no_steps():
    with pytest.raises(UsageError, match="ESMM needs a funnel of tasks"):
        funnel_steps(schema(Task("a"), Task("b")), "ESMM")
