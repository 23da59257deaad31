"""The verdict: gain, score, cost and fields in a few values, and what to do next."""

from dataclasses import replace

from automtl_core.run_dir.facts import Result
from automtl_core.search.evidence import Point
from automtl_inspection.sections import Bars, Figures
from automtl_report.contest import rank
from automtl_report.verdict import intervals, steps, verdict
from automtl_testing.samples import binary_metrics
from tests.shared.records import record, searched, texts

CLICK = binary_metrics(0.71, 0.5, 1200, 4000)
RESULT = Result(
    best_epoch=1, parameters=84_388, parameters_beside_embeddings=27_588, flops_per_row=54_432, validation={},
    files={}, test={"click": CLICK, "like": replace(CLICK, values={**CLICK.values, "auc": 0.73})},
    reachable={"click": 0.8, "like": 0.9},
)  # fmt: skip
FOUND = Point("search", {}, 0.2, None, 0.78, 68_000, 10, trained=True, chosen=True)
MMOE = Point("mmoe", {}, 0.21, 0.001, 0.78, 68_000, 10, True, overrides={"space": {"name": "mmoe"}})


def test_what_to_do_next_depends_on_the_run():
    assert texts(next(steps(record(RESULT))).blocks)[-1].endswith("automtl export runs/a")
    near = replace(MMOE, name="small", loss=0.2001, flops_per_row=100)
    found = searched(front=[FOUND, near], path="my run")
    assert texts(next(steps(found)).blocks)[-1].endswith("automtl compare --models mmoe,'my run'")
    *_, cheap = texts(rank(found))
    assert cheap.startswith("`small` is level with it at less than 1 % of the FLOPs")


def test_the_page_begins_with_it_and_test_scores_have_their_intervals(small_record):
    (section,) = verdict(small_record)
    assert isinstance(section.blocks[0], Figures) or section.blocks[0].text
    (auc,) = next(intervals(small_record)).blocks
    assert isinstance(auc, Bars)
    for bar in auc.bars:
        assert bar.low < bar.value == small_record.result.test[bar.label].values["auc"] < bar.high
