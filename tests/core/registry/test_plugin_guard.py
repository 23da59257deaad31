"""Ops of plugins are held to their contract where they are made."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from automtl_core.errors import DataError, PluginError
from automtl_core.registry.plugin_guard import SuppliedOp
from automtl_core.system.process_state import kept_state


class Flat(nn.Module):
    """Forgets the dimension of the output."""

    def forward(self, x):
        return x[:, 0]


class Double(nn.Linear):
    """Changes the type."""

    def forward(self, x):
        return super().forward(x).double()


class Counted(nn.Linear):
    """Cannot do without numbers."""

    def forward(self, x):
        return super().forward(x) * (1 + len(x[x > 0].tolist()))


def raises(in_dim, out_dim, dropout):
    raise ValueError("not\nmade")


WRONG = {
    "raises": (raises, "cannot be created: ValueError: not made"),
    "none": (lambda i, o, d: None, "is of type NoneType, expected a torch.nn.Module"),
    "number": (lambda i, o, d: i, "is of type int"),
    "width": (lambda i, o, d: nn.Linear(i, 1), "maps [2, 3] to [2, 1] of torch.float32, expected [2, 5] of"),
    "flat": (lambda i, o, d: Flat(), "maps [2, 3] to [2] of"),
    "type": (lambda i, o, d: Double(i, o), "to [2, 5] of torch.float64, expected [2, 5] of torch.float32"),
    "tuple": (lambda i, o, d: nn.LSTM(i, o), "maps [2, 3] to tuple"),
    "input": (lambda i, o, d: nn.Linear(9, o), "fails when called: RuntimeError: mat1 and mat2"),
}


@pytest.mark.parametrize(("make", "problem"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_op_is_an_error_that_names_the_plugin(make, problem):
    with pytest.raises(PluginError) as error:
        SuppliedOp(make, "op 'mine' of plugin 'p'", "repair it")(3, 5, 0.1)
    assert str(error.value).startswith("the op 'mine' of plugin 'p' ")
    assert problem in str(error.value)
    assert (error.value.fix, error.value.exit_code) == ("repair it", 69)


@pytest.mark.parametrize("make", [lambda i, o, d: nn.Linear(i, o), lambda i, o, d: Counted(i, o)])
def test_a_trial_leaves_nothing_behind(make):
    torch.manual_seed(3)
    expected = nn.Linear(3, 5)
    op = SuppliedOp(make, "op", "")
    torch.manual_seed(3)
    assert torch.equal(op(3, 5, 0.0).weight, expected.weight)
    assert op(3, 5, 0.0).training
    with torch.device("meta"):
        assert op(4, 4, 0.0).weight.is_meta


def test_an_op_is_tried_once_for_each_size_and_its_own_errors_pass():
    made = []
    op = SuppliedOp(lambda i, o, d: made.append((i, o)) or nn.Linear(i, o), "op", "")
    for _ in range(3):
        op(3, 5, 0.0)
        op(5, 5, 0.0)
    assert made == [(3, 5), (3, 5), (5, 5), (5, 5), (3, 5), (5, 5), (3, 5), (5, 5)]

    def make(in_dim, out_dim, dropout):
        raise DataError("rows")

    with pytest.raises(DataError):
        SuppliedOp(make, "op", "")(3, 5, 0.0)


class Fickle(nn.Module):
    """Returns something else for many rows."""

    def __init__(self, in_dim, out_dim, spoil):
        super().__init__()
        self.linear, self.spoil = nn.Linear(in_dim, out_dim), spoil

    def forward(self, x):
        return self.linear(x) if len(x) < 5 else self.spoil(self.linear(x))


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda y: (y,), r"maps \[8, 3\] to tuple, expected \[8, 5\] of torch.float32"),
        (lambda y: y.double(), r"to \[8, 5\] of torch.float64"),
        (lambda y: y[:1], r"to \[1, 5\] of torch.float32"),
        (lambda y: None, "to NoneType"),
        (lambda y: (torch.set_grad_enabled(False), y)[1], "turns gradients off, and leaves them off"),
    ],
)
def test_each_call_is_checked(spoil, problem):
    op = SuppliedOp(lambda i, o, d: Fickle(i, o, spoil), "op 'mine'", "")(3, 5, 0.0)
    assert op(torch.ones(4, 3)).shape == (4, 5)
    for each in (op, deepcopy(op)):
        with pytest.raises(PluginError, match=problem), kept_state():
            each(torch.ones(8, 3, requires_grad=True))
    assert list(op.state_dict()) == ["linear.weight", "linear.bias"]


def test_mixed_precision_and_exports_take_ops_of_plugins():
    plain = SuppliedOp(lambda i, o, d: nn.Linear(i, o), "op", "")(3, 5, 0.0)
    normed = SuppliedOp(lambda i, o, d: nn.Sequential(nn.Linear(i, o), Full()), "op", "")(3, 5, 0.0)
    with torch.autocast("cpu", torch.bfloat16):
        assert plain(torch.ones(4, 3)).dtype == torch.bfloat16
        assert normed(torch.ones(4, 3)).dtype == torch.float32
    op = SuppliedOp(lambda i, o, d: nn.Linear(i, o), "op", "")(3, 5, 0.0)
    x = torch.ones(4, 3)
    torch.testing.assert_close(torch.export.export(op, (x,)).module()(x), op(x))


class Full(nn.Module):
    def forward(self, x):
        return x.float()
