"""The evidence of decisions, Pareto fronts and feature encodings in tables and sentences."""

from dataclasses import replace
from math import inf
from typing import get_args

from automtl_core.run_dir.facts import EncodingSearch, Search
from automtl_core.search.encoding.search import EncodingSearchResult, EncodingTrial, OtherView
from automtl_core.search.evidence import Evidence, Point, Verdict, pareto_points
from automtl_core.views.values import Grid, Text
from automtl_report.search import (
    VERDICTS,
    WITHIN_USERS,
    apart,
    decisions,
    encoding,
    encodings,
    evidence,
    front,
    overrides,
    plot,
    selected,
)
from automtl_testing.samples import sample_schema
from tests.shared.records import SCHEMA, record, searched, texts

FOUND = Point("searched", {}, 0.2, None, 0.7835, 68_000, 10, trained=True, chosen=True)
BEST = Point("mmoe", {}, 0.2, None, 0.7844, 136_000, 10, trained=True)
WORSE = Point("ple", {}, 0.3, None, 0.75, 10_000, 10, trained=True)
INHERITED = Point("evolution 1.1", {}, 0.1, 0.1, 0.79, 10_000, 10)
BINARY = sample_schema(regression=False)


def sentences(records):
    return texts(evidence(searched(records, schema=BINARY)))


def fronted(points, path="a"):
    (section,) = front(searched(front=points, path=path))
    return section


def test_every_verdict_has_words_and_counts_add_up():
    assert set(VERDICTS) == set(get_args(Verdict))
    records = [Evidence("task/click/experts", "expert0", "kept", verdict) for verdict in get_args(Verdict)]
    first, chance = sentences(records)
    counts = [int(part.split()[0]) for part in first.partition(": ")[2].split(", ")]
    assert (first.split()[0], sum(counts)) == (str(len(records)), len(records))
    assert "1 improved held-out AUC, 1 significant for one of several equal parts, 1 without sig" in first
    assert chance == "1 made at chance, without evidence: task/click/experts"
    assert sentences([]) == []


def test_a_field_that_was_removed_everywhere_at_once_is_one_decision():
    def closed(expert, option, verdict, error):
        return Evidence(f"layer0/{expert}/single", option, "closed", verdict, None, -2e-3, error)

    gone = [closed(expert, "noise", "better", 1e-4) for expert in ("expert0", "expert1")]
    alone = [closed(f"expert{k}", "price", "no significant effect", k * 1e-3) for k in (1, 2)]
    first, *_ = sentences([*gone, *alone])
    assert first == "3 decisions: 1 improved held-out AUC, 2 without significant effect"
    assert [row[0] for row in decisions([*gone, *alone])[0].rows] == [
        "layer0/expert0/single + 1 more",
        "layer0/expert1/single",
        "layer0/expert2/single",
    ]


def test_the_selected_point_has_its_number_and_its_name():
    assert texts(selected([WORSE, INHERITED, FOUND, BEST])) == [
        "Selected point 3 (`searched`) of 4 architectures, 3 of them on the Pareto front"
    ]
    assert texts(selected([FOUND])) == ["The Pareto front has one point: `searched`"]
    assert len(texts(selected([INHERITED, FOUND]))) == 1
    assert texts(selected([BEST, WORSE])) == [
        "Selected no point of 2 architectures, all of them on the Pareto front"
    ]
    assert texts(selected([])) == []


def test_another_model_is_named_in_place_of_its_settings():
    changes = {"space": {"name": "mmoe", "experts": 4}, "training": {"learning_rate": 0.1}}
    assert texts(overrides(record(Search(overrides=changes)))) == [
        "The result of the search is the model mmoe, with its default settings",
        "Settings that the search chose: training.learning_rate 0.1",
    ]
    one = record(Search(overrides={"space": {"members": 1}}))
    assert texts(overrides(one)) == ["Settings that the search chose: space.members 1"]


