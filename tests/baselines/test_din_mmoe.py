import pytest

from automtl_core.choices import Architecture
from automtl_core.dataset.encodings import plain
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_testing import check_space, sample_schema

REGISTRY = load_registry()
SMALL = {"embedding_dim": 4, "expert_layers": [8], "tower_layers": []}


def space(name, schema):
    cls = REGISTRY.get(SPACES, name)
    return cls(schema, cls.settings_class(**SMALL), REGISTRY.op, REGISTRY.history_encoder)


@pytest.mark.parametrize("parts", [(), ("matches", "last-2")])
def test_it_is_mmoe_that_reads_the_history_by_target_attention_alone(parts):
    schema = sample_schema(histories=True).encoded(plain().with_answers(history=parts))
    made = space("din-mmoe", schema)
    assert made.schema.history_inputs() == ["past:attention"]
    check_space(made)
    same = space("mmoe", schema.encoded(plain().with_answers(history=("attention",))))
    assert made.cost(Architecture({})) == same.cost(Architecture({}))
