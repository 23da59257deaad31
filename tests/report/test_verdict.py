"""The verdict: gain, score, cost and fields in a few values, and what to do next."""

from dataclasses import replace

from automtl_core.run_dir.facts import Costs, Result, Search
from automtl_core.search.evidence import Point
from automtl_report.contest import rank
from automtl_report.verdict import first, intervals, steps
from automtl_testing.samples import binary_metrics
from tests.shared.records import record, searched, texts

CLICK = binary_metrics(0.71, 0.5, 1200, 4000)
RESULT = Result(
    best_epoch=1, parameters=84_388, parameters_beside_embeddings=27_588, flops_per_row=54_432, validation={},
    files={}, test={"click": CLICK, "like": replace(CLICK, values={**CLICK.values, "auc": 0.73})},
)  # fmt: skip
COSTS = Costs({"search": 29.0}, None)
FOUND = Point("search", {}, 0.2, None, 0.78, 68_000, 10, trained=True, chosen=True)
MMOE = Point("mmoe", {}, 0.21, 0.001, 0.78, 68_000, 10, True, overrides={"space": {"name": "mmoe"}})


def test_what_to_do_next_depends_on_the_run():
    assert texts(next(steps(record(RESULT, COSTS))).blocks)[-1].endswith("automtl export runs/a")
    near = replace(MMOE, name="small", loss=0.2001, flops_per_row=100)
    found = searched(front=[FOUND, near], path="my run")
    found.facts.update({Result: RESULT, Costs: COSTS})
    assert texts(next(steps(found)).blocks)[-1].endswith("automtl compare --models mmoe,'my run'")
    *_, cheap = texts(rank(found))
    assert cheap.startswith(
        "`small` has less than 1 % of its FLOPs, with no clear difference: `automtl train"
    )


def test_the_page_begins_with_four_cards_and_test_scores_have_their_intervals(small_record):
    (auc,) = next(intervals(small_record)).blocks
    for bar in auc.bars:
        assert bar.low < bar.value == small_record.result.test[bar.label].values["auc"] < bar.high
    rival = replace(MMOE, test_loss=0.21, test_error=0.002, test_losses={"click": 0.3, "like": 0.31})
    found = searched(front=[replace(FOUND, test_loss=0.2, test_error=0.0, flops_per_row=34_000), rival])
    found.facts.update({Result: RESULT, Costs: COSTS})
    said, figures = next(first(found)).blocks
    assert said.text == (
        "`search` is chosen of 2 models: mean of test AUC and R2 0.8000, ahead of `mmoe` "
        "(+0.0100 [+0.0061, +0.0139]); 50 % of the FLOPs of `mmoe`. One seed: compare before you ship"
    )
    assert [value for value, _ in figures.values.values()] == [
        "+0.0100 mean of test AUC and R2",
        "50 % of mmoe",
        "",
    ]
    assert figures.values["next"][1] == "`automtl compare --models mmoe,runs/a` `automtl export runs/a`"
    gain, cost = (chart.bars[0] for chart in figures.charts.values())
    assert (gain.low < 0.01 < gain.high, cost.value) == (True, 50)
    (auc,) = next(intervals(found)).blocks
    assert [(bar.of, round(bar.value, 4)) for bar in auc.bars if bar.label == "like"] == [
        ("search", 0.73), ("mmoe", 0.69),
    ]  # fmt: skip
    found.facts[Search] = Search((), (found.search.front[0], replace(rival, test_loss=0.2001)))
    said, *_, figures = next(first(found)).blocks
    assert ", no clear difference from `mmoe` (+0.0001 [" in said.text
    assert figures.values["next"][1] == "`automtl compare --models mmoe,runs/a`", "no export"
