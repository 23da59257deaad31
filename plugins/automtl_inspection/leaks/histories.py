"""Statistics of histories. Letters: R rows, L events of a row, F shared fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from automtl_core.data.part import Histories
from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset.declarations import History
from automtl_core.system.documents import Value
from automtl_inspection.leaks.predictors import spread_rows


@dataclass(frozen=True)
class HistoryFacts(Value):
    """Statistics of the histories of the rows of one part."""

    rows: int
    """Number of rows with an event."""
    events: float
    """Mean number of events of a row."""
    empty: float
    """Share of rows without an event."""
    full: float
    """Share of rows with the maximum number of events, which may have more."""
    matches: Mapping[str, float]
    """Shared field -> share of rows with an event that has the row's value."""
    age: float | None
    """Median age of the newest event, in the unit of times; None, like its range, if there is none."""
    least_age: float | None
    greatest_age: float | None


def histories(prepared: Prepared) -> dict[str, dict[str, HistoryFacts]]:
    """Return for each history the statistics of each part."""
    return {
        history.name: {part: _facts(history, prepared.part(part).histories[place]) for part in PARTS}
        for place, history in enumerate(prepared.schema.histories)
    }


def history_warnings(prepared: Prepared) -> Iterator[str]:
    """Yield a warning for each history whose events do not fit the training rows."""
    train = prepared.part("train")
    for history, of_rows in zip(prepared.schema.histories, train.histories, strict=True):
        found, what = _facts(history, of_rows), f"history {history.name}"
        if not found.rows:
            remedy = "compare the owners and the times of rows and events"
            if history.delay:
                remedy = f"lower dataset.history_delay, which is {history.delay:,.6g}, or {remedy}"
            yield f"{what}: none of the {len(train):,} training rows has an event: {remedy}"
        elif found.least_age is not None and not history.of_rows and not history.lists:
            span = float(np.ptp(of_rows.events.times))
            if found.least_age > span:
                yield (
                    f"{what}: the newest event of every row is at least {found.least_age:,.6g} before it, "
                    f"and the log is only {span:,.6g} long: do rows and events have the same unit of time?"
                )


def _facts(history: History, of_rows: Histories) -> HistoryFacts:
    lengths = of_rows.spans[:, 1] - of_rows.spans[:, 0]
    rows, together = spread_rows(len(lengths), 1 << 16), 1 << 13
    shared = len(history.shared)
    matched, newest = np.zeros(shared, np.int64), [np.zeros(0)]
    for start in range(0, len(rows), together):
        ids, _, ages, known, values = of_rows.padded(rows[start : start + together])
        ids = ids[:, :, :shared]  # without those of vectors
        same = (ids == values[:, None, :shared]) & (ids > 0) & known[:, :, None]  # [R, L, F]
        matched += same.any(axis=1).sum(axis=0)
        newest.append(ages[known[:, 0], 0])
    of_newest = np.concatenate(newest)
    timed = len(of_newest) and (not history.lists or history.age in history.lists)
    shares = (matched / len(rows)).tolist()
    return HistoryFacts(
        rows=int((lengths > 0).sum()),
        events=float(lengths.mean()),
        empty=float((lengths == 0).mean()),
        full=float((lengths == history.length).mean()),
        matches=dict(zip(history.shared, shares, strict=True)),
        age=float(np.median(of_newest)) if timed else None,
        least_age=float(of_newest.min()) if timed else None,
        greatest_age=float(of_newest.max()) if timed else None,
    )
