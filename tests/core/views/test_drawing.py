"""The graph of an architecture: as many parts and edges as decisions say, pruned ones as pruned."""

from automtl_core.modules.sharing import Sharing
from automtl_core.run_dir.facts import Behaviour, Search
from automtl_core.search.evidence import EVERYWHERE, Evidence
from automtl_core.training.expert_use import ExpertUse
from automtl_core.views.drawing import ALL, MOST, networks
from automtl_testing.samples import sample_schema
from tests.shared.records import record

SCHEMA = sample_schema()
FIELDS = tuple(SCHEMA.fields())
TASKS = [task.name for task in SCHEMA.tasks]
DECISIONS = {
    **{f"task/{task}/experts": ("e0",) for task in TASKS},
    "layer0/e0/single": FIELDS[:2],
    "layer0/e0/block0": "mlp-8",
    "layer0/e1/single": (),
    "layer0/e1/block0": "mlp-8",
}
SHARING = Sharing({"layer0/e0": FIELDS[:2]}, {f"task/{task}": ("layer0/e0",) for task in TASKS}, FIELDS)
EVIDENCE = (
    Evidence(f"task/{TASKS[0]}/experts", "e1", "closed", "no significant effect", None, 0.001, 0.001),
    Evidence("layer0/e0/single", FIELDS[0], "kept", "required", None, 0.01, 0.001, p=1e-4),
    Evidence(EVERYWHERE, FIELDS[2], "closed", "no significant effect", None, -0.001, 0.001),
)


def drawn(sharing=SHARING, decisions=DECISIONS, use=None, evidence=EVIDENCE, schema=SCHEMA):
    facts = Search(evidence), Behaviour(use, {})
    return list(networks(record(*facts, decisions=decisions, sharing=sharing, schema=schema)))


def test_parts_and_edges_of_a_searched_network():
    (one,) = drawn()
    kinds = {
        kind: [n.label for n in one.nodes if n.kind == kind and not n.pruned]
        for kind in ("input", "expert", "task")
    }
    assert kinds == {"input": list(FIELDS[:2]), "expert": ["layer0/e0"], "task": TASKS}
    read = [(edge.source, edge.target) for edge in one.edges if not edge.pruned]
    assert read == [*((f, "layer0/e0") for f in FIELDS[:2]), *(("layer0/e0", f"task/{t}") for t in TASKS)]


def test_pruned_inputs_experts_and_edges_are_marked_and_evidence_is_there():
    (one,) = drawn()
    nodes = {node.name: node for node in one.nodes}
    assert {name for name, node in nodes.items() if node.pruned} == {*FIELDS[2:], "layer0/e1"}
    assert [(edge.source, edge.target) for edge in one.edges if edge.pruned] == [
        ("layer0/e1", f"task/{TASKS[0]}")
    ]
    kept = next(edge for edge in one.edges if edge.source == FIELDS[0])
    assert kept.notes == (
        f"{FIELDS[0]} kept: required, effect on held-out loss +0.0100 [+0.0080, +0.0120], p 0.0001",
    )
    assert nodes[FIELDS[2]].notes
    assert nodes["layer0/e0"].notes == ("block0: mlp-8",)


def test_weights_of_gates_are_those_of_edges():
    use = ExpertUse(10, {f"task/{task}": {"e0": 0.25} for task in TASKS}, {})
    (one,) = drawn(use=use)
    assert {edge.weight for edge in one.edges if edge.target.startswith("task/") and not edge.pruned} == {
        0.25
    }


def test_hand_designed_networks_are_drawn_from_their_gates():
    gates = {f"task/{task}": {"expert0": 0.4, "expert1": 0.6} for task in TASKS}
    (one,) = drawn(Sharing({}, {}, ()), {}, ExpertUse(10, gates, {}), ())
    columns = [[node.label for node in one.nodes if node.column == k] for k in range(3)]
    assert columns == [[ALL], ["expert0", "expert1"], TASKS]
    assert len(one.edges) == 2 + 2 * len(TASKS)


def test_levels_of_gates_are_columns():
    weights = {
        "level0/a": {"a-expert0": 1.0},
        "level0/shared": {"a-expert0": 0.5, "shared-expert0": 0.5},
        "task/a": {"a-expert0": 0.3, "shared-expert0": 0.7},
    }
    (one,) = drawn(Sharing({}, {}, ()), {}, ExpertUse(10, weights, {}), ())
    columns = {node.name: node.column for node in one.nodes}
    assert columns["level0:a-expert0"] < columns["level0/a"] < columns["task:a-expert0"] < columns["task/a"]
    assert ("level0/shared", "task:shared-expert0") in [(edge.source, edge.target) for edge in one.edges]


def test_a_network_without_gates_is_one_box():
    (one,) = drawn(Sharing({}, {}, ()), {}, None, ())
    assert [node.kind for node in one.nodes][:2] == ["input", "expert"]


def test_members_of_an_ensemble_have_drawings_of_their_own():
    decisions = {f"member {k}/{name}": decision for k in (1, 2) for name, decision in DECISIONS.items()}
    both = Sharing.together({"member 1": SHARING, "member 2": SHARING})
    first, second = drawn(both, decisions)
    assert first.title.startswith("member 1: ")
    assert [node.label for node in first.nodes] == [node.label for node in second.nodes]


def test_many_inputs_are_grouped_by_their_readers():
    names = tuple(f"f{k}" for k in range(MOST + 10))
    sharing = Sharing({"layer0/e0": names[:30]}, SHARING.reads, names)
    schema = sample_schema()
    (one,) = drawn(sharing, schema=schema, evidence=())
    inputs = [node for node in one.nodes if node.kind == "input"]
    assert len(inputs) < 5
    assert any(node.label == "30 inputs" and "f0, f1" in node.notes[0] for node in inputs)
    assert sum(edge.target == "layer0/e0" for edge in one.edges) == 1
