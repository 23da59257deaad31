"""Documents of `automtl data`."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired

from typing_extensions import TypedDict

from automtl_core.leaks.lists import ListFacts
from automtl_inspection.describe import Described

Cells = Sequence[Mapping[str, str | int | None]]
Listing = Mapping[str, Mapping[str, str | Sequence[str]]]
"""Dataset -> description, tasks and plugin."""
Files = Mapping[str, Mapping[str, str | int | bool | Mapping[str, str] | None]]
"""Table -> its file or pattern, number of files that exist, and columns with their values in words."""
DatasetEntry = TypedDict(  # noqa: UP013
    "DatasetEntry",
    {
        "name": str, "description": str, "source": str, "licence": str, "preparation": str,
        "folder": str | None, "files": Files, "fields": Cells, "tasks": Cells, "splits": Sequence[str],
        "published_parts": bool, "settings": Mapping[str, Mapping[str, Any]],
    },
)  # fmt: skip
PreparedData = TypedDict(  # noqa: UP013
    "PreparedData",
    {
        "path": str, "reused": bool, "rows": Mapping[str, int], "fields": int, "tasks": Sequence[str],
        "weights": NotRequired[Mapping[str, Mapping[str, float]]], "left_out": NotRequired[Any],
        "lists": ListFacts | None, "rejected": int, "warnings": Sequence[str],
    },
)  # fmt: skip
DescribedData = TypedDict("DescribedData", {"prepared": PreparedData, "data": Described})  # noqa: UP013
SampledRows = TypedDict(  # noqa: UP013
    "SampledRows", {"prepared": PreparedData, "rows": Sequence[Mapping[str, Any]]}
)
ValidatedData = TypedDict(  # noqa: UP013
    "ValidatedData",
    {
        "files": Cells, "records": int, "accepted": int, "rejected": int, "allowed": int, "faults": Cells,
        "out": str | None,
    },
)  # fmt: skip
InitialSettings = TypedDict(  # noqa: UP013
    "InitialSettings",
    {
        "path": str, "rows": int | None, "seen": int, "columns": Sequence[Mapping[str, Any]],
        "faulty": Mapping[str, str | int], "remarks": Sequence[str], "may_be_labels": Sequence[str],
        "next": Sequence[str],
    },
)  # fmt: skip
