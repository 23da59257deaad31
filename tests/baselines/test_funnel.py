import math

import pytest
import torch

from automtl_baselines.funnel import funnel_steps, product
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


LOG3 = math.log(3.0)


def logit(p):
    return math.log(p / (1 - p))


def test_a_task_is_as_likely_as_the_one_before_times_its_own_given_that_one(network, logits):
    weights = {"mlps.0.0": 1.0, "mlps.1.0": 1.0, "towers.tops.0.0": LOG3 / 2, "towers.tops.1.0": 0.0}
    model = network("esmm", weights, tasks=("buy<click", "click"))
    # x = 2: click 1/2, buy given click 3/4; columns as in the schema
    assert logits(model, 2)[0] == pytest.approx([logit(3 / 8), 0])


def test_the_loss_of_a_later_task_moves_the_one_before(network, moved):
    model = network("esmm", 1.0, tasks=("buy<click", "click"))
    assert {"towers.tops.0.0.weight", "towers.tops.1.0.weight"} <= moved(model, 0)
    assert "towers.tops.0.0.weight" not in moved(model, 1)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (0.0, 0.0, -LOG3),
        (100.0, 100.0, 100 - math.log(2.0)),
        (-100.0, -100.0, -200.0),
        (1e4, -3.0, -3.0),
        (-3.0, 1e4, -3.0),
        (1e4, 1e4, 1e4 - math.log(2.0)),
        (-1e30, 1e30, -1e30),
    ],
)
def test_the_product_is_exact_where_probabilities_round_to_0_or_1(a, b, expected):
    out = product(torch.tensor(a), torch.tensor(b))
    assert out.dtype == torch.float32
    assert out.item() == pytest.approx(expected, rel=1e-6)


# The scores of p = 3 and q = 2 are 9 / 5 * log 3 and 4 / 5 * log 3: weights 3/4 and 1/4.
WEIGHTS = {
    "mlps.0.0": 1.0, "mlps.1.0": 3.0, "transfers.0.passed_on.0": 0.5, "transfers.0.value": 1.0,
    "transfers.0.key": math.log(3.0) / 5, "transfers.0.query": 1.0,
    "towers.tops.0.0": 4.0, "towers.tops.1.0": 10.0,
}  # fmt: skip
TASKS = ("buy<click", "click")


def test_a_task_attends_to_the_task_before_and_to_itself(network, logits):
    # x = 2: buy q = 2, click 6, passed on as p = 3; buy z = 3/4 * 3 + 1/4 * 2; columns as in the schema
    assert logits(network("aitm", WEIGHTS, tasks=TASKS), 2)[0] == pytest.approx([11, 60])


def test_a_task_moves_the_task_before_and_never_the_one_after(network, moved):
    model = network("aitm", WEIGHTS, tasks=TASKS)
    assert {"mlps.0.0.weight", "mlps.1.0.weight", "transfers.0.passed_on.0.weight"} <= moved(model, 0)
    assert not [
        name for name in moved(model, 1) if name.startswith(("mlps.0.", "transfers.", "towers.tops.0."))
    ]


def test_transfers_follow_the_forest_from_its_roots(network, moved):
    # pay after buy after click, share alone
    model = network("aitm", 1.0, tasks=("pay<buy", "share", "click", "buy<click"))
    assert model.steps == [(3, 2), (0, 3)]
    for task, reached in {0: {0, 2, 3}, 1: {1}, 2: {2}, 3: {2, 3}}.items():
        assert {int(name.split(".")[1]) for name in moved(model, task) if name.startswith("mlps.")} == reached


def test_the_calibrator_counts_by_how_much_a_task_is_likelier_than_the_one_before(space):
    model = space("aitm", tasks=TASKS).supernet().network
    # buy and click of two rows: 3/4 above 1/2 by 1/4, and 1/10 below 1/2
    rows = torch.tensor([[math.log(3.0), 0.0], [-math.log(9.0), 0.0]], dtype=torch.float64)
    assert model.penalty(rows).item() == pytest.approx(0.6 * (1 / 4 + 0) / 2 / 2)
    assert model.penalty(rows.flip(1)).item() == pytest.approx(0.6 * (0 + 4 / 10) / 2 / 2)
