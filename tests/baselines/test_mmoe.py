import math

import pytest

from automtl_core.choices import Architecture
from automtl_core.dataset.encodings import plain
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_testing import check_space, sample_schema

WEIGHTS = {
    "experts.0.0": 1.0, "experts.1.0": 3.0, "gating.0.linear": [[0.0], [math.log(3.0) / 2]],
    "gating.1.linear": [[0.0], [0.0]], "towers.tops.0.0": 1.0, "towers.tops.1.0": 10.0,
}  # fmt: skip


def test_each_task_weighs_all_experts_by_a_softmax_of_the_input(network, logits):
    # x = 2: experts 2 and 6; the first task weighs them 1/4 and 3/4, the second equally
    assert logits(network("mmoe", WEIGHTS, experts=2), 2)[0] == pytest.approx([5, 40])


def test_a_task_moves_all_experts_and_no_gate_of_another(network, moved):
    names = moved(network("mmoe", WEIGHTS, experts=2), 0)
    assert {"experts.0.0.weight", "experts.1.0.weight", "gating.0.linear.weight"} <= names
    assert "gating.1.linear.weight" not in names


REGISTRY = load_registry()
SMALL = {"embedding_dim": 4, "expert_layers": [8], "tower_layers": []}


def sample_space(name, schema):
    cls = REGISTRY.get(SPACES, name)
    return cls(schema, cls.settings_class(**SMALL), REGISTRY.op, REGISTRY.history_encoder)


@pytest.mark.parametrize("parts", [(), ("matches", "last-2")])
def test_it_is_mmoe_that_reads_the_history_by_target_attention_alone(parts):
    schema = sample_schema(histories=True).encoded(plain().with_answers(history=parts))
    made = sample_space("din-mmoe", schema)
    assert made.schema.history_inputs() == ["past:attention"]
    check_space(made)
    same = sample_space("mmoe", schema.encoded(plain().with_answers(history=("attention",))))
    assert made.cost(Architecture({})) == same.cost(Architecture({}))
