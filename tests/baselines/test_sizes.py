import pytest

from automtl_baselines.sizes import Sizes, inputs_of, towers_of
from automtl_core.encodings import plain
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
    assert [(top[0].in_features, top[0].out_features, top[3].p) for top in towers.tops] == [(7, 5, 0.3)] * 2


def test_the_wide_term_is_as_wide_as_the_inputs_where_the_encodings_say_so():
    sizes = Sizes(embedding_dim=4, expert_layers=(9, 7))
    assert towers_of(SCHEMA, sizes).wide is None
    wide = SCHEMA.encoded(plain().answered(wide=True, statistics="folds", crosses=(("a", "b"),)))
    made = towers_of(wide, sizes, tasks=1).wide
    assert (made.in_features, made.out_features) == (inputs_of(wide, sizes).width, 1)


@pytest.mark.parametrize("change", [{"expert_layers": ()}, {"dropout": 1.0}, {"embedding_dim": 0}])
def test_bad_sizes_are_refused(change):
    assert issubclass(Sizes, Settings)
    with pytest.raises(UsageError, match=f"space.{next(iter(change))}"):
        Sizes.parse(change, "space")
