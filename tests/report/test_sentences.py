"""What is said of metrics, evidence, encodings, fields and networks, word by word, of made-up values."""

from dataclasses import replace
from typing import get_args

from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.modules.sharing import Sharing
from automtl_core.run_dir.facts import Costs, Data, Search
from automtl_core.search.encoding.search import EncodingSearchResult, EncodingTrial, OtherView
from automtl_core.search.evidence import Evidence, Point, Verdict
from automtl_core.training.metric import ByUser, MetricValue
from automtl_inspection.baselines import Baseline
from automtl_inspection.behaviour import Behaviour, ExpertUse
from automtl_inspection.importance import FieldEffect, Importance
from automtl_inspection.sections import Section, Text
from automtl_report.contest import rank
from automtl_report.measured import doubts, strongest
from automtl_report.metrics import metrics
from automtl_report.plain import markdown
from automtl_report.search import VERDICTS, apart, encoding, evidence
from automtl_report.sharing import MOST, matrices, natural, networks, notes
from automtl_report.verdict import first, intervals, steps
from automtl_testing.samples import binary_metrics, regression_metrics
from tests.report.test_golden import (
    BINARY,
    CHOSEN,
    CLICK,
    DECISIONS,
    EVIDENCE,
    FIELDS,
    LIKE,
    OFF,
    RESULT,
    SHARING,
    effect,
)  # fmt: skip
from tests.shared.records import NO_SHARING, of_members, record, searched, texts


def registered(m, **values):
    """Return metrics with registered ones; None for one that a plugin failed to compute."""
    others = {
        name: MetricValue(name.upper(), 1, value, m.rows, None if value is not None else f"no {name}")
        for name, value in values.items()
    }
    return replace(m, others=others)


def by_user(value, users, all_users=5000, **others):
    of_users = ByUser(users, "with rows of both classes", all_users, 12000, 0.5, 0.01, **others)
    return replace(CLICK, others={"gauc": MetricValue("GAUC", 1, value, 900, by_user=of_users)})


SIZES = (0.000123456, 3.2, 54321.98, 12345678.0)
LISTED, PRICE = registered(CLICK, gauc=0.65, ndcg=0.5), regression_metrics(3.20001, 2.1, 0.25, 3000)
METRICS = {
    "errors large and small": {f"{size}": regression_metrics(size, size, 0.5, 100) for size in SIZES},
    "too few rows": {
        "click": CLICK,
        "buy": binary_metrics(0.91, 0.02, 18, 4000),
        "price": regression_metrics(3.0, 2.0, 0.5, 60),
    },
    "undefined": {
        "click": CLICK,
        "hide": binary_metrics(None, 0.01, 0, 50, "all 50 rows are negative"),
        "price": regression_metrics(1.0, 1.0, None, 9, "all 9 labels are equal"),
        "age": regression_metrics(None, None, None, 0, "no row has a label"),
    },
    "registered": {"click": LISTED, "like": registered(CLICK, gauc=0.55, ndcg=0.7)},
    "registered, two kinds": {"click": LISTED, "price": registered(PRICE, mape=0.123456)},
    "registered, without a value": {
        "click": registered(CLICK, gauc=None, ndcg=0.5),
        "like": registered(CLICK, gauc=None, ndcg=None),
    },
    "by user": {"click": by_user(0.61, 312), "buy": by_user(0.7, 1250, 4000)},
    "by user, worse than chance": {
        "click": by_user(0.18, 312),
        "buy": by_user(0.2, 9),
        "like": by_user(0.7, 312),
    },
    "by user, too few": {"click": by_user(0.65, 12)},
    "by user, no better than chance": {"click": by_user(0.51, 312)},
    "by user, most have one row": {"click": by_user(0.65, 312, 11000)},
    "by bucket": {"click": by_user(0.65, 312, unit="buckets")},
}
ALL_VERDICTS = [Evidence("task/click/experts", "expert0", "kept", verdict) for verdict in get_args(Verdict)]
BASELINES = {
    "one good task": {
        "click": Baseline("AUC", 0.5, 0.01, 0.7, "item", 0.49, 0.5),
        "price": Baseline("R2", 0.3, 0.01, 1e-9, "item", 0.2, 1e-6),
    },
    "a leak": {"click": Baseline("AUC", 0.999, 0.001, 1e-9, None, None, None)},
    "no test rows": {},
}


