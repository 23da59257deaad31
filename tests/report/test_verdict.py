"""The verdict: gain, score, cost and fields in a few values, and what to do next."""

from dataclasses import replace

from automtl_core.run_dir.facts import Costs, Result
from automtl_core.search.evidence import Point
from automtl_core.views.values import Bars, Figures
from automtl_inspection.importance import FieldEffect, Importance
from automtl_report.verdict import scores, steps, summary, verdict
from automtl_testing.samples import binary_metrics, regression_metrics
from tests.shared.records import record, searched, texts

CLICK = binary_metrics(0.71, 0.5, 1200, 4000)
RESULT = Result(
    best_epoch=1, parameters=84_388, parameters_beside_embeddings=27_588, flops_per_row=54_432, validation={},
    files={}, test={"click": CLICK, "like": replace(CLICK, values={**CLICK.values, "auc": 0.73})},
    reachable={"click": 0.8, "like": 0.9},
)  # fmt: skip
COSTS = Costs({"encoding_search": 6.1, "search": 130.0, "train": 0.0}, None)
FOUND = Point("searched", {}, 0.2, None, 0.78, 68_000, 10, trained=True, chosen=True)
MMOE = Point("mmoe", {}, 0.21, 0.001, 0.78, 68_000, 10, True, overrides={"space": {"name": "mmoe"}})


def figures(*facts, front=(), **changes):
    made = searched(front=front, **changes)
    made = replace(made, facts={**made.facts, **{type(fact): fact for fact in facts}})
    (found,) = (block for block in summary(made) if isinstance(block, Figures))
    return dict(found.values)


def test_gain_score_cost_and_fields_are_in_few_values():
    effects = {"user": {"click": FieldEffect("AUC", 0.1, 0.09, 0.11, 1e-9, "matters")}, "item": {}}
    assert figures(RESULT, COSTS, Importance(100, effects), front=[FOUND, MMOE]) == {
        "gain of AUC and R2": (
            "+0.0100", "[+0.0080, +0.0120] over `mmoe`, the best hand-designed model, on validation rows"
        ),
        "test AUC": ("0.7200", "mean of 2 tasks; optimal: 0.8500"),
        "FLOPs per row": ("54,432", ""),
        "parameters": ("84,388", "27,588 beside embeddings"),
        "time": ("2 min", "encoding search 6 s, search 2 min"),
        "fields that matter": ("1 of 2", "user"),
    }  # fmt: skip


def test_labels_of_each_kind_have_a_value_and_a_chart():
    labels = [("stars", 0.5, 0.8), ("price", 9.0, 0.1)]
    numbers = {name: regression_metrics(rmse, 0.4, r2, 4000) for name, rmse, r2 in labels}
    several = replace(RESULT, test={**numbers, **RESULT.test}, reachable=None)
    found = {title: value for title, value in figures(several).items() if title.startswith("test ")}
    assert found == {"test AUC": ("0.7200", "mean of 2 tasks"), "test RMSE": ("0.5", "stars; 1 more below")}
    drawn = {chart.title: {bar.label: bar.value for bar in chart.bars} for chart in scores(record(several))}
    assert drawn == {"Test R2": {"stars": 0.8, "price": 0.1}, "Test AUC": {"click": 0.71, "like": 0.73}}


def test_it_says_where_there_is_no_gain_and_what_is_not_known_is_left_out():
    rival = replace(MMOE, loss=0.1, error=None, chosen=True)
    gain = figures(RESULT, front=[replace(FOUND, chosen=False, error=0.001), rival])["gain"]
    assert gain == ("none", "`mmoe` is the best model on validation rows, and is hand-designed")
    assert figures(RESULT, front=[FOUND])["gain"][0] == "not known"
    trees = replace(RESULT, flops_per_row=0, parameters=0, test={"click": CLICK}, reachable=None)
    assert figures(trees) == {"test AUC": ("0.7100", "click, 0.6916 to 0.7284")}
    few = figures(trees, min_positives=2000)
    assert few == {"test AUC": ("0.7100", "click, 0.6916 to 0.7284; too few rows to be reliable")}


def test_what_to_do_next_depends_on_the_run():
    (text,) = texts(steps(record(RESULT)))
    assert text.startswith("Next: `automtl search`, with the settings of this run, designs a network")
    near = replace(MMOE, name="small", loss=0.2001, flops_per_row=100)
    cheap, text = texts(steps(searched(front=[FOUND, near], path="my run")))
    assert cheap.startswith("`small` is level with the chosen model at less than 1 % of the FLOPs")
    assert text.startswith("Next: `automtl compare --models mmoe,'my run'`, with the settings of this run")


def test_the_page_begins_with_it_and_test_scores_have_their_intervals(small_record):
    (section,) = verdict(small_record)
    assert section.title == ("verdict" if small_record.search.front else "outcome")
    assert isinstance(section.blocks[0], Figures) or section.blocks[0].text
    (auc,) = scores(small_record)
    assert isinstance(auc, Bars)
    for bar in auc.bars:
        assert bar.low < bar.value == small_record.result.test[bar.label].values["auc"] < bar.high
