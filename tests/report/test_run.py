"""The sections of a run: all of them in a report, some in a terminal, few after a search."""

from dataclasses import replace
from pathlib import Path

import pytest

from automtl_core.choices import Architecture
from automtl_core.modules.cost import Cost
from automtl_core.modules.sharing import Sharing
from automtl_core.registry.kinds import REPORT_SECTIONS
from automtl_core.run_dir.facts import EncodingSearch, Result, Search
from automtl_core.search.encoding.search import EncodingSearchResult, EncodingTrial
from automtl_core.search.evidence import Evidence, Point
from automtl_core.views.values import Bars, Curves, Drawing, Grid, Matrix, Plot, Section, Text
from automtl_inspection.baselines import Baseline, Baselines
from automtl_report.record import RunRecord
from automtl_report.run import SECTIONS, decisions, outcome, report, show
from automtl_testing.samples import binary_metrics, sample_schema
from tests.shared.records import NO_SHARING, blocks, record

POINT = Point("searched", {}, 0.2, None, 0.78, 68_000, 10, trained=True, chosen=True)
EVIDENCE = (Evidence("op", "mlp-4", "chosen", "better"),)
DECISIONS = {"a/e10": "mlp", "a/e2": (), "a": "x"}
ANSWERS = {"numbers": "standard"}
ENCODINGS = EncodingSearch(EncodingSearchResult(ANSWERS, (EncodingTrial(ANSWERS, 0.7, 1),)))
RESULT = Result(
    best_epoch=1, parameters=1, parameters_beside_embeddings=1, flops_per_row=3_000, validation={}, files={}
)


class Priced:
    """A space with known costs of decisions."""

    def __init__(self, dear=()):
        self.dear = dear

    settings = None

    def members(self):
        return {}

    def cost(self, architecture):
        return Cost(5, 4, 1000)

    def costs_of(self, architecture):
        return {
            name: Cost(3, 3, 600) if name in self.dear else Cost(0, 0, 0) for name in architecture.decisions
        }


class Averaged(Priced):
    """The space of an ensemble of three networks."""

    def members(self):
        return {f"member {k}": Priced(self.dear) for k in (1, 2, 3)}


def made(*facts, regression=True, front=(POINT,), **changes):
    known = Search(EVIDENCE, front), ENCODINGS, *facts
    schema = sample_schema(regression=regression)
    return record(*known, **{"decisions": DECISIONS, "schema": schema, **changes})


def texts(sections):
    return [block.text for block in blocks(sections, Text)]


def test_decisions_in_the_order_of_their_names_with_costs():
    assert decisions(made()).rows == [["a", "x"], ["a/e2", "none"], ["a/e10", "mlp"]]
    priced = made(space=Priced(["a/e10"]))
    assert [row[2:] for row in decisions(priced).rows] == [["", ""], ["", ""], [600, 3]]
    titles = [next(s.title for s in show(one) if s.title) for one in (made(), priced)]
    assert titles[0] == "architecture (search space desan)"
    assert next(s.title for s in show(made(decisions=())) if s.title) == "model desan"
    assert titles[1] == "architecture (search space desan): 1,000 FLOPs per row, 5 parameters"


def test_in_short_it_says_why():
    said = texts(outcome(made()))
    assert said[0].startswith("Feature encoding chosen on held-out training data (+0.0000 AUC or R2): ")
    assert said[1:3] == [
        "1 decision: 1 improved held-out AUC or R2",
        "The Pareto front has one point: `searched`",
    ]
    assert "improved held-out AUC" in texts(outcome(made(regression=False)))[1].split(" or ")[0]
    assert " or R2" not in "".join(texts(outcome(made(regression=False)))[1:])


@pytest.mark.parametrize("everything", [False, True])
def test_all_of_it(everything):
    sections = list(show(made(), everything))
    assert [section.title for section in sections if section.title] == [
        "architecture (search space desan)",
        "Pareto front",
        "feature encodings",
    ]
    grids = [section.blocks[0].header[0] for section in sections if not isinstance(section.blocks[:1], Text)
             and section.blocks and hasattr(section.blocks[0], "header")]  # fmt: skip
    assert tuple(grids[:2]) == ("choice", "choice") if everything else grids[:2] == ["choice", "point"]
    hint = "Evidence of each decision: automtl show runs/a --evidence"
    assert (hint in texts(sections)) is not everything


def test_the_report_has_the_table_of_models():
    front = [replace(POINT, name=name, trained=True, chosen=name == "a") for name in ("a", "b")]
    made = record(Search((), tuple(front)))
    (models,) = SECTIONS["models"](made)
    assert [type(block) for block in models.blocks] == [Grid, Plot, Text]
    assert [section.title for section in SECTIONS["front"](made)] == ["Pareto front"]
    (models,) = SECTIONS["models"](record(Search((), (front[0], replace(front[1], flops_per_row=0)))))
    assert [type(block) for block in models.blocks] == [Grid, Text], "one cost is known"


