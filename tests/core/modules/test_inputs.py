"""What layers read and give: inputs, dropout, scales of members, gates; by hand."""

import pytest
import torch
from torch import nn

from automtl_baselines.parts import GatingNetwork, GatingNetworks
from automtl_core.data.fitting import bin_edges
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.modules.batch_ensemble import BatchEnsemble, Scales, keep_lists
from automtl_core.modules.dropout import Dropout, dropout
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import Inputs, Numbers, Widths
from automtl_testing.samples import sample_part

FIELDS = (SparseField("a", 3), SparseField("b", 5))
SCHEMA = Schema(FIELDS, (DenseField("x"),), (Task("click"), Task("buy")))
ALL = {"numbers": "bins", "aggregates": (("a", "b"), "b")}
NAN = float("nan")


def test_plain_inputs_are_embeddings_then_numbers():
    inputs = Inputs(SCHEMA, dim=2, std=0.1)
    inputs.embedding.table.weight.data = torch.arange(16.0).reshape(8, 2)
    # row 1 of a; b starts at row 3, so that its id 2 is row 5
    given = inputs(Features(torch.tensor([[1, 2]]), torch.tensor([[0.5]])))
    assert given.flat().tolist() == [[2, 3, 10, 11, 0.5]]
    assert given.aggregates == ()
    assert inputs.width == 5


@pytest.mark.parametrize("encodings", [{}, *({name: answer} for name, answer in ALL.items()), ALL])
def test_what_is_given_is_as_wide_as_it_says(encodings):
    schema = SCHEMA.encoded(plain().with_answers(**encodings))
    inputs, widths = Inputs(schema, 4, 0.1), Widths.of(schema, 4)
    dense = torch.randn(2, schema.n_numbers)
    dense[1] = NAN
    given = inputs(Features(torch.tensor([[1, 2], [0, 0]]), dense))
    assert given.sparse.shape == (2, 2, widths.sparse)
    assert given.numbers.shape == (2, 1, widths.numbers)
    for one, expected in zip(given.aggregates, dense[0, 1:].split(widths.aggregates), strict=True):
        assert torch.equal(one[0], expected)
        assert not one[1].any()
    assert given.flat().shape == (2, widths.flat) == (2, inputs.width)
    assert given.flat().isfinite().all()


def test_edges_are_read_and_saved():
    schema = SCHEMA.encoded(plain().with_answers(**ALL))
    edges = torch.from_numpy(bin_edges(sample_part(schema, 100, seed=0), schema))
    inputs, again = Inputs(schema, 4, 0.1), Inputs(schema, 4, 0.1)
    inputs.load_edges(edges)
    again.load_state_dict(inputs.state_dict())
    assert torch.equal(again.numbers.edges, edges)


DENSE = torch.tensor([[0.5, -1.0], [NAN, 2.5], [9.0, NAN], [-9.0, 0.0]])
EDGES = torch.tensor([[-1.0, 0.0, 1.0, 2.0], [-1.0, 0.0, 2.0, 2.0]])


def test_a_number_comes_first_then_the_embedding_of_its_bin():
    plain, binned = (Numbers(2, bins, 2, 0.1) for bins in (0, 3))
    binned.edges.copy_(EDGES)
    for found in (plain, binned):
        assert found(DENSE)[:, :, 0].tolist() == [[0.5, -1.0], [0.0, 2.5], [9.0, 0.0], [-9.0, 0.0]]
    rows = [[1 + 1, 4 + 1 + 0], [0, 4 + 1 + 2], [1 + 2, 4], [1 + 0, 4 + 1 + 1]]
    assert torch.equal(binned(DENSE)[:, :, 1:], binned.table.weight[torch.tensor(rows)])


@pytest.mark.parametrize("together", [False, True])
def test_an_observer_sees_weights_and_outputs_of_a_pass(together):
    torch.manual_seed(0)
    gate = GatingNetworks(4, ["a", "b"], ["x", "y"]) if together else GatingNetwork(4, ["a", "b"], "x")
    gates = list(gate) if together else [gate]
    seen = []
    for one in gates:
        one.observer = seen.append
    x, experts = torch.randn(5, 4), torch.randn(5, 2, 3)
    out = gate(x, experts) if together else gate(x, experts).unsqueeze(1)
    assert [mixed.reader for mixed in seen] == ["x", "y"][: len(gates)]
    for t, mixed in enumerate(seen):
        assert list(mixed.experts) == ["a", "b"]
        combined = sum(mixed.weights[:, k, None] * mixed.outputs[k] for k in range(2))
        assert torch.allclose(combined, out[:, t])


