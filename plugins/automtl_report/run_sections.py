"""The sections of the report of a run, in one table, to which plugins add."""

from collections.abc import Callable, Iterable, Mapping

from automtl_core.views.values import Section
from automtl_report import architecture_sections, training_sections
from automtl_report.record import RunRecord

RunSection = Callable[[RunRecord], Iterable[Section]]
SECTIONS: Mapping[str, RunSection] = {
    "verdict": architecture_sections.verdict,
    "architecture": architecture_sections.architecture,
    "readers": architecture_sections.readers,
    "expert-use": architecture_sections.expert_use,
    "evidence": architecture_sections.decisions,
    "front": architecture_sections.front,
    "learning": training_sections.learning,
    "fields": training_sections.fields,
    "histories": training_sections.histories,
    "calibration": training_sections.calibration,
    "encodings": architecture_sections.encodings,
    "costs": training_sections.costs,
    "data": training_sections.data,
    "configuration": training_sections.configuration,
}
"""Name -> function that returns the sections, in the order of the report."""
