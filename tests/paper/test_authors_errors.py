"""The defects of the authors' code, each with a test that would catch it here (AutoMTL, KDD 2024)."""

import numpy as np
import pandas as pd
import pytest
import torch

from automtl_core.choices import Architecture, OneOf
from automtl_core.data.part import Part
from automtl_core.dataset.dataset import Dataset, DatasetSettings, Label, Sparse
from automtl_core.modules.features import Features
from automtl_core.modules.relaxation import Gate
from automtl_core.prepare.prepare import prepare
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.training.batches import take
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.optimisers import weight_groups
from automtl_core.training.recipe import Recipe
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.by_logits import ByEntropy, EntropySettings
from automtl_testing.samples import plain_schema, sample_part, sample_problem

REGISTRY = load_registry()


@pytest.fixture
def space():
    """Return the paper's space, only smaller."""
    small = {"embedding_dim": 4, "experts": 3, "expert_width": 8, "tower_width": 8}
    preset = {key: value for key, value in REGISTRY.get(PRESETS, "paper")["space"].items() if key != "name"}
    sizes = DESANSettings.parse({**preset, **small, "ops": ["identity", "mlp-16"]}, "space")
    return DESAN(plain_schema(), sizes, REGISTRY.op)


class Rows(Dataset):
    """Two hundred users, each in one row."""

    version = 1
    fields = (Sparse("user"),)
    labels = (Label("click"),)

    def content(self):
        return "two hundred users"

    def rows(self, db):
        return pd.DataFrame({"user": [f"u{k}" for k in range(200)], "click": [k % 2 for k in range(200)]})


def test_gates_leave_warm_up_and_sample(space):
    problem = sample_problem(space)
    strategy = ByEntropy(EntropySettings(warmup_epochs=1, search_epochs=1), problem)
    drawn = {}

    class Watch(EventHandler):
        def step(self, event):
            gates = [q for q in strategy.supernet.questions.values() if isinstance(q, Gate)]
            drawn.setdefault(event.phase, []).extend(gate.bits().detach().mean().item() for gate in gates)
            return True

    strategy.search(Watch())
    assert set(drawn["warm-up"]) == {1.0}
    assert 0.3 < np.mean(drawn["search"]) < 0.7
    assert len(set(drawn["search"])) > 2


def test_the_split_follows_from_a_seed(tmp_path):
    def users(seed, folder):
        prepared = prepare(Rows(DatasetSettings(split_seed=seed)), "rows", None, tmp_path / folder)
        return prepared.vocabulary("user")

    assert users(0, "a") == users(0, "b")
    assert users(0, "a") != users(1, "c")


def test_a_gate_that_was_never_learned_stays_open(space):
    architecture = space.supernet().architecture()
    choices = space.choices()
    for label, decision in architecture.decisions.items():
        if not isinstance(choices[label], OneOf):
            assert decision == choices[label].options


def test_dropped_candidates_leave_the_optimiser_and_stop_moving(space):
    problem = sample_problem(space)
    strategy = ByEntropy(EntropySettings(warmup_epochs=0, search_epochs=2, fix_per_epoch=3), problem)
    before = {id(p): p for p in strategy.supernet.parameters()}
    seen = []

    class Watch(EventHandler):
        def epoch(self, report):
            alive = {id(p) for p in strategy.supernet.parameters()}
            dropped = [p for key, p in before.items() if key not in alive]
            seen.append((len(dropped), [p.detach().clone() for p in dropped], dropped))
            assert {id(p) for p in strategy.relaxed.optimiser.names} == alive
            assert {id(p) for p in strategy.relaxed.optimiser.states} <= alive
            return True

    strategy.search(Watch())
    (first, values, dropped), (last, _, _) = seen
    assert 0 < first < last
    assert all(torch.equal(value, p) for value, p in zip(values, dropped, strict=True))


def test_batch_normalisation_is_not_decayed_and_everything_else_is(space):
    supernet = space.supernet()
    recipe = Recipe(weight_decay=0.25, embedding_decay=0.5)
    tables, norms, rest = weight_groups(supernet, supernet.weights(), recipe)
    assert (tables.decay, norms.decay, rest.decay) == (0.5, 0.0, 0.25)
    assert list(tables.parameters) == ["network.inputs.embedding.table.weight"]
    assert len(norms.parameters) > 0
    norm_ids = {
        id(p)
        for m in supernet.modules()
        if isinstance(m, torch.nn.BatchNorm1d)
        for p in m.parameters(recurse=False)
    }
    assert {id(p) for p in norms.parameters.values()} == norm_ids
    together = [*tables.parameters, *norms.parameters, *rest.parameters]
    assert sorted(together) == sorted(supernet.weights())


def test_dense_values_reach_the_gating_networks_and_nothing_pads_them(space, monkeypatch):
    network = space.supernet().network
    for task in network.tasks:
        assert {row.in_features for row in task.gate.gating.values()} == {3 * 4 + 1}
    gate, seen = network.double().eval().tasks[0].gate, []
    weights = type(gate).weights
    monkeypatch.setattr(gate, "weights", lambda logits: seen.append(logits) or weights(gate, logits))
    for value in (0.0, 1.0):
        network(Features(torch.ones(1, 3).long(), torch.tensor([[value]], dtype=torch.double)))
    assert seen[0].shape == (1, len(gate.gating))
    assert not torch.equal(*seen)


def test_a_batch_is_one_gather_and_not_a_loop_over_rows(monkeypatch):
    """Counts the array accesses of a batch: they must not grow with its rows."""

    class Counting(np.ndarray):
        reads = 0

        def __getitem__(self, key):
            Counting.reads += 1
            return super().__getitem__(key)

    part = sample_part(plain_schema(), 1000, seed=0)
    counted = Part(*(array.view(Counting) for array in (part.ids, part.dense, part.labels)))
    take(counted, np.arange(10), CPU.device)
    few, Counting.reads = Counting.reads, 0
    take(counted, np.arange(1000), CPU.device)
    assert Counting.reads == few


def test_an_architecture_holds_names_and_survives_another_order_of_the_ops(space):
    architecture = space.supernet().architecture()
    settings = space.settings.model_copy(update={"ops": ("mlp-16", "zero", "identity")})
    other = DESAN(space.schema, settings, REGISTRY.op)
    read = Architecture.from_json(architecture.to_json())
    first, second = (s.network(read) for s in (space, other))
    assert [p.shape for p in first.parameters()] == [p.shape for p in second.parameters()]
    assert all(
        isinstance(decision, str) or all(isinstance(n, str) for n in decision)
        for decision in read.decisions.values()
    )
