import math

import pytest

WEIGHTS = {
    "layer.experts.0.0.0": 1.0, "layer.experts.1.0.0": 3.0, "layer.experts.2.0.0": 7.0,
    "layer.gating.0.linear": [[0.0], [math.log(3.0) / 2]], "layer.gating.1.linear": [[0.0], [0.0]],
    "towers.tops.0.0": 1.0, "towers.tops.1.0": 10.0,
}  # fmt: skip
SIZES = {"shared_experts": 1, "task_experts": 1}


def test_a_task_weighs_its_own_and_the_shared_experts(network, logits):
    # x = 2: experts 2 | 6 | 14; the first task 1/4 * 2 + 3/4 * 14, the second (6 + 14) / 2
    assert logits(network("cgc", WEIGHTS, **SIZES), 2)[0] == pytest.approx([11, 100])


def test_a_task_moves_no_expert_of_another(network, moved):
    names = moved(network("cgc", WEIGHTS, **SIZES), 0)
    assert {"layer.experts.0.0.0.weight", "layer.experts.2.0.0.weight"} <= names
    assert not [name for name in names if name.startswith(("layer.experts.1.", "layer.gating.1."))]


def test_the_settings_count_the_experts_of_each_group(space):
    layer = space("cgc", task_experts=2, shared_experts=3).supernet().network.layer
    assert [len(group) for group in layer.experts] == [2, 2, 3]
    assert [gating_network.linear.out_features for gating_network in layer.gating] == [5, 5]
    assert layer.shared_gating is None