USELESS = {"click": effect(0.0, "no effect"), "price": effect(-0.0001, "no effect", "R2")}
STRONG = {"click": effect(0.02, "matters"), "price": effect(0.3, "unclear", "R2")}
RARE = {"rare": FieldEffect("AUC")}
EFFECTS = {
    "no effect of any": {"item_id": USELESS},
    "one beside a strong one": {"item_id": USELESS, "user_id": STRONG},
    "unclear for a rare task": {"item_id": USELESS | RARE, "user_id": STRONG | RARE},
}
KEYED = {**OFF, "aggregates": ({"key": ("a", "b")}, {"key": ("c",)})}
EARLIER = {"statistics": "none", "crosses": [], "wide": True, "numbers": "bins", "aggregates": []}
ADDED = EncodingSearchResult(KEYED, (EncodingTrial(OFF, 0.7), EncodingTrial(KEYED, 0.7032)), measure="AUC")
WORSE = replace(ADDED, other_view=OtherView("GAUC", -0.05, 0.01))
ENCODINGS = {
    "chosen": ADDED,
    "of an earlier version": EncodingSearchResult(EARLIER, (EncodingTrial(EARLIER, 0.7),)),
    "worse by users": WORSE,
    "worse over all rows": replace(WORSE, measure="GAUC", other_view=OtherView("AUC", -0.05, 0.01)),
    "worse by chance": replace(ADDED, other_view=OtherView("GAUC", -0.01, 0.01)),
    "not searched": EncodingSearchResult(OFF, why="few rows"),
}


def read_by(fields):
    """Return the sentences on a network that does not read noise, and may also read numbers."""
    sees = {"layer0/expert0": ("user", "item"), "layer0/expert1": ()}
    reads = {
        "task/click": ("expert10", "layer0/expert2"),
        "task/like": (),
        "layer1/expert10": ("layer0/expert0",),
    }
    sparse = tuple(SparseField(name, 5) for name in fields if name != "price")
    schema = Schema(
        sparse, tuple(DenseField("price") for name in fields if name == "price"), (Task("click"),)
    )
    sharing = Sharing(sees, reads, tuple(field.name for field in sparse))
    made = searched((), sharing=sharing, schema=schema)
    data = Data("x", 1, {}, {}, "", made.schema.to_json(), {})
    return notes(replace(made, facts={**made.facts, Data: data}))


WHOLE = replace(SHARING, sees={**SHARING.sees, "network": FIELDS[2:]})
LEVELS = {
    "level0/a": {"a-expert0": 1.0},
    "level0/shared": {"a-expert0": 0.5, "shared-expert0": 0.5},
    "task/a": {"a-expert0": 0.3, "shared-expert0": 0.7},
}
NAMES = tuple(f"f{k}" for k in range(MOST + 10))


def drawn(sharing=SHARING, decisions=DECISIONS, use=None, evidence=()):
    """Yield the parts of the drawing of a network, and its edges, as text."""
    (one,) = networks(record(Search(evidence), Behaviour(use, {}), decisions=decisions, sharing=sharing))
    for node in one.nodes:
        removed = " (removed)" * node.pruned
        yield Text(
            f"{node.column} {node.kind} {node.name}: {node.label}{removed} {'; '.join(node.notes)}".rstrip()
        )
    for edge in one.edges:
        weight, removed = edge.weight or "", " (removed)" * edge.pruned
        yield Text(f"{edge.source} -> {edge.target} {weight}{removed} {'; '.join(edge.notes)}".rstrip())


