import pytest

from automtl_baselines.sizes import HandDesigned, Sizes
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import UsageError
from automtl_core.settings.settings import Settings


class Model(HandDesigned[Sizes]):
    def build(self, choose):
        raise NotImplementedError


def space(sizes, schema=None):
    return Model(SCHEMA if schema is None else schema, sizes, lambda name: None)


SCHEMA = Schema((SparseField("a", 2), SparseField("b", 3)), (DenseField("x"),), (Task("click"), Task("buy")))


def test_inputs_read_the_fields_of_the_schema():
    inputs = space(Sizes(embedding_dim=4, embedding_std=1e-9)).encoder()
    assert inputs.width == 2 * 4 + 1
    assert inputs.embedding.table.weight.shape == (5, 4)
    assert inputs.embedding.table.weight.abs().max() < 1e-6


def test_there_is_a_tower_for_each_task_on_what_experts_give():
    sizes = Sizes(expert_layers=(9, 7), tower_layers=(5,), dropout=0.3)
    towers = space(sizes).towers(space(sizes).encoder())
    assert [(top[0].in_features, top[0].out_features, top[3].p) for top in towers.tops] == [(7, 5, 0.3)] * 2


def test_the_wide_term_is_as_wide_as_the_inputs_where_the_encodings_say_so():
    sizes = Sizes(embedding_dim=4, expert_layers=(9, 7))
    assert space(sizes).towers(space(sizes).encoder()).wide is None
    wide = SCHEMA.encoded(plain().with_answers(wide=True, statistics="folds", crosses=(("a", "b"),)))
    made = space(sizes, wide).towers(space(sizes, wide).encoder(), tasks=1).wide
    # of a field an id of 4 numbers and statistics of 2 + 1, a number, and the statistics of a pair
    assert (made.in_features, made.out_features) == (2 * (4 + 3) + 1 + 3, 1)


@pytest.mark.parametrize("change", [{"expert_layers": ()}, {"dropout": 1.0}, {"embedding_dim": 0}])
def test_bad_sizes_are_refused(change):
    assert issubclass(Sizes, Settings)
    with pytest.raises(UsageError, match=f"space.{next(iter(change))}"):
        Sizes.parse(change, "space")


def test_models_of_earlier_versions_open_unless_their_inputs_were_searched():
    assert Sizes.parse({"features": "fixed"}) == Sizes()
    with pytest.raises(UsageError, match="does not have the setting features"):
        Sizes.parse({"features": "searched"}, "space", "mmoe")
