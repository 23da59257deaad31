import pytest
import torch
from torch import nn

from automtl_core.choices import AnyOf
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task as Label
from automtl_core.modules.derive import FixedGate
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import EncodedFields, Widths, inputs_of
from automtl_desan.feature_selection import FeatureSelection
from automtl_desan.network import (
    DESANNetwork,
    Expert,
    FieldReader,
    Layer,
    OwnTable,
    Residual,
    SharedTable,
    Task,
)
from automtl_desan.selective_gate import SelectiveGate

FIELDS = (SparseField("user", 5), SparseField("item", 3))
SCHEMA = Schema(FIELDS, (DenseField("x"),), (Label("click"),))
IDS = torch.tensor([[1, 2], [4, 0]])
DENSE = torch.tensor([[7.0], [8.0]])
FEATURES = Features(IDS, DENSE)


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x, *more):
        return self.factor * x


def all_of(name, *options):
    return FixedGate(AnyOf(name, options), options)


def field_reader(table):
    gates = all_of("single", "user", "item"), all_of("interaction", "user", "item"), all_of("numbers", "x")
    selection = FeatureSelection(*gates, all_of("crosses"), (2, 1, 0), Widths.of(SCHEMA, 4))
    return FieldReader(selection, table)


def given(e):
    return EncodedFields(e, DENSE.unsqueeze(2))


def test_an_expert_reads_the_shared_table_or_one_of_its_own():
    e, own = torch.randn(2, 2, 4), OwnTable(FIELDS, 4, 1.0)
    shared = field_reader(SharedTable())
    assert torch.equal(shared(given(e), FEATURES)[:, :8], e.flatten(1))
    other = field_reader(own)
    assert torch.equal(other(given(e), FEATURES)[:, :8], own.embedding(FEATURES).flatten(1))
    assert (list(shared.columns), shared.width) == (list(other.columns), other.width) == (list(range(13)), 13)


def test_what_is_fitted_is_the_same_beside_a_table_of_ones_own():
    e, own = torch.randn(2, 2, 6), OwnTable(FIELDS, 4, 1.0)
    assert torch.equal(own(e, FEATURES), torch.cat([own.embedding(FEATURES), e[:, :, 4:]], dim=2))


def test_a_table_of_its_own_starts_as_the_settings_say():
    torch.manual_seed(0)
    table = OwnTable((SparseField("user", 1000),), 16, 0.3).embedding.table.weight
    assert table.std().item() == pytest.approx(0.3, rel=0.05)


def test_a_residual_block_adds_to_what_it_reads():
    assert Expert(Times(2.0), [Times(3.0), Residual(Times(4.0))])(torch.ones(1)).item() == 2 * 3 * (1 + 4)


def test_experts_of_a_layer_read_the_same():
    layer = Layer({"a": Times(2.0), "b": Times(3.0)})
    assert {name: out.item() for name, out in layer("ab", torch.ones(1)).items()} == {"a": 2, "b": 3}
    assert layer("b", torch.ones(1)).keys() == {"b"}


def network():
    """Return two layers of one expert: it reads the embeddings' sum, and above doubles that."""

    class Sum(nn.Module):
        def forward(self, encoded, features):
            return encoded.sparse.sum((1, 2))[:, None]

    below, gate = (SelectiveGate(9, ["a"], all_of("experts", "a"), width=1) for _ in range(2))
    layers = {"layer0": Layer({"a": Sum()}), "layer1": Layer({"a": Expert(below, [Times(2.0)])})}
    task = Task(gate, 4, 0.0)
    task.tower = nn.Identity()
    inputs = inputs_of(SCHEMA, 4, 1.0)
    nn.init.ones_(inputs.embedding.table.weight)
    return DESANNetwork(inputs, layers, [task])


def test_a_layer_reads_the_one_below():
    assert network()(FEATURES).tolist() == [[16]] * 2


def test_dense_values_take_the_type_of_the_weights():
    assert network().double()(FEATURES).dtype == torch.float64
