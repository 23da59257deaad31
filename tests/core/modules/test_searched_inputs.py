import pytest
import torch

from automtl_core.choices import AnyOf
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.modules.derive import FixedGate
from automtl_core.modules.features import Features
from automtl_core.modules.relaxation import Softmax
from automtl_core.modules.searched_inputs import Products, SearchedInputs
from automtl_core.modules.supernet import Relaxing

FIELDS = (SparseField("a", 3), SparseField("b", 5))
SCHEMA = Schema(FIELDS, (DenseField("x"),), (Task("click"),))
ALL = SCHEMA.encoded(plain().with_answers(statistics="folds", numbers="bins", crosses=(("a", "b"),), bins=3))
IDS, DENSE = torch.tensor([[1, 2], [2, 0]]), torch.tensor([[0.5], [float("nan")]])
EVERYTHING = {
    "features/a": ("ids", "wide ids", "statistics"),
    "features/b": ("ids", "wide ids", "statistics"),
    "features/x": ("number", "bins"),
    "features/crosses": ("a*b",),
}


def decided(schema=ALL, **answers) -> SearchedInputs:
    """Return inputs with answers, by the last word of the question; others keep everything."""

    def any_of(name, options):
        return FixedGate(AnyOf(name, tuple(options)), answers.get(name.split("/")[1], EVERYTHING[name]))

    torch.manual_seed(0)
    return SearchedInputs(schema, 8, 1.0, any_of)


def test_each_field_is_asked_how_it_is_encoded() -> None:
    choose = Relaxing(Softmax())
    SearchedInputs(ALL, 8, 0.1, choose.any_of)
    assert {name: question.choice.options for name, question in choose.questions.items()} == EVERYTHING
    choose = Relaxing(Softmax())
    SearchedInputs(SCHEMA, 8, 0.1, choose.any_of, "task/click/features")
    asked = {name: question.choice.options for name, question in choose.questions.items()}
    assert asked == {
        "task/click/features/a": ("ids", "wide ids"),
        "task/click/features/b": ("ids", "wide ids"),
        "task/click/features/x": ("number",),
    }


def test_a_field_is_the_sum_of_what_is_open() -> None:
    inputs = decided()
    inputs.statistics.table.normal_()
    given = inputs(Features(IDS, DENSE))
    rows = inputs.embedding(Features(IDS, DENSE))
    told = inputs.statistics(Features(IDS, DENSE))[:, 1] @ inputs.of_statistics.weights["1"]
    torch.testing.assert_close(given.sparse[:, 1], rows[:, 1] + told)
    assert given.flat().shape == (2, inputs.width) == (2, (2 + 1 + 1) * 8)
    narrow = decided(a=("ids",))(Features(IDS, DENSE)).sparse[:, 0]
    torch.testing.assert_close(narrow[:, :2], rows[:, 0, :2])
    assert not narrow[:, 2:].any()


@pytest.mark.parametrize("field", ["a", "b", "x", "crosses"])
def test_what_is_closed_is_0_and_the_rest_stays(field) -> None:
    whole, without = decided()(Features(IDS, DENSE)), decided(**{field: ()})
    given = without(Features(IDS, DENSE))
    parts = {"a": given.sparse[:, 0], "b": given.sparse[:, 1], "x": given.numbers, "crosses": given.crosses}
    assert not parts[field].any()
    assert given.flat().shape == whole.flat().shape


def test_what_nobody_keeps_is_not_built() -> None:
    inputs = decided(a=("ids",), b=(), x=("number",), crosses=())
    assert (inputs.statistics, inputs.crosses) == (None, None)
    assert not inputs.of_statistics.weights
    assert decided(a=(), b=("statistics",)).embedding is None
    names = set(inputs.state_dict())
    assert names == {"embedding.table.weight", "of_numbers.weights.0"}


def test_closing_saves_products() -> None:
    assert len(decided(a=("ids",)).of_statistics.weights) == 1


def test_a_matrix_belongs_to_its_field_however_many_there_are() -> None:
    some = (0, 2, 9, 10, 11)
    products = Products(some, 1, 1)
    for place, weight in products.weights.items():
        weight.data.fill_(float(place))
    e = products.add(torch.zeros(1, 12, 1), torch.ones(1, 12, 1), torch.ones(12))
    assert e.flatten().tolist() == [place if place in some else 0 for place in range(12)]
