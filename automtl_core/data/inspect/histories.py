"""Statistics of histories. Letters: R rows, L events of a row, F shared fields."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from automtl_core.data.part import Histories
from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset.history import History
from automtl_core.disk.value import Value

SEEN = 1 << 16
"""Number of rows, spread over a part, whose events are compared with the row."""
CHUNK = 1 << 13
"""Number of rows whose events are read together."""


@dataclass(frozen=True)
class HistoryFacts(Value):
    """Statistics of the histories of the rows of one part."""

    events: float
    """Mean number of events of a row."""
    empty: float
    """Share of rows without an event."""
    full: float
    """Share of rows with the maximum number of events, which may have more."""
    matches: Mapping[str, float]
    """Shared field -> share of rows with an event that has the row's value."""


def histories(prepared: Prepared) -> dict[str, dict[str, HistoryFacts]]:
    """Return for each history the statistics of each part."""
    return {
        history.name: {part: _facts(history, prepared.part(part).histories[place]) for part in PARTS}
        for place, history in enumerate(prepared.schema.histories)
    }


def _facts(history: History, of_rows: Histories) -> HistoryFacts:
    lengths = of_rows.spans[:, 1] - of_rows.spans[:, 0]
    rows = np.arange(0, len(lengths), max(1, -(-len(lengths) // SEEN)))
    shared = len(history.shared)
    matched = np.zeros(shared, np.int64)
    for start in range(0, len(rows), CHUNK):
        ids, _, _, known, values = of_rows.padded(rows[start : start + CHUNK])
        ids = ids[:, :, :shared]  # without those of vectors
        same = (ids == values[:, None, :shared]) & (ids > 0) & known[:, :, None]  # [R, L, F]
        matched += same.any(axis=1).sum(axis=0)
    shares = (matched / len(rows)).tolist()
    return HistoryFacts(
        events=float(lengths.mean()),
        empty=float((lengths == 0).mean()),
        full=float((lengths == history.length).mean()),
        matches=dict(zip(history.shared, shares, strict=True)),
    )