BOTH = of_members([NO_SHARING, SHARING])
NETWORKS = {
    "with evidence": drawn(evidence=EVIDENCE),
    "read as a whole": drawn(WHOLE, {**DECISIONS, "fields": FIELDS[2:], "op": "mlp-8"}),
    "not read as a whole": drawn(decisions={**DECISIONS, "op": "mlp-8"}),
    "levels of gates": drawn(Sharing({}, {}, ()), {}, ExpertUse(10, LEVELS, {})),
    "without gates": drawn(Sharing({}, {}, ()), {}),
    "many inputs": drawn(Sharing({"layer0/e0": NAMES[:30]}, SHARING.reads, NAMES)),
    "members": matrices(replace(BOTH, sees={"member 1": SHARING.fields, **BOTH.sees})),
}
RESULT = replace(RESULT, test={"click": CLICK, "like": LIKE})
FOUND = replace(CHOSEN, flops_per_row=34_000, test_loss=0.2, test_error=0.0)
OF_MMOE = {"space": {"name": "mmoe"}}
MMOE = Point(
    "mmoe", {}, 0.21, 0.001, 0.78, 68_000, 10, True, overrides=OF_MMOE,
    test_loss=0.21, test_error=0.002, test_losses={"click": 0.3, "like": 0.31},
)  # fmt: skip
SMALL = Point("small", {}, 0.2001, 0.001, 0.78, 100, 10, True, overrides=OF_MMOE)


def ended(*front, path="runs/a"):
    """Return the record of a search with these points."""
    return record(Search((), front), RESULT, Costs({"search": 29.0}, None), path=path)


def judged(found):
    """Yield what a report says first, the scores with their intervals, and what is to be done next."""
    yield from next(first(found)).blocks
    yield from (block for section in intervals(found) for block in section.blocks)
    yield from rank(found)
    yield from next(steps(found)).blocks


SAID = {
    "metrics": {name: metrics(test, 1 if "registered" in name else 100) for name, test in METRICS.items()},
    "decisions": {
        name: [block for one in evidence(searched(of, schema=BINARY)) for block in one.blocks]
        for name, of in {"all verdicts": ALL_VERDICTS, "none": []}.items()
    },
    "learned": {name: map(Text, doubts(of)) for name, of in BASELINES.items()},
    "fields": {name: strongest(Importance(100, effects)) for name, effects in EFFECTS.items()},
    "encodings": {name: map(Text, [encoding(one), *apart(one)]) for name, one in ENCODINGS.items()},
    "reads": {
        "with a number": read_by(["user", "item", "noise", "price"]),
        "many": read_by(["user", "item", "noise", *NAMES[:20]]),
    },
    "networks": NETWORKS,
    "ends": {
        "a run": judged(ended()),
        "a rival": judged(ended(FOUND, MMOE)),
        "a level rival": judged(ended(FOUND, replace(MMOE, test_loss=0.2001))),
        "a cheap one": judged(ended(replace(FOUND, test_loss=None, test_error=None), SMALL, path="my run")),
    },
}


def test_sentences_are_the_golden_ones(golden):
    parts = [
        Section(f"{of}: {name}", list(told)) for of, cases in SAID.items() for name, told in cases.items()
    ]
    golden("sentences.md", markdown("said", parts))


def test_every_verdict_has_words_and_counts_add_up():
    assert set(VERDICTS) == set(get_args(Verdict))
    (counts, _) = texts(
        [block for one in evidence(searched(ALL_VERDICTS, schema=BINARY)) for block in one.blocks]
    )
    total, *others = (int(word) for word in counts.replace(",", "").split() if word.isdigit())
    assert total == sum(others) == len(ALL_VERDICTS)


def test_scores_of_a_finished_run_lie_within_their_intervals(small_record):
    (auc,) = next(intervals(small_record)).blocks
    for bar in auc.bars:
        assert bar.low < bar.value == small_record.result.test[bar.label].values["auc"] < bar.high


def test_numbers_in_names_are_sorted_as_numbers():
    assert sorted(["e10", "e2", "a"], key=natural) == ["a", "e2", "e10"]
