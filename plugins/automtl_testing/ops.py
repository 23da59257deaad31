"""The contract of ops."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from automtl_core.modules.relaxed import mixture
from automtl_core.ops import JointOp, Narrowable, OpFactory, SharingOp, narrowed, share_alike

TOLERANCE = 1e-12
"""Largest difference, in float64, between two ways to compute the same function."""


WIDTHS = ((7, 5), (5, 5))
"""Pairs of widths that are checked, in and out."""


def check_op(factory: OpFactory) -> None:
    """Check shapes, determinism, gradients, saving, and the optional `narrow`, `mixture` and `share`.

    Raises:
        AssertionError: a requirement is violated.

    """
    for check in OP_CHECKS.values():
        for in_dim, out_dim in WIDTHS:
            check(factory, in_dim, out_dim)


def _check_forward(factory: OpFactory, in_dim: int, out_dim: int) -> None:
    op, x = factory(in_dim, out_dim, 0.2).double(), _rows(in_dim)
    before = x.clone()
    op.train()
    out = op(x)
    assert out.shape == (len(x), out_dim), (
        f"[B, in] -> [B, out]: expected {(len(x), out_dim)}, got {tuple(out.shape)}"
    )
    assert out.dtype == x.dtype, f"the dtype of the input must be kept, got {out.dtype}"
    assert torch.equal(x, before), "the input must not be changed in place"
    assert out.isfinite().all(), "outputs must be finite for finite inputs"
    if out.requires_grad:
        out.square().sum().backward()
        grads = [p.grad for p in op.parameters() if p.grad is not None]
        assert all(g.isfinite().all() for g in grads), "gradients must be finite"


def _check_evaluation(factory: OpFactory, in_dim: int, out_dim: int) -> None:
    op, x = factory(in_dim, out_dim, 0.2).double(), _rows(in_dim)
    op.train()(x)  # so that statistics of batches are not the initial ones
    op.eval()
    assert op(x).isfinite().all(), "outputs must be finite for finite inputs"
    assert torch.equal(op(x), op(x)), "evaluation must be deterministic"
    assert torch.allclose(op(x)[:2], op(x[:2]), atol=TOLERANCE), (
        "in evaluation rows must not depend on each other"
    )


def _check_saving(factory: OpFactory, in_dim: int, out_dim: int) -> None:
    op, fresh = (factory(in_dim, out_dim, 0.2).double() for _ in range(2))
    x = _rows(in_dim)
    op.train()(x)
    fresh.load_state_dict(op.state_dict())
    assert torch.equal(fresh.eval()(x), op.eval()(x)), "state_dict must hold all that the op learned"


def _check_narrow(factory: OpFactory, in_dim: int, out_dim: int) -> None:
    for columns in ([0, 2, 4], [3], []):
        op = factory(in_dim, out_dim, 0.2).double().eval()
        x = torch.zeros(6, in_dim, dtype=torch.float64)
        x[:, columns] = torch.randn(6, len(columns), dtype=torch.float64)
        expected = op(x).detach()
        narrow = narrowed(op, columns, in_dim).eval()
        how = "narrow(columns)" if isinstance(op, Narrowable) else "the op on zeros"
        difference = (narrow(x[:, columns]) - expected).abs().max()
        assert difference < TOLERANCE, (
            f"{how} must equal the op where other columns are zero: off by {difference}"
        )


def _check_mixture(factory: OpFactory, in_dim: int, out_dim: int) -> None:
    joint, single = ([factory(in_dim, out_dim, 0.0).double() for _ in range(2)] for _ in range(2))
    if not isinstance(joint[0], JointOp):
        return
    weights = torch.tensor([0.3, 0.7], dtype=torch.float64)
    for a, b in zip(joint, single, strict=True):
        b.load_state_dict(a.state_dict())
    for training in (True, False):
        x = torch.randn(6, in_dim, dtype=torch.float64)
        for op in (*joint, *single):
            op.train(training)
        expected = sum(w * op(x) for w, op in zip(weights, single, strict=True))
        difference = (mixture(joint, weights, x) - expected).abs().max()
        assert difference < TOLERANCE, f"mixture must equal the weighted sum: off by {difference}"
    for a, b in zip(joint, single, strict=True):
        for (name, left), right in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
            assert torch.allclose(left.double(), right.double(), atol=TOLERANCE), (
                f"mixture must update {name} alike"
            )


def _check_sharing(factory: OpFactory, in_dim: int, out_dim: int) -> None:
    owner, other = (factory(in_dim, out_dim, 0.0).double() for _ in range(2))
    if not isinstance(other, SharingOp):
        return
    share_alike([owner, other])
    assert not _addresses(owner) & _addresses(other), "weights that are shared must be registered by one op"
    alone = other.alone()
    assert not _addresses(owner) & _addresses(alone), "the op of alone() must have weights of its own"
    x = torch.randn(6, in_dim, dtype=torch.float64)
    for training in (True, False):  # in evaluation with the statistics of that step
        difference = (alone.train(training)(x) - _together(owner, other, training)(x)).abs().max()
        assert difference < TOLERANCE, f"alone() must equal the op: off by {difference}"
    factory(in_dim, out_dim, 0.0).double().load_state_dict(alone.state_dict())


def _addresses(op: nn.Module) -> set[int]:
    return {p.data_ptr() for p in op.parameters()}


def _together(owner: nn.Module, op: nn.Module, training: bool) -> nn.Module:
    """Return an op in the same mode as the owner of its weights."""
    owner.train(training)
    return op.train(training)


def _rows(in_dim: int) -> Tensor:
    return torch.randn(6, in_dim, dtype=torch.float64)


OP_CHECKS: Mapping[str, Callable[[OpFactory, int, int], None]] = {
    "shapes and gradients": _check_forward,
    "evaluation": _check_evaluation,
    "saving": _check_saving,
    "narrow": _check_narrow,
    "mixture": _check_mixture,
    "sharing": _check_sharing,
}
"""The parts of `check_op` by name, called with a factory and widths."""
