import math

import pytest
import torch

from automtl_baselines.aitm import Transfer

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


def test_the_value_is_that_of_the_first_projection(network, logits):
    model = network("aitm", {**WEIGHTS, "transfers.0.value": 2.0}, tasks=TASKS)
    assert logits(model, 2)[0] == pytest.approx([22, 60])


def test_scores_are_divided_by_the_root_of_the_width():
    transfer = Transfer(4, 0.0).double().eval()
    transfer.passed_on = torch.nn.Identity()
    for linear, scale in (
        (transfer.value, 1.0),
        (transfer.key, math.log(3.0) / 2),
        (transfer.query, 1.0),
    ):
        linear.weight.data = torch.eye(4, dtype=torch.float64) * scale
        linear.bias.data.zero_()
    ones = torch.ones(1, 4, dtype=torch.float64)
    # scores log 3 / 2 * 4 / sqrt(4) = log 3, and 0
    assert transfer(ones, 0 * ones)[0].tolist() == pytest.approx([0.75] * 4)


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


def test_the_weight_of_the_calibrator_is_a_setting(space):
    model = space("aitm", tasks=TASKS, calibrator=0.0).supernet().network
    assert model.penalty(torch.tensor([[9.0, -9.0]])).item() == 0
