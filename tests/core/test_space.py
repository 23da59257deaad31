"""Choices, ops, and a space that asks two questions or has two named outputs: supernet, network, export."""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from torch import nn
from two_towers import TwoTowers, TwoTowerSpace

import automtl
from automtl_core.choices import AnyOf, Architecture, OneOf, Origin, draw, of_member
from automtl_core.errors import ArtifactError, PluginError
from automtl_core.modules.features import Features
from automtl_core.ops import ZeroFilled, narrowed, share_alike, standalone
from automtl_core.registry.plugins import load_registry
from automtl_core.settings.settings import Settings
from automtl_core.space import SearchSpace
from automtl_export.encoder import exported
from automtl_testing import check_space, plain_schema

OPS = {
    "plain": lambda i, o, d: nn.Linear(i, o),
    "wide": lambda i, o, d: nn.Sequential(nn.Linear(i, 9), nn.Linear(9, o)),
}


class Net(nn.Module):
    def __init__(self, gate, op, shared):
        super().__init__()
        self.gate, self.op, self.shared = gate, op, shared

    def forward(self, features):
        x = features.ids.to(self.shared.weight.dtype)[:, list(self.gate.kept)]
        return self.shared(self.op(self.gate(x, dim=1)))


class Toy(SearchSpace):
    """One gate over the fields, one op on those that are left."""

    repeat = False

    def build(self, choose):
        fields = [field.name for field in self.schema.sparse]
        gate = choose.any_of("fields", fields)
        if self.repeat:
            choose.any_of("fields", fields)
        candidates = {name: (lambda name=name: self.op(name)(3, 4, 0.0)) for name in ("plain", "wide")}
        op = choose.one_of("op", candidates, (gate.kept, 3))
        return Net(gate, op, nn.Linear(4, 2))


@pytest.fixture
def toy():
    return Toy(plain_schema(0), Settings(), OPS.__getitem__)


IDS, DENSE = torch.tensor([[1, 2, 3], [4, 5, 1]]), torch.zeros(2, 0)


def test_choices_cost_no_weights(toy):
    assert [(label, c.options) for label, c in toy.choices().items()] == [
        ("fields", ("user", "item", "tab")),
        ("op", ("plain", "wide")),
    ]


@pytest.mark.parametrize("takes", [False, True])
def test_a_missing_number_is_0_to_those_who_do_not_know_of_encodings(toy, monkeypatch, takes):
    class Numbers(nn.Module):
        def forward(self, features):
            return features.dense

    monkeypatch.setattr(Toy, "takes_encodings", takes)
    monkeypatch.setattr(Toy, "build", lambda self, choose: Numbers())
    dense = torch.tensor([[1.0, torch.nan], [torch.nan, -2.0]])
    expected = dense if takes else torch.tensor([[1.0, 0.0], [0.0, -2.0]])
    supernet = toy.supernet()
    for network in (supernet, toy.network(supernet.architecture(), inherit=supernet)):
        torch.testing.assert_close(network(Features(IDS, dense)), expected, equal_nan=True)
    assert dense.isnan().sum() == 2, "the batch itself stays as it is"


def test_an_op_without_narrow_is_given_zeros(toy):
    supernet = toy.supernet().double()
    supernet.fix("fields", ("user", "tab"))
    supernet.fix("op", "wide")
    network = toy.network(supernet.architecture(), inherit=supernet)
    assert isinstance(network.op, ZeroFilled)
    assert torch.equal(network(Features(IDS, DENSE)), supernet(Features(IDS, DENSE)))


def test_a_network_shares_no_storage_with_a_supernet_whose_favourites_it_takes(toy):
    supernet = toy.supernet()
    network = toy.network(supernet.architecture(), inherit=supernet)
    shared = {p.data_ptr() for p in supernet.parameters()} & {p.data_ptr() for p in network.parameters()}
    assert not shared
    supernet = toy.supernet()
    supernet.questions["op"].logits.data = torch.tensor([0.0, 1.0])
    network = toy.network(supernet.architecture(), inherit=supernet)
    assert torch.equal(network.op[0].weight, supernet.questions["op"].candidates["wide"][0].weight)


def test_fixing_drops_candidates_and_logits(toy):
    supernet = toy.supernet()
    assert set(supernet.logits()) == {"fields", "op"}
    supernet.fix("op", "plain")
    assert set(supernet.logits()) == {"fields"}
    assert not any("wide" in name for name in supernet.weights())


@pytest.mark.parametrize(
    ("label", "decision"), [("op", "narrow"), ("fields", ("x",)), ("none", "plain"), ("op", ())]
)
def test_fixing_what_is_not_offered_is_refused(toy, label, decision):
    with pytest.raises(ArtifactError):
        toy.supernet().fix(label, decision)