@pytest.mark.parametrize(
    ("p", "bits"), [(0.01, 16), (0.1, 8), (0.15, 8), (0.2, 8), (0.5, 8), (0.9, 8), (0.98, 16)]
)
def test_a_share_is_dropped_and_the_mean_stays(p, bits):
    torch.manual_seed(1)
    x = torch.ones(1000, 999)
    found = dropout(x, p, training=True)
    error, near = (p * (1 - p) / x.numel()) ** 0.5, round(p * 2**bits) / 2**bits
    assert abs(near - p) <= 0.02 * p
    assert (found == 0).double().mean().item() == pytest.approx(near, abs=4 * error)
    assert found[found > 0].unique().tolist() == pytest.approx([1 / (1 - near)])
    assert found.double().mean().item() == pytest.approx(1, abs=5 * error / (1 - p))


def test_values_are_dropped_independently():
    torch.manual_seed(1)
    kept = (dropout(torch.ones(2000, 64), 0.5, training=True) > 0).double() - 0.5
    across, along = (kept.T @ kept / 2000, kept[:-1].mul(kept[1:]).mean())
    assert (across - 0.25 * torch.eye(64)).abs().max() < 0.25 * 5 / 2000**0.5
    assert abs(along) < 0.25 * 5 / kept.numel() ** 0.5


def test_masks_follow_the_seed_of_torch_in_the_order_of_the_tensor():
    def drawn(seed, x):
        torch.manual_seed(seed)
        return [dropout(x, 0.5, training=True) for _ in range(2)]

    ones, x = torch.ones(33), torch.arange(1.0, 7.0).view(3, 2)
    (one, two), (again, _), (other, _) = drawn(1, ones), drawn(1, ones), drawn(2, ones)
    assert torch.equal(one, again)
    assert not torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(drawn(3, x.T)[0], drawn(3, x.T.contiguous())[0])


def test_gradients_reach_what_is_kept_alone_and_nothing_changes_without_training_or_share():
    torch.manual_seed(3)
    x = torch.full((40,), 2.0, requires_grad=True)
    found = dropout(x, 0.25, training=True)
    found.sum().backward()
    assert torch.equal(x.grad, found.detach() / 2)
    for p, training in ((0.0, True), (0.5, False)):
        assert dropout(x, p, training) is x
        assert Dropout(p).train(training)(x) is x


def scales_of(values, width, **how):
    """Return the scales of members, each with equal numbers."""
    scales = Scales(len(values), width, "ones", **how)
    with torch.no_grad():
        scales.scale.copy_(torch.tensor(values)[:, None].expand(-1, width))
    return scales


def test_row_i_has_the_scales_of_member_i_mod_k():
    for rows in (6, 7):
        found = scales_of([1.0, 2.0, 5.0], 4)(torch.ones(rows, 4))
        assert found.tolist() == [[(1.0, 2.0, 5.0)[row % 3]] * 4 for row in range(rows)]


def test_scales_begin_with_ones_or_random_signs_and_those_of_a_column_do_not_depend_on_the_others():
    assert (Scales(3, 4, "ones").scale == 1).all()
    torch.manual_seed(0)
    signs = Scales(8, 50, "signs")
    assert set(signs.scale.unique().tolist()) == {-1.0, 1.0}
    assert 100 < (signs.scale == 1).sum() < 300
    torch.manual_seed(0)
    some = Scales(8, 50, "signs", columns=[7, 3])
    assert torch.equal(some(torch.ones(8, 2)), signs(torch.ones(8, 50))[:, [7, 3]])


def test_the_first_scales_make_rows_of_all_members_side_by_side_in_prediction():
    x, scales, network = torch.arange(6.0).view(3, 2), scales_of([1.0, 3.0], 2, first=True), BatchEnsemble(2)
    assert len(scales.train()(x)) == 3
    rows = scales.eval()(x)
    assert rows[:, 0].tolist() == [0, 0, 2, 6, 4, 12]
    assert network.mean_of_members(x) is x
    assert torch.equal(network.eval().mean_of_members(rows), 2 * x)


def test_all_rows_of_a_list_belong_to_one_member_of_a_training():
    scales, ones = scales_of([1.0, 2.0], 3), torch.ones(8, 3)
    network, numbers = nn.Sequential(scales), torch.tensor([4, 4, 4, 9, 9, 0, 0, 5])
    keep_lists(network, numbers)
    assert scales(ones)[:, 0].tolist() == [2, 2, 2, 1, 1, 2, 1, 2]
    assert scales.eval()(ones)[:, 0].tolist() == [1, 2] * 4, "a prediction has rows of all"
    keep_lists(network.train(), None)
    assert scales(ones)[:, 0].tolist() == [1, 2] * 4
