"""The evidence of decisions, Pareto fronts and feature encodings in tables and sentences."""

from dataclasses import replace
from typing import get_args

from automtl_core.search.encoding.search import EncodingSearchResult, EncodingTrial, OtherView
from automtl_core.search.evidence import Evidence, Verdict
from automtl_report.search import VERDICTS, WITHIN_USERS, apart, encoding, evidence
from automtl_testing.samples import sample_schema
from tests.shared.records import searched, texts

BINARY = sample_schema(regression=False)


def sentences(records):
    return [text for one in evidence(searched(records, schema=BINARY)) for text in texts(one.blocks)]


def test_every_verdict_has_words_and_counts_add_up():
    assert set(VERDICTS) == set(get_args(Verdict))
    records = [Evidence("task/click/experts", "expert0", "kept", verdict) for verdict in get_args(Verdict)]
    first, chance = sentences(records)
    counts = [int(part.split()[0]) for part in first.partition(": ")[2].split(", ")]
    assert (first.split()[0], sum(counts)) == (str(len(records)), len(records))
    assert "1 improved held-out AUC, 1 significant for one of several equal parts, 1 without sig" in first
    assert chance == "1 made at chance, without evidence: task/click/experts"
    assert sentences([]) == []


OFF = {"aggregates": (), "numbers": "standard", "embedding_decay": 0.01}
KEYED = {**OFF, "aggregates": ({"key": ("a", "b")}, {"key": ("c",)})}
CHOSEN = EncodingSearchResult(KEYED, (EncodingTrial(OFF, 0.7), EncodingTrial(KEYED, 0.7032)))


def test_what_was_chosen_in_a_encoding():
    assert encoding(replace(CHOSEN, measure="AUC")) == (
        "inputs added: mean labels of a x b, c (earlier rows) (+0.0032 AUC on held-out rows)"
    )
    earlier = {"statistics": "none", "crosses": [], "wide": True, "numbers": "bins", "aggregates": []}
    found = encoding(EncodingSearchResult(earlier, (EncodingTrial(earlier, 0.7),)))
    assert found == "inputs added: bins of numbers (+0.0000 AUC or R2 on held-out rows)"
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
    assert encoding(EncodingSearchResult(OFF, why="few rows")) == "inputs added: none, few rows"
