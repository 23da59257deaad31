"""A search starts with decisions and weights of another one, where names fit."""

from dataclasses import replace

import numpy as np
import torch

from automtl_core.choices import AnyOf, Architecture, OneOf
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.modules.relaxation import Softmax
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.search.relaxed_search import RelaxedSearch
from automtl_core.search.warm_start import WarmStart
from automtl_testing.samples import sample_problem, sample_schema

OLD = {
    "gate": AnyOf("gate", ("user", "item", "tab")),
    "op": OneOf("op", ("mlp-8", "identity")),
    "gone": OneOf("gone", ("a", "b")),
}
FOUND = Architecture({"gate": ("item",), "op": "mlp-8", "gone": "a"})


def start(architecture=FOUND, choices=OLD, network=None, schema=None, known=None):
    return WarmStart(architecture, choices, network or torch.nn.Linear(2, 2), schema, known or {})


def test_decisions_hold_where_names_fit_and_new_options_are_as_otherwise():
    now = {
        "gate": AnyOf("gate", ("item", "tab", "price", "shop")),
        "op": OneOf("op", ("mlp-8", "mlp-16")),
        "new": OneOf("new", ("x", "y")),
    }
    otherwise = Architecture({"gate": ("tab", "price"), "op": "mlp-16", "new": "y"})
    begun = start().decisions(now, otherwise).decisions
    assert begun == {"gate": ("item", "price"), "op": "mlp-8", "new": "y"}
    other = {"gate": AnyOf("gate", ("item",)), "op": OneOf("op", ("mlp-16", "mlp-32")), "new": now["new"]}
    assert start().decisions(other, otherwise).decisions["op"] == "mlp-16"


def schema(users, fields=("user", "item")):
    sizes = {"user": users, "item": 5, "shop": 4}
    return Schema(
        tuple(SparseField(f, sizes[f]) for f in fields), (DenseField("x"),), (Task("click"), Task("buy"))
    )


def mmoe(of):
    cls = load_registry().get(SPACES, "mmoe")
    return cls(of, cls.settings_class(embedding_dim=2), load_registry().op).network(Architecture({}))


def test_rows_of_embeddings_follow_their_values_and_other_weights_their_names():
    old, new = schema(4), schema(6)
    source, target = mmoe(old), mmoe(new)
    before = target.inputs.embedding.table.weight.detach().clone()
    known = {"user": (np.array([0, 1, 3]), np.array([0, 5, 2])), "item": (np.arange(5), np.arange(5))}
    assert start(network=source, schema=old, known=known).give(target, new) > 1
    there, here = (net.inputs.embedding.table.weight for net in (source, target))
    assert torch.equal(here[[0, 5, 2]], there[[0, 1, 3]])
    assert torch.equal(here[6:], there[4:])
    assert torch.equal(here[[1, 3, 4]], before[[1, 3, 4]])
    assert torch.equal(target.towers.tops[0][0].weight, source.towers.tops[0][0].weight)


def test_tables_of_as_many_rows_are_no_tables_of_the_same_values():
    old, new = schema(4), schema(4)
    source, target = mmoe(old), mmoe(new)
    swapped = {"user": (np.array([1, 2]), np.array([2, 1]))}
    before = target.inputs.embedding.table.weight.detach().clone()
    start(network=source, schema=old, known=swapped).give(target, new)
    there, here = (net.inputs.embedding.table.weight for net in (source, target))
    assert torch.equal(here[[2, 1]], there[[1, 2]])
    assert torch.equal(here[4:], before[4:])


def test_a_supernet_begins_with_the_weights():
    cls = load_registry().get(SPACES, "desan")
    space = cls(
        sample_schema(), cls.settings_class(embedding_dim=4, ops=("identity", "mlp-4")), load_registry().op
    )
    problem = sample_problem(space)
    point = next(iter(space.landmarks().values()))
    network = space.network(point)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(0.25)
    ids = {f.name: (np.arange(f.size), np.arange(f.size)) for f in space.schema.sparse}
    begun = WarmStart(point, space.choices(), network, space.schema, ids)
    supernet = RelaxedSearch(replace(problem, warm_start=begun), Softmax()).supernet.network
    assert (supernet.inputs.embedding.table.weight == 0.25).all()
    assert (supernet.tasks[0].tower[-1].weight == 0.25).all()
    untouched = RelaxedSearch(problem, Softmax()).supernet.network.inputs.embedding.table.weight
    assert not (untouched == 0.25).any()