def test_a_label_asked_twice_is_the_plugins_fault(toy):
    toy.repeat = True
    with pytest.raises(PluginError, match="two choices have the name 'fields'"):
        toy.supernet()


def test_an_architecture_of_another_space_is_refused(toy):
    with pytest.raises(ArtifactError, match="fields: no decision"):
        toy.network(Architecture({"op": "plain"}))


@pytest.mark.parametrize(
    ("part", "name"), [("shared", "shared.weight"), ("more", "more.weight")], ids=["shape", "name"]
)
def test_a_space_whose_other_parts_differ_cannot_inherit(toy, part, name):
    class Shifty(Toy):
        def build(self, choose):
            net = super().build(choose)
            if not hasattr(choose, "questions"):
                setattr(net, part, nn.Linear(4, 3))
            return net

    space = Shifty(toy.schema, toy.settings, toy.op)
    supernet = space.supernet()
    with pytest.raises(PluginError, match=f"'{name}' with another name or shape"):
        space.network(supernet.architecture(), inherit=supernet)


CHOICES = {"op": OneOf("op", ("identity", "mlp-16")), "fields": AnyOf("fields", ("user", "item", "tab"))}
GOOD = {"op": "mlp-16", "fields": ("user", "tab")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"op": "mlp-61"}, "op: expected one of identity, mlp-16, found 'mlp-61' (did you mean 'mlp-16'?)"),
        ({"op": ("mlp-16",)}, "op: expected one of identity, mlp-16, found ('mlp-16',)"),
        ({"fields": "user"}, "fields: expected a list of options, found 'user'"),
        ({"fields": ("usr",)}, "fields: 'usr' is not an option (did you mean 'user'?)"),
        ({"fields": ("tab", "user")}, "fields: options must be distinct and in the order of the choice"),
        ({"fields": ("user", "user")}, "fields: options must be distinct"),
        ({"field": ()}, "field: no such choice (did you mean 'fields'?)"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ArtifactError) as error:
        Architecture(GOOD | change).check(CHOICES)
    assert message in str(error.value)


def test_all_faults_come_at_once():
    with pytest.raises(ArtifactError) as error:
        Architecture({"op": "x", "more": "y"}).check(CHOICES)
    lines = str(error.value).splitlines()
    assert lines[1:] == [
        "fields: no decision",
        "op: expected one of identity, mlp-16, found 'x'",
        "more: no such choice",
    ]


def test_every_architecture_is_drawn_as_often_as_any_other():
    random = np.random.default_rng(0)
    drawn = Counter(tuple(draw(CHOICES, random).decisions.items()) for _ in range(4000))
    assert len(drawn) == 2 * 2**3
    # 250 each on average; the standard deviation of a count is 15.3
    assert all(abs(count - 250) < 4 * 15.3 for count in drawn.values())


def test_json_round_trip_keeps_the_origin():
    origin = Origin("desan", {"layers": 2}, {"sparse": []}, {"desan": "0.1.0"})
    read = Architecture.from_json(Architecture(GOOD, origin).to_json())
    assert read == Architecture(GOOD)
    assert read.origin == origin
    assert json.loads(read.to_json())["decisions"] == {"op": "mlp-16", "fields": ["user", "tab"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 2, "origin": null, "decisions": {}}',
        '{"format": 1, "origin": null, "decisions": [1]}',
        '{"format": 1, "origin": {"x": 1}, "decisions": {}}',
        '{"format": 1, "origin": null, "decisions": {"a": 5}}',
        "[" * 100_000,
    ],
    ids=["empty", "list", "no keys", "format", "list of decisions", "origin", "number", "deep"],
)
def test_damaged_files_are_refused(text):
    with pytest.raises(ArtifactError):
        Architecture.from_json(text)


def test_an_ensemble_has_the_decisions_of_all_its_members():
    other = Architecture({"op": "identity", "fields": ()})
    ensemble = Architecture.ensemble([Architecture(GOOD), Architecture({}), other])
    assert list(ensemble.decisions) == ["member 1/op", "member 1/fields", "member 3/op", "member 3/fields"]
    assert [of_member(f"member {k}", ensemble.decisions) for k in (1, 2, 3)] == [GOOD, {}, other.decisions]
    with pytest.raises(ArtifactError, match="member 1/op: no such choice"):
        Architecture({**GOOD, "member 1/op": "mlp-16"}).check(CHOICES)


class Narrow(nn.Linear):
    def narrow(self, columns):
        return nn.Linear(len(columns), self.out_features)


class Shared(nn.Linear):
    @classmethod
    def share(cls, ops):
        """Share nothing."""

    def alone(self):
        return nn.Linear(self.in_features, self.out_features)


