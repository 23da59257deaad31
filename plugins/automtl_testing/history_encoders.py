"""The contract of history encoders."""

import torch
from torch import Tensor

from automtl_core.modules.histories import HistoryEncoderFactory

TOLERANCE = 1e-10
"""Largest difference, in float64, between two ways to compute the same summary."""
EVENT, QUERY = 6, 4


def check_history_encoder(factory: HistoryEncoderFactory) -> None:
    """Check shapes, padding, empty histories, independence of rows, gradients, and saving.

    Raises:
        AssertionError: a requirement is violated.

    """
    encoder = factory(EVENT, QUERY).double()
    events, query, known = _sample()
    out: object = encoder.train()(events.clone(), query, known)
    assert isinstance(out, Tensor), f"a summary must be a tensor, got {type(out).__name__}"
    assert out.shape == (len(events), EVENT), (
        f"[B, L, e], [B, q], [B, L] -> [B, e]: expected {(len(events), EVENT)}, got {tuple(out.shape)}"
    )
    assert out.dtype == events.dtype, f"the dtype of the events must be kept, got {out.dtype}"
    assert out.isfinite().all(), "summaries must be finite, also without events"
    if out.requires_grad:
        out.square().sum().backward()  # type: ignore[no-untyped-call]
        grads = [p.grad for p in encoder.parameters() if p.grad is not None]
        assert all(g.isfinite().all() for g in grads), "gradients must be finite, also without events"
    encoder.eval()
    with torch.no_grad():
        whole = encoder(events, query, known)
        assert torch.equal(whole, encoder(events, query, known)), "evaluation must be deterministic"
        _close(whole[2:4], encoder(events[2:4], query[2:4], known[2:4]), "rows must not depend on each other")
        more = torch.cat([events, events.new_zeros(len(events), 3, EVENT)], dim=1)
        longer = torch.cat([known, known.new_zeros(len(known), 3)], dim=1)
        _close(whole, encoder(more, query, longer), "padding must have no effect")
        fresh = factory(EVENT, QUERY).double()
        fresh.load_state_dict(encoder.state_dict())
        _close(whole, fresh.eval()(events, query, known), "state_dict must hold all that the encoder learned")


def _close(one: Tensor, other: Tensor, requirement: str) -> None:
    difference = (one - other).abs().max()
    assert difference < TOLERANCE, f"{requirement}: off by {difference}"


def _sample() -> tuple[Tensor, Tensor, Tensor]:
    """Return events of rows with 0 to 5 events, 0 where padded."""
    lengths = torch.tensor([0, 1, 3, 5, 2, 0])
    known = torch.arange(5) < lengths.unsqueeze(1)
    events = torch.randn(len(lengths), 5, EVENT, dtype=torch.float64) * known.unsqueeze(2)
    return events, torch.randn(len(lengths), QUERY, dtype=torch.float64), known
