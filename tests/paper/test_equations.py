"""The equations of AutoMTL (KDD 2024), each against numbers worked out by hand."""

import math

import pytest
import torch
from torch import nn

from automtl_core.choices import AnyOf, OneOf
from automtl_core.modules.dropout import Dropout
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import EncodedFields, Widths
from automtl_core.modules.relaxation import Gate, MixedOp, Softmax
from automtl_core.modules.supernet import FixedGate
from automtl_core.training.balancer import MEAN, TaskLosses
from automtl_core.training.batches import Batch
from automtl_core.training.compute import CPU
from automtl_core.training.loop import objective, step
from automtl_core.training.metrics import relative_change
from automtl_core.training.optimisers import Group, Optimiser
from automtl_desan.network import Expert, Task
from automtl_desan.ops import MLP, Identity, Zero
from automtl_desan.selection import FeatureSelection, SelectiveGate, factorisation_machine
from automtl_strategies.by_logits import entropy
from automtl_testing.samples import binary_metrics


def gate(options, open_options=None):
    made = Gate(AnyOf("gate", tuple(options)), Softmax(sampling=False))
    if open_options is not None:
        made.fix(open_options)
    return made


class Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        return torch.full_like(x, self.value)


def test_factorisation_machine():
    # fields (1, 2) and (3, 4) and (5, 6): pairs 1*3 + 1*5 + 3*5 = 23 and 2*4 + 2*6 + 4*6 = 44
    z = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    assert factorisation_machine(z).tolist() == [[23.0, 44.0]]


NUMBERS = FixedGate(AnyOf("numbers", ("x",)), ["x"])
"""The gate of a feature selection over one number, which is passed on."""


def test_feature_selection_concatenates_single_fields_machine_and_dense():
    fields = ["a", "b", "c"]
    gates = gate(fields, ["a", "c"]), gate(fields, ["b", "c"]), NUMBERS
    module = FeatureSelection(gates, (3, 1), Widths(sparse=2, numbers=1, flat=7))
    e = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    # b is closed as a single field; the machine sees b and c: 3*5 and 4*6; width (3 + 1) * 2 + 1
    out = module(EncodedFields(e, torch.tensor([[[7.0]]])))
    assert out.tolist() == [[1.0, 2.0, 0.0, 0.0, 5.0, 6.0, 15.0, 24.0, 7.0]]
    assert module.width == 9


def test_identity_passes_on_and_projects_where_widths_differ():
    x = torch.tensor([[1.0, 2.0]])
    assert Identity(2, 2, 0.2)(x).tolist() == [[1.0, 2.0]]
    op = Identity(2, 1, 0.2)
    op.projection.weight.data = torch.tensor([[3.0, 4.0]])
    assert op(x).tolist() == [[11.0]]
    assert op.projection.bias is None


def test_zero():
    assert Zero(2, 3, 0.2)(torch.ones(1, 2)).tolist() == [[0.0, 0.0, 0.0]]


def test_mlp_is_dropout_linear_norm_relu_linear_relu():
    op = MLP(2, 2, 0.5, 2).eval()
    op.hidden.weight.data, op.hidden.bias.data = (
        torch.tensor([[1.0, 1.0], [1.0, -1.0]]),
        torch.tensor([0.0, 1.0]),
    )
    op.norm.running_mean.data, op.norm.running_var.data = torch.tensor([1.0, 0.0]), torch.tensor([4.0, 1.0])
    op.norm.eps = 0.0
    op.out.weight.data, op.out.bias.data = torch.tensor([[2.0, 0.0], [-1.0, 0.0]]), torch.tensor([0.5, 0.0])
    # hidden (5, 0): norm ((5 - 1) / 2, 0) = (2, 0): out (4.5, -2) -> relu
    assert op(torch.tensor([[2.0, 3.0]])).tolist() == [[4.5, 0.0]]


def test_selective_gate_weighs_shared_experts_by_a_softmax_over_all():
    names = ["e0", "e1", "e2"]
    module = SelectiveGate(1, names, gate(names, ["e0", "e2"]), width=2, over="all")
    for name, power in zip(names, (1.0, 2.0, 5.0), strict=True):
        module.gating[name].weight.data = torch.tensor([[math.log(power)]])
    experts = {
        "e0": torch.tensor([[8.0, 0.0]]),
        "e1": torch.tensor([[99.0, 99.0]]),
        "e2": torch.tensor([[0.0, 8.0]]),
    }
    # g = (1, 2, 5) / 8; e1 is not shared, and its share is not given to the others
    out = module(torch.tensor([[1.0]]), experts)
    assert out[0].tolist() == pytest.approx([1.0, 5.0])
    assert [row.bias for row in module.gating.values()] == [None] * 3