def test_what_is_not_known_is_noted():
    lost = made(unasked="no space is called 'desan'")
    notes = [text for text in texts(show(lost)) if text.startswith("note: ")]
    assert notes[0] == "note: unread fields are unknown without the search space: no space is called 'desan'"
    nameless = RunRecord(Path("a"), Architecture({}, None), NO_SHARING, unasked="no origin")
    assert next(s.title for s in show(nameless) if s.title) == "architecture"
    assert texts(show(nameless)) == []


def test_equal_members_of_an_ensemble_are_shown_once():
    one, other = {"a": "mlp", "b": ("user",)}, {"a": "x", "b": ()}
    members = [Architecture(each) for each in (one, other, one)]
    names = ("member 1", "member 2", "member 3")
    parts = [Sharing({"task": ("user",)}, {}, ("user",)), Sharing({"task": ()}, {}, ("user",))]
    sharing = Sharing.together(dict(zip(names, [*parts, parts[0]], strict=True)))
    both = made(decisions=Architecture.ensemble(members).decisions, sharing=sharing, space=Averaged("b"))
    sections = list(show(both))
    assert [section.title for section in sections if section.title][:3] == [
        "model desan: 1,000 FLOPs per row, 5 parameters",
        "member 1, member 3 (the same architecture)",
        "member 2",
    ]
    tables = [s.blocks[0].rows for s in sections if s.title.startswith("member ")]
    assert tables == [
        [["a", "mlp", "", ""], ["b", "user", 600, 3]],
        [["a", "x", "", ""], ["b", "none", 600, 3]],
    ]
    models = "member 1 is desan, member 2 is desan, member 3 is desan"
    assert texts(sections)[0] == f"The prediction is the mean of the outputs of 3 models: {models}"
    titles = [s.title for s in outcome(both) if s.title and s.blocks]
    assert titles[1:] == ["member 1, member 3 (the same architecture)", "member 2"]


def test_it_says_how_much_the_validation_score_flatters():
    binary = binary_metrics(0.72, 0.5, 200, 1000)
    result = replace(
        RESULT,
        validation={"click": binary},
        test={"click": replace(binary, values={**binary.values, "auc": 0.70})},
    )
    against = Baselines({"click": Baseline("AUC", 0.7, 0.01, 0.0, None, None, None)})
    one = made(result, against)
    (said,) = (text for text in texts(outcome(one)) if text.startswith("Validation"))
    assert said == (
        "Validation AUC minus test AUC: +0.0200 [-0.0077, +0.0477] (mean of 1 task, 95 % interval). "
        "Validation rows stopped the training, so only the test AUC is unbiased"
    )
    assert said in texts(SECTIONS["tests"](one))
    two = made(result, against, front=(POINT, replace(POINT, name="mmoe", chosen=False)))
    assert "and chose among 2 trained networks, so" in " ".join(texts(outcome(two)))
    assert one.to_json()["optimism"]["tasks"] == 1
    assert made(result, against, front=()).optimism is None


def test_all_sections_of_a_report_have_their_blocks(small_record):
    sections = {name: list(section(small_record)) for name, section in SECTIONS.items()}
    empty = {name for name, some in sections.items() if not any(s.blocks for s in some)}
    assert empty == {"aggregates", "encodings", "evidence", "refresh"}  # neither was searched with evidence
    assert blocks(sections["architecture"], Drawing)
    plain = replace(small_record, architecture=replace(small_record.architecture, decisions={}))
    assert not [text for text in texts(SECTIONS["architecture"](plain)) if text.startswith("Hover")]
    assert len(blocks(sections["tables"], Grid)[0].rows) == len(small_record.architecture.decisions)
    assert blocks(sections["readers"], Matrix)
    tasks = {task.name for task in small_record.schema.tasks}
    assert {chart.title for chart in blocks(sections["calibration"], Curves)} == tasks
    assert {chart.title for chart in blocks(sections["fields"], Bars)} == tasks


class Plugins:
    """A registry with two more sections, one of which fails."""

    def names(self, kind):
        return ("mine", "broken") if kind is REPORT_SECTIONS else ()

    def get(self, kind, name):
        return getattr(self, name)

    def mine(self, record):
        yield Section("my section", [Text(f"seed {record.config.seed}")])

    def broken(self, record):
        raise ValueError("oops")


def test_sections_of_plugins_come_last_and_a_broken_one_is_a_note(small_record):
    *_, mine, broken = report(small_record, Plugins())
    assert mine == Section("my section", [Text("seed 0")])
    assert broken.blocks == [Text("warning: this section of a plugin failed: ValueError: oops")]
