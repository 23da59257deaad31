import pytest

from automtl_baselines.sizes import Sizes, inputs_of, towers_of
from automtl_core.errors import UsageError
from automtl_core.schema import DenseField, Schema, SparseField, Task
from automtl_core.settings import Settings

SCHEMA = Schema((SparseField("a", 2), SparseField("b", 3)), (DenseField("x"),), (Task("click"), Task("buy")))


def test_inputs_read_the_fields_of_the_schema():
    inputs = inputs_of(SCHEMA, Sizes(embedding_dim=4, embedding_std=1e-9))
    assert inputs.width == 2 * 4 + 1
    assert inputs.embedding.table.weight.shape == (5, 4)
    assert inputs.embedding.table.weight.abs().max() < 1e-6


def test_there_is_a_tower_for_each_task_on_what_experts_give():
    towers = towers_of(SCHEMA, Sizes(expert_layers=(9, 7), tower_layers=(5,), dropout=0.3))
    assert [(top[0].in_features, top[0].out_features, top[3].p) for top in towers] == [(7, 5, 0.3)] * 2


@pytest.mark.parametrize("change", [{"expert_layers": ()}, {"dropout": 1.0}, {"embedding_dim": 0}])
def test_bad_sizes_are_refused(change):
    assert issubclass(Sizes, Settings)
    with pytest.raises(UsageError, match=f"space.{next(iter(change))}"):
        Sizes.parse(change, "space")
