"""Who reads what, as the names of choices tell."""

import numpy as np
import pytest
import torch

from automtl_core.choices import AnyOf, Architecture, OneOf, of_member
from automtl_core.dataset.encodings import plain
from automtl_core.errors import ArtifactError
from automtl_core.modules.sharing import Sharing, group_and_word
from automtl_core.registry.plugins import load_registry
from automtl_core.training.batches import take
from automtl_core.training.compute import CPU
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.samples import plain_schema, sample_part

FIELDS = ("user", "item", "tab", "age")
EXPERTS = ("expert0", "expert1")
CHOICES = {
    "task/buy/experts": AnyOf("task/buy/experts", EXPERTS),
    "task/click/experts": AnyOf("task/click/experts", EXPERTS),
    "layers": AnyOf("layers", ("layer1",)),
    **{f"layer1/{e}/experts": AnyOf(f"layer1/{e}/experts", EXPERTS) for e in EXPERTS},
    **{f"layer1/{e}/block": OneOf(f"layer1/{e}/block", ("wide", "narrow")) for e in EXPERTS},
    **{f"layer0/{e}/single": AnyOf(f"layer0/{e}/single", FIELDS[:3]) for e in EXPERTS},
    **{f"layer0/{e}/pairs": AnyOf(f"layer0/{e}/pairs", FIELDS[:3]) for e in EXPERTS},
}
ASKED = {
    "task/buy/experts": ("expert1",),
    "task/click/experts": (),
    "layers": ("layer1",),
    "layer1/expert1/experts": ("expert0", "expert1"),
    "layer1/expert1/block": "wide",
    "layer0/expert0/single": ("item",),
    "layer0/expert0/pairs": ("user", "item"),
    "layer0/expert1/single": (),
    "layer0/expert1/pairs": (),
}
FOUND = Sharing.of(ASKED, CHOICES, FIELDS)


def test_parts_read_the_next_group_and_see_fields_in_their_order():
    assert FOUND.reads == {
        "task/buy": ("layer1/expert1",),
        "task/click": (),
        "layer1/expert1": ("layer0/expert0", "layer0/expert1"),
    }
    assert FOUND.sees == {"layer0/expert0": ("user", "item"), "layer0/expert1": ()}
    assert (FOUND.fields, FOUND.closed()) == (("user", "item", "tab"), ("tab",))


def test_what_is_asked_of_all_is_of_the_network_and_names_may_be_of_no_part():
    one = Sharing.of({"fields": ("item",)}, {"fields": AnyOf("fields", FIELDS)}, FIELDS)
    assert one.sees == {"network": ("item",)}
    found = Sharing.of({"a/x/use": ("b",)}, {"a/x/use": AnyOf("a/x/use", ("b", "c"))}, FIELDS)
    assert found.reads == {"a/x": ("b",)}
    of_all = {name: AnyOf(name, FIELDS) for name in ("single", "numbers")}
    asked = {**ASKED, "single": ("tab",), "numbers": ("age",)}
    found = Sharing.of(asked, {**CHOICES, **of_all}, FIELDS)
    assert found.sees == {**FOUND.sees, "network": ("tab", "age")}
    assert found.reads == FOUND.reads
    assert found.closed() == (), "what the network sees itself all parts see"


@pytest.fixture
def space():
    sizes = DESANSettings(
        embedding_dim=2, experts=2, layers=2, blocks=1, expert_width=4, numbers="all", ops=("identity",)
    )
    return DESAN(plain_schema(), sizes, load_registry().op)


def everything(space, **of_words):
    """Return decisions with all options, or those that are given for choices whose names end with a word."""
    decisions = {n: c.options if isinstance(c, AnyOf) else c.options[0] for n, c in space.choices().items()}
    return {name: of_words.get(name.rpartition("/")[2], options) for name, options in decisions.items()}


def test_a_space_tells_what_leads_to_a_task_alone(space):
    decisions = everything(space)
    whole = space.sharing(Architecture(decisions))
    assert whole.closed() == ()
    tasks = [f"task/{task.name}" for task in space.schema.tasks]
    readers = tuple(f"layer1/{e}" for e in EXPERTS)
    below = ("layer0/expert0", "layer0/expert1")
    assert whole.reads == dict.fromkeys(tasks, readers) | dict.fromkeys(readers, below)
    closed = {f"layer1/{e}/experts": ("expert0",) for e in EXPERTS} | {"layer0/expert0/single": ("item",)}
    closed["layer0/expert0/interaction"] = ()
    found = space.sharing(Architecture(decisions | closed))
    assert found.sees == {"layer0/expert0": ("item",)}, "layer0/expert1 sees all and leads to no task"
    assert set(found.closed()) == {"user", "tab"}
    with pytest.raises(ArtifactError, match="does not fit"):
        space.sharing(Architecture({}))


