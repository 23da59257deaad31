"""Test scores by the values of a field, such as a country, to see whether all groups are served alike."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from automtl_core.plugin import Fact, OnTestRows, Section, Stage, hookimpl, table


@dataclass(frozen=True)
class ByGroup(Fact):
    """The scores of the network on groups of test rows, in `example-by-group.json` of a run."""

    file = "example-by-group"

    field: str
    scores: Mapping[str, Mapping[str, float | None]]
    """Value of the field -> task -> score; None where a group has too few rows."""


class Groups(Stage):
    """Scores the values of the field that has the fewest of them."""

    def measure(self, on: OnTestRows) -> Iterator[ByGroup]:
        """Yield the scores of all groups."""
        part, schema = on.prepared.part("test"), on.prepared.schema
        fields = [(one.size, place) for place, one in enumerate(schema.sparse) if one.kind != "bag"]
        if not fields:
            return
        _, place = min(fields)
        field, ids = schema.sparse[place].name, np.asarray(part.ids[:, place])
        found = dict[str, dict[str, float | None]]()
        for number in np.unique(ids).tolist():
            (value,) = on.prepared.encoder.fields[field].decode([number])
            some = np.flatnonzero(ids == number)
            metrics = on.metrics(on.logits[some], some)
            found[str(value)] = {task: one.evidence for task, one in metrics.items()}
        yield ByGroup(field, found)


def section(record: Any) -> Iterator[Section]:
    """Yield a table with a row for each group."""
    if found := record.get(ByGroup):
        tasks = list(next(iter(found.scores.values())))
        rows = [[value, *(scores[task] for task in tasks)] for value, scores in found.scores.items()]
        yield Section("groups", table([found.field, *tasks], rows, "l" + "r" * len(tasks)).blocks)


@hookimpl
def automtl_register_stages() -> dict[str, type[Groups]]:
    """Register the stage by its name."""
    return {"example-stage": Groups}


@hookimpl
def automtl_register_report_sections() -> dict[str, Any]:
    """Register the section of the report that shows what the stage records."""
    return {"example-stage": section}
