"""Who reads what, as matrices and in lines."""

from dataclasses import replace

import pytest

from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.modules.sharing import Sharing
from automtl_core.run_dir.facts import Data, Search
from automtl_core.search.evidence import EVERYWHERE, Evidence
from automtl_inspection.behaviour import Behaviour, ExpertUse
from automtl_report.sharing import ALL, MOST, matrices, natural, networks, notes
from automtl_testing.samples import sample_schema
from tests.shared.records import NO_SHARING, of_members, record, searched

FIELDS = ("user", "item", "noise")


@pytest.fixture
def sharing():
    return Sharing(
        sees={"layer0/expert0": ("user", "item"), "layer0/expert1": ()},
        reads={
            "task/click": ("expert10", "layer0/expert2"),
            "task/like": (),
            "layer1/expert10": ("layer0/expert0",),
        },
        fields=FIELDS,
    )


def said(sharing, fields):
    """Return the sentences on a network that may also read numbers."""
    made = searched((), sharing=sharing, schema=schema(fields))
    data = Data("x", 1, {}, {}, "", made.schema.to_json(), {})
    return [block.text for block in notes(replace(made, facts={**made.facts, Data: data}))]


def schema(fields):
    sparse = tuple(SparseField(name, 5) for name in fields if name != "price")
    return Schema(sparse, tuple(DenseField("price") for name in fields if name == "price"), (Task("click"),))


def test_what_nobody_reads(sharing):
    read, reason, always = said(sharing, [*FIELDS, "price"])
    assert read == "The network reads 3 of 4 fields, without noise"
    assert reason.endswith("which is no proof that a field is useless")
    assert always == "Fields that are always read: price"
    many = replace(sharing, fields=(*FIELDS, *(f"f{k}" for k in range(20))))
    assert said(many, many.fields)[0].endswith("without noise, f0, f1, f2, f3, f4, f5, f6 and 13 more")


def test_numbers_in_names_are_sorted_as_numbers():
    assert sorted(["e10", "e2", "a"], key=natural) == ["a", "e2", "e10"]


SCHEMA = sample_schema()
COLUMNS = tuple(SCHEMA.fields())
TASKS = [task.name for task in SCHEMA.tasks]
DECISIONS = {
    **{f"task/{task}/experts": ("e0",) for task in TASKS},
    "layer0/e0/single": COLUMNS[:2],
    "layer0/e0/block0": "mlp-8",
    "layer0/e1/single": (),
    "layer0/e1/block0": "mlp-8",
}
SHARING = Sharing({"layer0/e0": COLUMNS[:2]}, {f"task/{task}": ("layer0/e0",) for task in TASKS}, COLUMNS)
EVIDENCE = (
    Evidence(f"task/{TASKS[0]}/experts", "e1", "closed", "no significant effect", None, 0.001, 0.001),
    Evidence("layer0/e0/single", COLUMNS[0], "kept", "required", None, 0.01, 0.001, p=1e-4),
    Evidence(EVERYWHERE, COLUMNS[2], "closed", "no significant effect", None, -0.001, 0.001),
)


def drawn(sharing=SHARING, decisions=DECISIONS, use=None, evidence=EVIDENCE, schema=SCHEMA, space=None):
    facts = Search(evidence), Behaviour(use, {})
    made = record(*facts, decisions=decisions, sharing=sharing, schema=schema, space=space)
    return list(networks(made))


def test_pruned_inputs_experts_and_edges_are_marked_and_evidence_is_there():
    (one,) = drawn()
    nodes = {node.name: node for node in one.nodes}
    assert {name for name, node in nodes.items() if node.pruned} == {*COLUMNS[2:], "layer0/e1"}
    assert [(edge.source, edge.target) for edge in one.edges if edge.pruned] == [
        ("layer0/e1", f"task/{TASKS[0]}")
    ]
    kept = next(edge for edge in one.edges if edge.source == COLUMNS[0])
    assert kept.notes == (
        f"{COLUMNS[0]} kept: required, effect on held-out loss +0.0100 [+0.0080, +0.0120], p < .001",
    )
    assert nodes[COLUMNS[2]].notes
    assert nodes["layer0/e0"].notes == ("block0: mlp-8",)


def test_what_the_whole_network_reads_is_a_part_that_leads_to_all_tasks():
    whole = replace(SHARING, sees={**SHARING.sees, "network": COLUMNS[2:]})
    (one,) = drawn(whole, {**DECISIONS, "fields": COLUMNS[2:], "op": "mlp-8"}, evidence=())
    assert {e.source for e in one.edges if e.target == "network"} == {*COLUMNS[2:]}
    assert {e.target for e in one.edges if e.source == "network"} == {f"task/{task}" for task in TASKS}
    (one,) = drawn(decisions={**DECISIONS, "op": "mlp-8"})
    assert "network" not in {node.name for node in one.nodes}, "it reads nothing"


def test_networks_without_gates_are_a_box_and_levels_of_gates_are_columns():
    weights = {
        "level0/a": {"a-expert0": 1.0},
        "level0/shared": {"a-expert0": 0.5, "shared-expert0": 0.5},
        "task/a": {"a-expert0": 0.3, "shared-expert0": 0.7},
    }
    (one,) = drawn(Sharing({}, {}, ()), {}, ExpertUse(10, weights, {}), ())
    columns = {node.name: node.column for node in one.nodes}
    assert columns["level0:/a-expert0"] < columns["level0/a"] < columns["task:/a-expert0"] < columns["task/a"]
    assert ("level0/shared", "task:/shared-expert0") in [(edge.source, edge.target) for edge in one.edges]
    (one,) = drawn(Sharing({}, {}, ()), {}, None, ())
    assert [(node.kind, node.label) for node in one.nodes][:2] == [("input", ALL), ("expert", "network")]


def test_the_fields_of_a_member_are_shown_beside_one_without_choices():
    both = of_members([NO_SHARING, SHARING])
    both = replace(both, sees={"member 1": SHARING.fields, **both.sees})
    whole = {block.corner: block for block in matrices(both)}
    assert whole["member 2/layer0"].rows == matrices(SHARING)[0].rows
    assert whole["member 1"].rows == {field: [True] for field in SHARING.fields}


def test_many_inputs_are_grouped_by_their_readers():
    names = tuple(f"f{k}" for k in range(MOST + 10))
    sharing = Sharing({"layer0/e0": names[:30]}, SHARING.reads, names)
    schema = sample_schema()
    (one,) = drawn(sharing, schema=schema, evidence=())
    inputs = [node for node in one.nodes if node.kind == "input"]
    assert len(inputs) < 5
    assert any(node.label == "30 inputs" and "f0, f1" in node.notes[0] for node in inputs)
    assert sum(edge.target == "layer0/e0" for edge in one.edges) == 1
