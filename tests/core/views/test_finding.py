"""An architecture, with all that is known of it or in short."""

from dataclasses import replace
from pathlib import Path

import pytest

from automtl_core.choices import Architecture, Origin
from automtl_core.modules.cost import Cost
from automtl_core.modules.sharing import Sharing
from automtl_core.run_dir.facts import Result, Search
from automtl_core.search.encoding.search import EncodingSearchResult, EncodingTrial
from automtl_core.search.evidence import Evidence, Point
from automtl_core.training.baselines import Baseline
from automtl_core.views.finding import decisions, short, whole
from automtl_core.views.values import Text
from automtl_core.workflow.finding import Finding, Price
from automtl_testing.samples import binary_metrics, sample_schema

POINT = Point("searched", {}, 0.2, None, 0.78, 68_000, 10, trained=True, chosen=True)
EVIDENCE = (Evidence("op", "mlp-4", "chosen", "better"),)


def found(regression=True):
    schema = sample_schema(regression=regression)
    architecture = Architecture(
        {"a/e10": "mlp", "a/e2": (), "a": "x"}, Origin("desan", {}, schema.to_json(), {})
    )
    answers = {"statistics": "none"}
    return Finding(
        architecture,
        Sharing({}, {}, ()),
        search=Search(EVIDENCE, (POINT,)),
        encoding_search=EncodingSearchResult(answers, (EncodingTrial(answers, 0.7, 1),)),
    )


def texts(sections):
    return [b.text for section in sections for b in section.blocks if isinstance(b, Text)]


def test_decisions_in_the_order_of_their_names_with_costs():
    made = decisions(found(), None)
    assert made.title == "architecture (search space desan)"
    assert made.blocks[0].rows == [["a", "x"], ["a/e2", "none"], ["a/e10", "mlp"]]
    nothing = Cost(0, 0, 0)
    priced = decisions(
        found(), Price(Cost(5, 4, 1000), {"a": nothing, "a/e2": nothing, "a/e10": Cost(3, 3, 600)})
    )
    assert priced.title == "architecture (search space desan): 1,000 FLOPs per row, 5 parameters"
    assert [row[2:] for row in priced.blocks[0].rows] == [["", ""], ["", ""], [600, 3]]


def test_in_short_it_says_why():
    said = texts(short(found()))
    assert said[0].startswith("Feature encoding chosen on held-out training data (+0.0000 AUC or R2): ")
    assert said[1:] == [
        "1 decision: 1 improved held-out AUC or R2",
        "The Pareto front has one point: `searched`",
    ]
    assert "improved held-out AUC" in texts(short(found(regression=False)))[1].split(" or ")[0]
    assert " or R2" not in "".join(texts(short(found(regression=False))))


@pytest.mark.parametrize("everything", [False, True])
def test_all_of_it(everything):
    sections = list(whole(found(), None, Path("runs/a"), everything))
    assert [section.title for section in sections if section.title] == [
        "architecture (search space desan)",
        "Pareto front",
    ]
    grids = [section.blocks[0].header[0] for section in sections if not isinstance(section.blocks[:1], Text)
             and section.blocks and hasattr(section.blocks[0], "header")]  # fmt: skip
    assert tuple(grids[:2]) == ("choice", "choice") if everything else grids[:2] == ["choice", "point"]
    hint = "Evidence of each decision: automtl show runs/a --evidence"
    assert (hint in texts(sections)) is not everything


def test_what_is_not_known_is_noted():
    lost = replace(found(), unasked="no space is called 'desan'")
    notes = [text for text in texts(whole(lost, None, Path("a"))) if text.startswith("note: ")]
    assert notes[0] == "note: unread fields are unknown without the search space: no space is called 'desan'"
    nameless = Finding(Architecture({}, None), Sharing({}, {}, ()), unasked="no origin")
    assert next(whole(nameless, None, Path("a"))).title == "architecture"
    assert texts(whole(nameless, None, Path("a"))) == []


def test_equal_members_of_an_ensemble_are_shown_once():
    one, other = {"a": "mlp", "b": ("user",)}, {"a": "x", "b": ()}
    members = [Architecture(each) for each in (one, other, one)]
    names = ("member 1", "member 2", "member 3")
    parts = [Sharing({"task": ("user",)}, {}, ("user",)), Sharing({"task": ()}, {}, ("user",))]
    sharing = Sharing.together(dict(zip(names, [*parts, parts[0]], strict=True)))
    architecture = replace(Architecture.ensemble(members), origin=found().architecture.origin)
    report = replace(found(), architecture=architecture, sharing=sharing)
    nothing, dear = Cost(0, 0, 0), Cost(3, 3, 600)
    answers = {f"{name}/{choice}": nothing for name in names for choice in "ab"} | {"member 2/b": dear}
    sections = list(whole(report, Price(Cost(5, 4, 1000), answers), Path("runs/a")))
    assert [section.title for section in sections if section.title][:3] == [
        "architecture (search space desan): 1,000 FLOPs per row, 5 parameters",
        "member 1, member 3 (the same architecture)",
        "member 2",
    ]
    tables = [s.blocks[0].rows for s in sections if s.title.startswith("member ")]
    assert tables == [
        [["a", "mlp", "", ""], ["b", "user", "", ""]],
        [["a", "x", "", ""], ["b", "none", 600, 3]],
    ]
    assert texts(sections)[0] == "Ensemble of 3 networks: the prediction is the mean of their outputs"
    assert [s.title for s in short(report)][1:3] == ["member 1, member 3 (the same architecture)", ""]


def test_it_says_how_much_the_validation_score_flatters():
    binary = binary_metrics(0.72, 0.5, 200, 1000)
    result = Result(
        best_epoch=1, parameters=1, parameters_beside_embeddings=1, flops_per_row=1,
        validation={"click": binary}, files={},
        test={"click": replace(binary, values={**binary.values, "auc": 0.70})},
        baselines={"click": Baseline("AUC", 0.7, 0.01, 0.0, None, None, None)},
    )  # fmt: skip
    report = replace(found(), result=result)
    (said,) = (text for text in texts(short(report)) if text.startswith("Validation"))
    assert said == (
        "Validation AUC minus test AUC: +0.0200 ± 0.0277 (mean of 1 task, 95 % interval). Validation rows "
        "stopped the training, so only the test AUC is unbiased"
    )
    two = replace(report, search=Search(EVIDENCE, (POINT, replace(POINT, name="mmoe", chosen=False))))
    assert "and chose among 2 trained networks, so" in " ".join(texts(short(two)))
    assert report.to_json()["optimism"]["tasks"] == 1
    assert replace(report, search=Search()).optimism is None


def test_copies_with_the_weights_of_several_epochs_are_named():
    result = Result(
        best_epoch=1, parameters=1, parameters_beside_embeddings=1, flops_per_row=3_000, validation={},
        files={}, copies=3,
    )  # fmt: skip
    report = replace(found(), result=result)
    line = "3 copies of the network predict, each with the weights of one epoch: 3,000 FLOPs per row in all"
    for sections in (short(report), whole(report, None, Path("run"))):
        assert line in texts(sections)
    assert line not in texts(short(replace(report, result=replace(result, copies=1))))
