"""The contracts of ops and of history encoders."""

import torch
from torch import Tensor, nn

from automtl_core.modules.histories import HistoryEncoderFactory
from automtl_core.modules.relaxation import mixture
from automtl_core.ops import JointOp, Narrowable, OpFactory, SharingOp, narrowed, share_alike
from automtl_testing.requirements import TOLERANCE, check_evaluation, check_output, check_saving, close

WIDTHS = ((7, 5), (5, 5))
"""Pairs of widths that are checked, in and out."""
EVENT, QUERY = 6, 4
"""Widths of an event and of the query of a history encoder."""


def check_op(factory: OpFactory) -> None:
    """Check shapes, determinism, gradients, saving, and the optional `narrow`, `mixture` and `share`.

    Raises:
        AssertionError: a requirement is violated.

    """
    for in_dim, out_dim in WIDTHS:
        x, form = _rows(in_dim), "[B, in] -> [B, out]"
        check_output(factory(in_dim, out_dim, 0.2).double(), [x], (len(x), out_dim), form)
        check_evaluation(factory(in_dim, out_dim, 0.2).double(), [_rows(in_dim)])
        check_saving(lambda: factory(in_dim, out_dim, 0.2).double(), [_rows(in_dim)])  # noqa: B023
        _check_narrow(factory, in_dim, out_dim)
        _check_mixture(factory, in_dim, out_dim)
        _check_sharing(factory, in_dim, out_dim)


def check_history_encoder(factory: HistoryEncoderFactory) -> None:
    """Check shapes, padding, empty histories, independence of rows, gradients, and saving.

    Raises:
        AssertionError: a requirement is violated.

    """

    def make() -> nn.Module:
        return factory(EVENT, QUERY).double()

    lengths = torch.tensor([0, 1, 3, 5, 2, 0])
    known = torch.arange(5) < lengths.unsqueeze(1)
    events = torch.randn(len(lengths), 5, EVENT, dtype=torch.float64) * known.unsqueeze(2)
    query = torch.randn(len(lengths), QUERY, dtype=torch.float64)
    inputs, shape = (events, query, known), (len(lengths), EVENT)
    check_output(make(), inputs, shape, "[B, L, e], [B, q], [B, L] -> [B, e]")
    tolerance = 1e-10
    check_evaluation(make(), inputs, tolerance)
    check_saving(make, inputs)
    encoder = make().eval()
    with torch.no_grad():
        more = torch.cat([events, events.new_zeros(len(events), 3, EVENT)], dim=1)
        longer = torch.cat([known, known.new_zeros(len(known), 3)], dim=1)
        padded = encoder(more, query, longer)
        close(padded, encoder(*inputs), "padding must have no effect", tolerance)


def _check_narrow(factory: OpFactory, in_dim: int, out_dim: int) -> None:
    for columns in ([0, 2, 4], [3], []):
        op = factory(in_dim, out_dim, 0.2).double().eval()
        x = torch.zeros(6, in_dim, dtype=torch.float64)
        x[:, columns] = torch.randn(6, len(columns), dtype=torch.float64)
        expected = op(x).detach()
        narrow = narrowed(op, columns, in_dim).eval()
        how = "narrow(columns)" if isinstance(op, Narrowable) else "the op on zeros"
        close(narrow(x[:, columns]), expected, f"{how} must equal the op where other columns are zero")


def _check_mixture(factory: OpFactory, in_dim: int, out_dim: int) -> None:
    joint, single = ([factory(in_dim, out_dim, 0.0).double() for _ in range(2)] for _ in range(2))
    if not isinstance(joint[0], JointOp):
        return
    weights = torch.tensor([0.3, 0.7], dtype=torch.float64)
    for a, b in zip(joint, single, strict=True):
        b.load_state_dict(a.state_dict())
    for training in (True, False):
        x = _rows(in_dim)
        for op in (*joint, *single):
            op.train(training)
        expected = torch.stack([w * op(x) for w, op in zip(weights, single, strict=True)]).sum(0)
        close(mixture(joint, weights, x), expected, "mixture must equal the weighted sum")
    for a, b in zip(joint, single, strict=True):
        for (name, left), right in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
            same = torch.allclose(left.double(), right.double(), atol=TOLERANCE)
            assert same, f"mixture must update {name} alike"


def _check_sharing(factory: OpFactory, in_dim: int, out_dim: int) -> None:
    owner, other = (factory(in_dim, out_dim, 0.0).double() for _ in range(2))
    if not isinstance(other, SharingOp):
        return
    share_alike([owner, other])
    assert not _addresses(owner) & _addresses(other), "weights that are shared must be registered by one op"
    alone = other.alone()
    assert not _addresses(owner) & _addresses(alone), "the op of alone() must have weights of its own"
    x = _rows(in_dim)
    for training in (True, False):  # in evaluation with the statistics of that step
        owner.train(training)
        close(alone.train(training)(x), other.train(training)(x), "alone() must equal the op")
    factory(in_dim, out_dim, 0.0).double().load_state_dict(alone.state_dict())


def _addresses(op: nn.Module) -> set[int]:
    return {p.data_ptr() for p in op.parameters()}


def _rows(in_dim: int) -> Tensor:
    return torch.randn(6, in_dim, dtype=torch.float64)