def test_an_architecture_behind_the_front_is_not_called_a_point_of_it():
    """Weights of two kinds have two fronts."""
    cheap, found, best, behind = (
        replace(FOUND, name=name, loss=loss, flops_per_row=n, trained=name != "cheap", chosen=name == "found")
        for name, loss, n in [("cheap", 9.0, 1), ("found", 0.3, 5), ("best", 0.2, 6), ("behind", 0.25, 7)]
    )
    assert pareto_points([behind, best, found, cheap]) == [found, best, cheap]
    points = [found, best, behind]
    assert texts(selected(points))[0] == (
        "Selected point 1 (`found`) of 3 architectures, 2 of them on the Pareto front"
    )
    assert [row[:2] for row in fronted(points).blocks[0].rows] == [
        ["1 found *", "yes"], ["2 best", "yes"], ["3 behind", "no"]
    ]  # fmt: skip


def test_a_front_is_plotted_by_the_score_of_its_ranking():
    drawn = plot([WORSE, FOUND, BEST])
    assert (drawn.y, drawn.points) == (
        "validation score",
        {p.name: (p.flops_per_row, 1 - p.loss) for p in (FOUND, WORSE, BEST)},
    )
    assert next(iter(drawn.points)) == drawn.chosen == "searched", "it is never hidden"
    trees = plot([replace(BEST, flops_per_row=0), FOUND])
    assert trees.points == {"searched": (6.8e4, 1 - FOUND.loss), BEST.name: (inf, 1 - BEST.loss)}


def test_a_front_has_the_command_that_trains_a_point_and_a_note_on_inherited_weights():
    command = "`automtl train --model 'runs/my run@N'`"
    ways = "`@cost`, `@200000flops` or `@2.5ms` in place of `@N`"
    blocks = fronted([WORSE, FOUND, BEST], "runs/my run").blocks
    assert texts(blocks)[-1] == f"To train another point: {command}, or with {ways}"
    assert [type(block) for block in fronted([FOUND], "a").blocks] == [Grid, Text]
    note = "Scores are of validation rows; inherited weights improve by training"
    assert note in texts(fronted([INHERITED, FOUND], "a").blocks)
    assert note not in texts(fronted([WORSE, FOUND], "a").blocks)


OFF = {"aggregates": (), "numbers": "standard", "embedding_decay": 0.01}
KEYED = {**OFF, "aggregates": ({"key": ("a", "b"), "means": ()}, {"key": ("c",), "means": ()})}
CHOSEN = EncodingSearchResult(KEYED, (EncodingTrial(OFF, 0.7, 1), EncodingTrial(KEYED, 0.7032, 2)))


def test_what_was_chosen_in_a_encoding():
    assert encoding(replace(CHOSEN, measure="AUC")) == (
        "Feature encoding chosen on held-out training data (+0.0032 AUC): aggregates by a*b, c; "
        "numeric features scaled; embedding decay 0.01"
    )
    other = {"numbers": "bins", "aggregates": []}
    assert encoding(EncodingSearchResult(other, (EncodingTrial(other, 0.7, 1),))).endswith(
        " (+0.0000 AUC or R2): numeric features binned; no aggregates"
    )
    earlier = {"statistics": "none", "crosses": [], "wide": True, "numbers": "bins"}
    assert encoding(EncodingSearchResult(earlier, (EncodingTrial(earlier, 0.7, 1),))).endswith(
        "(+0.0000 AUC or R2): numeric features binned"
    )
    chosen = replace(CHOSEN, measure="AUC", other_view=OtherView("GAUC", -0.05, 0.01))
    assert [*apart(chosen)] == [
        "the chosen inputs gain +0.0032 AUC, and lose GAUC: -0.0500 [-0.0696, -0.0304], 95 % interval; "
        + WITHIN_USERS
    ]
    assert "monitor_metric=auc" in next(
        apart(replace(chosen, measure="GAUC", other_view=OtherView("AUC", -0.05, 0.01)))
    )
    assert not [*apart(CHOSEN)]
    assert not [*apart(replace(CHOSEN, other_view=OtherView("GAUC", -0.01, 0.01)))], "by chance"
    assert encoding(EncodingSearchResult(OFF, why="few rows")) == "Feature encoding not searched: few rows"


def test_all_that_was_tried():
    (section,) = encodings(record(EncodingSearch(CHOSEN), schema=SCHEMA))
    _, grid = section.blocks
    assert grid.header == ["", "feature encoding", "AUC or R2", "trainings"]
    assert [(row[0], *row[2:]) for row in grid.rows] == [("", 0.7, 1), ("->", 0.7032, 2)]