def test_tower_is_linear_norm_relu_dropout_linear():
    experts = SelectiveGate(1, ["e0"], gate(["e0"], ["e0"]), width=1, over="all")
    task = Task(experts, tower_width=2, dropout=0.5).eval()
    linear, norm, _, dropout, last = task.tower
    assert [type(m) for m in task.tower] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, Dropout, nn.Linear]
    assert dropout.p == 0.5
    norm.eps = 0.0
    linear.weight.data, linear.bias.data = torch.tensor([[1.0], [-1.0]]), torch.tensor([1.0, 0.0])
    last.weight.data, last.bias.data = torch.tensor([[2.0, 7.0]]), torch.tensor([0.25])
    # the only expert has weight 1: hidden (3 + 1, -3) -> (4, 0) -> 8.25
    assert task(experts(torch.ones(1, 1), {"e0": torch.tensor([[3.0]])})).tolist() == [[8.25]]


def test_mixed_op_weighs_candidates_by_a_softmax():
    mixed = MixedOp(OneOf("op", ("a", "b")), {"a": Constant(4.0), "b": Constant(8.0)}, Softmax())
    mixed.logits.data = torch.tensor([0.0, math.log(3.0)])
    # weights 1/4 and 3/4
    assert mixed(torch.zeros(1, 1)).item() == pytest.approx(7.0)


def test_gate_is_open_in_warm_up_and_sampled_in_search_and_thresholded_in_evaluation():
    made = gate("abc").train()
    made.logits.data = torch.tensor([-1.0, 0.0, 1.0])
    assert made.bits().tolist() == [1.0, 1.0, 1.0]
    made.relaxation.sampling = True
    draws = torch.stack([made.bits().detach() for _ in range(4000)])
    assert set(draws.unique().tolist()) <= {0.0, 1.0}
    # sigmoid(-1), sigmoid(0), sigmoid(1)
    assert draws.mean(0).tolist() == pytest.approx([0.2689, 0.5, 0.7311], abs=0.03)
    assert made.eval().bits().tolist() == [0.0, 1.0, 1.0]


def test_loss_is_the_mean_over_tasks_of_cross_entropy_on_logits():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.logits = nn.Parameter(torch.tensor([[0.0, math.log(3.0)], [0.0, math.log(3.0)]]))

        def forward(self, features):
            return self.logits

    model = Fixed()
    batch = Batch(
        Features(torch.zeros(2, 1).long(), torch.zeros(2, 0)), torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    )
    # task 0: log 2 twice; task 1: -log(3/4) and -log(1/4)
    second = -(math.log(0.75) + math.log(0.25)) / 2
    found = objective(model, batch, TaskLosses(torch.ones(2)), CPU)
    loss, losses = found.loss, found.by_task
    assert losses.tolist() == pytest.approx([math.log(2.0), second])
    assert loss.item() == pytest.approx((math.log(2.0) + second) / 2)
    before = model.logits.detach().clone()
    optimiser = Optimiser([Group({"logits": model.logits}, 1e-3, 0.0)], CPU)
    losses, _ = step(model, batch, TaskLosses(torch.ones(2)), MEAN, optimiser, CPU)
    assert losses.tolist() == pytest.approx([math.log(2.0), second])
    # d/dlogit of the mean over rows and tasks: (p - y) / 4
    assert model.logits.grad.flatten().tolist() == pytest.approx([-0.125, -0.0625, 0.125, 0.1875])
    # the first step of Adam is the learning rate against the sign of the gradient
    assert (model.logits.detach() - before).flatten().tolist() == pytest.approx(
        [1e-3, 1e-3, -1e-3, -1e-3], rel=1e-3
    )


def test_relative_change_is_the_mean_over_tasks():
    def metrics(**aucs):
        return {task: binary_metrics(auc, 0.5, 100, 200) for task, auc in aucs.items()}

    # +10 % and -5 %
    change = relative_change(metrics(a=0.66, b=0.76), metrics(a=0.60, b=0.80), min_positives=1)
    assert change == pytest.approx(0.025)


def test_entropy_of_a_softmax():
    # p = (1/2, 1/4, 1/4): 1/2 log 2 + 2 * 1/4 log 4
    assert entropy(torch.log(torch.tensor([2.0, 1.0, 1.0]))) == pytest.approx(1.5 * math.log(2.0))


def test_an_expert_is_a_chain_of_blocks_behind_its_reader():
    class Add(nn.Module):
        def forward(self, e, dense):
            return e + dense

    class Double(nn.Module):
        def forward(self, x):
            return 2 * x

    expert = Expert(Add(), [Double(), Constant(5.0), Double()])
    assert expert(torch.tensor([[1.0]]), torch.tensor([[2.0]])).item() == 10.0
    assert Expert(Add(), [Double(), Double()])(torch.tensor([[1.0]]), torch.tensor([[2.0]])).item() == 12.0