def test_an_op_is_narrowed_by_its_own_way_or_filled_with_zeros_unless_it_reads_all():
    op = Narrow(3, 2)
    assert narrowed(op, [0, 1, 2], 3) is op
    assert narrowed(op, range(3), 3) is op
    assert narrowed(Narrow(3, 2), [1], 3).in_features == 1
    plain = nn.Linear(3, 2)
    filled = narrowed(plain, [2, 0], 3)
    assert isinstance(filled, ZeroFilled)
    assert torch.equal(filled(torch.tensor([[5.0, 7.0]])), plain(torch.tensor([[7.0, 0.0, 5.0]])))


def test_an_op_that_shares_weights_is_taken_out():
    plain = nn.Linear(3, 2)
    assert standalone(plain) is plain
    assert type(standalone(Shared(3, 2))) is nn.Linear


def test_ops_of_one_class_share_where_they_can(monkeypatch):
    shared = []
    monkeypatch.setattr(Shared, "share", classmethod(lambda cls, ops: shared.append((cls, ops))))
    other = type("Other", (Shared,), {})
    ops = [Shared(3, 2), nn.Linear(3, 2), other(3, 2), Shared(3, 4), nn.Linear(3, 2), other(3, 5)]
    share_alike(ops)
    assert [cls for cls, _ in shared] == [Shared, other]
    assert all(a is b for a, b in zip(shared[0][1], [ops[0], ops[3]], strict=True))
    assert all(a is b for a, b in zip(shared[1][1], [ops[2], ops[5]], strict=True))
    shared.clear()
    share_alike(ops[:3])  # one of each class
    assert not shared


SOURCE = """
from automtl_core.plugin import hookimpl

@hookimpl
def automtl_register_search_spaces():
    return {"two-towers": "two_towers:TwoTowerSpace"}
"""
SMALL = ["--set", "dataset.rows=1000", "--set", "training.epochs=2", "--set", "training.min_positives=1"]


def space():
    schema = plain_schema(dense=2)
    settings = TwoTowerSpace.settings_class(user_fields=(schema.sparse[0].name,))
    return TwoTowerSpace(schema, settings, load_registry().op)


def test_it_keeps_its_contract():
    check_space(space())


@pytest.mark.parametrize(
    ("outputs", "fault"),
    [
        (lambda self, f: [1], "outputs returns list, expected a mapping"),
        (lambda self, f: {"user v": f.dense}, "has the name 'user v'"),
        (lambda self, f: {"user": 1}, "the output 'user' is int for 16 rows"),
        (lambda self, f: {"user": f.dense.T}, r"is \[2, 16\] for 16 rows, expected a tensor \[16, ...\]"),
        (lambda self, f: {"user": f.dense + float("nan")}, "must be finite where numbers are missing"),
    ],
)
def test_outputs_that_break_the_contract_are_named(outputs, fault, monkeypatch):
    monkeypatch.setattr(TwoTowers, "outputs", outputs)
    monkeypatch.setattr(TwoTowers, "forward", lambda self, f: f.ids[:, :1] * self.scale)
    with pytest.raises(AssertionError, match=fault):
        check_space(space())


@pytest.mark.needs_extra("onnx")
def test_vectors_of_users_and_items_are_exported(install, request, tmp_path, monkeypatch):
    command = request.getfixturevalue("automtl")  # the name of the Python interface, too
    install(SOURCE, "two-towers")
    assert command("train", "--model", "two-towers", *SMALL, "--name", "towers").code == 0
    assert command("data", "export", "synthetic", *SMALL[:2], "--out", "new.csv").code == 0
    rows = pd.read_csv("new.csv", dtype=str).head(40)
    run = automtl.load("runs/towers")
    vectors = run.outputs(rows)
    assert {name: vector.shape for name, vector in vectors.items()} == {"user": (40, 16), "item": (40, 16)}
    code, _, err = command("export", "runs/towers", "--out", "served")
    assert code == 0, err
    assert "`outputs/user/`" in Path("served/README.md").read_text()
    encoded = exported(Path("served/encode.py").absolute(), Path("served/encoder").absolute())(
        rows.to_dict("list")
    )
    for name, own in vectors.items():
        session = onnxruntime.InferenceSession(f"served/outputs/{name}/model.onnx")
        read = {one.name for one in session.get_inputs()}
        (vector,) = session.run(None, {key: value for key, value in encoded.items() if key in read})
        assert np.allclose(vector, own, atol=1e-5)
    sys.modules.pop("encode", None)
    outputs = TwoTowers.outputs
    monkeypatch.setattr(
        TwoTowers, "outputs", lambda self, features: {"../x": outputs(self, features)["user"]}
    )
    monkeypatch.setattr(TwoTowers, "forward", lambda self, features: features.ids[:, :1] * self.scale)
    code, _, err = command("export", "runs/towers", "--out", "elsewhere")
    assert (code, "an output has the name '../x'" in err) == (69, True)
    assert not Path("elsewhere").exists()
