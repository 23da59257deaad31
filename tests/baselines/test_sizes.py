import pytest

from automtl_baselines.sizes import HandDesigned, Sizes, inputs_of, towers_of
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import UsageError
from automtl_core.modules.relaxation import Softmax
from automtl_core.modules.searched_inputs import SearchedInputs
from automtl_core.modules.supernet import Relaxing
from automtl_core.settings.settings import Settings


class Model(HandDesigned[Sizes]):
    def build(self, choose):
        raise NotImplementedError


def space(sizes, schema=None):
    return Model(SCHEMA if schema is None else schema, sizes, lambda name: None)


SCHEMA = Schema((SparseField("a", 2), SparseField("b", 3)), (DenseField("x"),), (Task("click"), Task("buy")))


def asking():
    return Relaxing(Softmax())


def test_inputs_read_the_fields_of_the_schema():
    choose = asking()
    inputs = inputs_of(space(Sizes(embedding_dim=4, embedding_std=1e-9)), choose)
    assert choose.questions == {}
    assert inputs.width == 2 * 4 + 1
    assert inputs.embedding.table.weight.shape == (5, 4)
    assert inputs.embedding.table.weight.abs().max() < 1e-6


def test_inputs_that_are_searched_are_asked_about_by_their_name():
    choose, sizes = asking(), Sizes(embedding_dim=4, features="searched")
    assert isinstance(inputs_of(space(sizes), choose, "features/click"), SearchedInputs)
    assert choose.questions
    assert all(name.startswith("features/click/") for name in choose.questions)


def test_there_is_a_tower_for_each_task_on_what_experts_give():
    sizes = Sizes(expert_layers=(9, 7), tower_layers=(5,), dropout=0.3)
    towers = towers_of(SCHEMA, sizes, inputs_of(space(sizes), asking()))
    assert [(top[0].in_features, top[0].out_features, top[3].p) for top in towers.tops] == [(7, 5, 0.3)] * 2


def test_the_wide_term_is_as_wide_as_the_inputs_where_the_encodings_say_so():
    sizes = Sizes(embedding_dim=4, expert_layers=(9, 7))
    assert towers_of(SCHEMA, sizes, inputs_of(space(sizes), asking())).wide is None
    wide = SCHEMA.encoded(plain().with_answers(wide=True, statistics="folds", crosses=(("a", "b"),)))
    inputs = inputs_of(space(sizes, wide), asking())
    made = towers_of(wide, sizes, inputs, tasks=1).wide
    # of a field an id of 4 numbers and statistics of 2 + 1, a number, and the statistics of a pair
    assert (made.in_features, made.out_features) == (2 * (4 + 3) + 1 + 3, 1)


@pytest.mark.parametrize("change", [{"expert_layers": ()}, {"dropout": 1.0}, {"embedding_dim": 0}])
def test_bad_sizes_are_refused(change):
    assert issubclass(Sizes, Settings)
    with pytest.raises(UsageError, match=f"space.{next(iter(change))}"):
        Sizes.parse(change, "space")