@pytest.mark.parametrize(
    ("gating", "click", "gates"),
    [
        ("open", EXPERTS, ["task/click"]),
        ("open", ("expert0",), []),
        ("open", (), []),
        ("all", ("expert0",), ["task/click", "task/like"]),
    ],
)
def test_a_network_reads_all_fields_by_its_gates(gating, click, gates):
    """Predictions follow a field that no expert reads if, and only if, a gate has weights."""
    sizes = DESANSettings(experts=2, layers=1, blocks=1, expert_width=4, gating=gating, ops=("mlp-4",))
    space = DESAN(plain_schema(), sizes, load_registry().op)
    decisions = everything(space, single=("item",), interaction=())
    architecture = Architecture({**decisions, "task/like/experts": ("expert0",), "task/click/experts": click})
    found = space.sharing(architecture)
    assert list(found.gates) == gates
    assert "user" in found.closed()
    assert ("user" in found.unread()) == (not gates)
    torch.manual_seed(0)
    network = space.network(architecture).eval()
    features = take(sample_part(space.schema, 64, seed=0), np.arange(64), CPU.device).features
    other = features.ids.clone()
    other[:, [field.name for field in space.schema.sparse].index("user")] = 0
    changed = (network(features) != network(features._replace(ids=other))).any(0)
    names = [f"task/{task.name}" for task in space.schema.tasks]
    assert [name for name, differs in zip(names, changed.tolist(), strict=True) if differs] == gates


def test_parts_of_members_read_their_own_and_a_member_without_choices_reads_all_fields():
    searched, members = ("member 1", "member 3"), [f"member {k}" for k in (1, 2, 3)]
    asked, choices = ({f"{m}/{n}": v for m in searched for n, v in of.items()} for of in (ASKED, CHOICES))
    whole = Sharing.of(asked, choices, FIELDS, {"by user": ("user",)}, members=members)
    for member in searched:
        assert of_member(member, whole.sees) == FOUND.sees
        named = {part: tuple(f"{member}/{other}" for other in read) for part, read in FOUND.reads.items()}
        assert of_member(member, whole.reads) == named
    assert whole.sees["member 2"] == whole.fields == FOUND.fields
    assert [part.partition("/")[0] for part in whole.sees] == sorted([*searched, *searched, "member 2"])
    assert (whole.closed(), FOUND.closed()) == ((), ("tab",)), "trees read it"
    assert Sharing.of({}, {}, FIELDS, members=members) == Sharing({}, {}, ())


def test_a_space_tells_of_aggregates(space):
    encodings = plain().with_answers(aggregates=(("user", "tab"),))
    space = DESAN(space.schema.encoded(encodings), space.settings, space.op)
    decisions = everything(space, single=("item",), interaction=())
    found = space.sharing(Architecture(decisions))
    assert found.fields == ("user", "item", "tab", "by user*tab")
    assert found.sees == dict.fromkeys(["layer0/expert1", "layer0/expert0"], ("item", "by user*tab"))
    assert found.closed() == (), "user and tab are seen in their aggregate"
    none = Architecture(everything(space, single=("item",), interaction=(), aggregates=()))
    assert space.sharing(none).closed() == ("user", "tab", "by user*tab")


@pytest.mark.parametrize("group", ["task", "member 2/task", "layer0", "member 2/layer1"])
def test_a_name_has_a_group_and_names_of_tasks_may_hold_slashes(group):
    word = "a/b" if group.endswith("task") else "expert1"
    assert group_and_word(f"{group}/{word}") == (group, word)
    assert group_and_word("network") == ("", "network")


def test_a_field_has_no_interaction_with_itself():
    sizes = DESANSettings(experts=1, layers=1, numbers="all", ops=("mlp-4",))
    space = DESAN(plain_schema(), sizes, load_registry().op)
    none, alone, both = (
        Architecture(everything(space, single=("item",), interaction=fields))
        for fields in ((), ("user",), ("user", "tab"))
    )
    assert space.canonical(alone) == space.canonical(none)
    assert space.sharing(alone).sees["layer0/expert0"] == ("item",)
    assert space.canonical(both) == both
    assert set(space.sharing(both).sees["layer0/expert0"]) == {"user", "item", "tab"}
