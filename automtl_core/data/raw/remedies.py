"""Remedies for faulty rows: repair a row or, if many rows have the same fault, correct their common cause."""

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from automtl_core.data.raw.delimited import NOT_UTF8
from automtl_core.data.raw.records import NOT_CONVERTED, Fault, Record, located
from automtl_core.dataset.dataset import RawFile
from automtl_core.errors import DataError

SKIP = (
    "leave such rows out: --bad-rows skip (in a search: --set dataset.bad_rows=skip); "
    "`automtl data validate` lists all of them"
)
REPAIR = f"repair the row, or {SKIP}"
MORE = "--max-bad-rows N (in a search: --set dataset.max_bad_rows=N)"


def refused(path: Path, file: RawFile, first: Fault, following: Iterable[Record]) -> DataError:
    """Return the error for the first faulty row of a file.

    The file has a fault as a whole if a tenth of the next 1,000 rows, and five rows, have the same fault.

    Args:
        path: The file.
        file: Its declaration.
        first: The fault of the row.
        following: The records after it.

    """
    faults = [first, *(record.fault for record in islice(following, 999))]
    kind = first.column, first.reason.partition(", found ")[0]
    same = [
        fault for fault in faults if fault and (fault.column, fault.reason.partition(", found ")[0]) == kind
    ]
    message = located(path, first)
    many = len(same) >= max(5, 0.1 * len(faults))
    if many and len(faults) > 1:
        message += f"; the same fault in {len(same):,} of {len(faults):,} rows"
    return DataError(message, _fix(file, first, many))


def _fix(file: RawFile, fault: Fault, many: bool) -> str:
    if fault.reason.endswith(NOT_UTF8):
        return f"{NOT_CONVERTED}; or {SKIP}"
    if not many:
        return REPAIR
    if fault.column is None:
        return (
            f"declare the actual columns of the rows, or write the file with quotes around values that "
            f"contain {file.separator!r}, such as decimal commas"
        )
    column, value = file.columns[fault.column], fault.reason.rpartition(", found ")[2].strip('"')
    thousands = re.fullmatch("[+-]?[0-9]{1,3}(,[0-9]{3})+", value)
    if column.kind == "integer" and not column.among and thousands:
        return f"write numbers without thousands separators: {value.replace(',', '')}"
    if column.kind != "text" and re.fullmatch("[+-]?[0-9]+,[0-9]+", value):
        return f"write numbers with a decimal point: {value.replace(',', '.')}"
    remedy = column.remedy or f"convert the column {fault.column}, or declare its actual type"
    return remedy.replace("{value}", value)
