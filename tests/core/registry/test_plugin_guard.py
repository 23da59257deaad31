"""Ops of plugins are held to their contract where they are made."""

import pytest
import torch
from torch import nn

from automtl_core.errors import DataError, PluginError
from automtl_core.registry.plugin_guard import SuppliedOp


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
