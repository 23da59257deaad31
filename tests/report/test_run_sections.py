"""The sections of a run: each is left out where the run has nothing to show."""

from automtl_core.views.values import Bars, Curves, Drawing, Matrix
from automtl_report.run_sections import SECTIONS


def blocks(sections, kind):
    return [block for section in sections for block in section.blocks if isinstance(block, kind)]


def test_all_sections_are_there_with_their_blocks(record):
    made = {name: list(section(record)) for name, section in SECTIONS.items()}
    empty = {name for name, sections in made.items() if not any(s.blocks for s in sections)}
    assert empty == {"encodings", "evidence"}  # neither was searched with evidence
    assert blocks(made["architecture"], Drawing)
    assert blocks(made["readers"], Matrix)
    assert {chart.title for chart in blocks(made["calibration"], Curves)} == {
        t.name for t in record.schema.tasks
    }
    assert {chart.title for chart in blocks(made["fields"], Bars)} == {t.name for t in record.schema.tasks}
