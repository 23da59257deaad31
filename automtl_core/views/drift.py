"""The view of drift: the largest difference of each column."""

from collections.abc import Sequence

from automtl_core.training.drift import Shift
from automtl_core.views.values import Section, table


def differences(shifts: Sequence[Shift], most: int) -> Section:
    """Return the largest differences of columns as a table, those beyond chance first."""
    rows = []
    for shift in shifts[:most]:
        share = shift.value != "mean"
        values = (shift.before, shift.now, shift.low, shift.high)
        before, now, low, high = (f"{100 * x:.1f} %" if share else f"{x:.4g}" for x in values)
        verdict = "beyond chance" if shift.drifted else "within chance"
        rows.append([shift.column, shift.value, before, now, f"{low} to {high}", verdict])
    left = [f"{len(shifts) - most} more columns differ less"] if len(shifts) > most else []
    note = (
        "share of rows before and now, of the value or range that differs most in the column; interval: of "
        "the difference, 95 % for all columns together, by users where they are known"
    )
    header = ["column", "value or range", "before", "now", "difference", "verdict"]
    return table(header, rows, "llrrrl", notes=[note, *left] if rows else [])
