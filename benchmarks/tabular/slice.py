"""A slice of DESAN: so few choices that every architecture can be trained, of each kind that there is.

One layer of two experts of one block, two tasks that conflict. Open are

- the op of expert0
- which experts each task reads
- whether expert0 sees `item_id`, which both tasks need, and another field (`avoid_left` of pairs, which acts
  on skip together with `avoid_right`, and `genre` of factors)
- whether expert0 sees `noise_large`, which acts on nothing

None of these fields is seen by expert1, so that who reads expert0 matters, and each question has an answer
that counts. Everything else is as in hand-designed models: other fields are seen by both but those of noise,
and none enters the factorisation machine.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from automtl_core.choices import AnyOf, Architecture, Choice, Decision, OneOf
from automtl_core.data.part import Part
from automtl_core.data.store import PARTS
from automtl_core.dataset.schema import Schema
from automtl_core.modules.cost import Cost
from automtl_core.modules.relaxation import Gate
from automtl_core.modules.supernet import FixedGate, Fixing
from automtl_core.ops import Candidates, OpFactory
from automtl_core.prepare.prepare import prepare
from automtl_core.registry.plugins import load_registry
from automtl_core.search.trial import Problem
from automtl_core.space import Chooser, SearchSpace
from automtl_core.training.learner import TrainingData
from automtl_core.training.recipe import Recipe
from automtl_desan.space import DESAN, DESANSettings
from planted.dataset import Planted, PlantedSettings

PROBLEMS: Mapping[str, int] = {"pairs": 100_000, "factors": 120_000}
"""Kinds of the dataset `planted`, with their rows."""
NAME = "synthetic"
DATASET: Mapping[str, Any] = {
    "tasks": ("click", "skip"),  # one of each group, which conflict
    "validation_fraction": 0.25,
    "test_fraction": 0.35,
}
SPACE = DESANSettings(
    embedding_dim=8,
    embedding_std=0.3,
    layers=1,
    experts=2,
    blocks=1,
    expert_width=32,
    tower_width=16,
    dropout=0.0,
    members=1,
    gating="open",
    numbers="all",
    ops=("identity", "mlp-linear-16+factorised-8", "mlp-linear-32"),
    nested=True,
)
RECIPE = Recipe(
    batch_size=2048,
    epochs=28,
    patience=8,
    learning_rate=2e-2,
    weight_decay=1e-5,
    embedding_decay=1e-3,
    average_weights=True,
    min_positives=100,
)
"""All settings are said, so that the table stays what it is when defaults change. Steps are few, so that a
training takes seconds: embeddings begin larger than usual and steps are longer. Products of ids are learned
after a plateau: patience is long, else it is luck whether a training gets over it."""

OPS: Mapping[str, Sequence[str]] = {
    "layer0/expert0/block0": SPACE.ops[:2],
    "layer0/expert1/block0": SPACE.ops[2:],
}
ASKED = "layer0/expert0/single"
"""Gate over fields that is open in part."""
FIELDS = ("item_id", "avoid_left", "genre", "noise_large")
"""Options in question, where a problem has them. No other gate opens them."""
NOISE = ("noise_small", "dense_noise")
CLOSED = "interaction"
"""Last word of the gates that are closed."""


class Slice(SearchSpace[DESANSettings]):
    """DESAN, of which only some questions are asked."""

    def __init__(self, schema: Schema, settings: DESANSettings, op: Callable[[str], OpFactory]) -> None:
        super().__init__(schema, settings, op)
        self._costs: dict[str, Cost] = {}  # searches ask for the same few again and again

    def build(self, choose: Chooser) -> nn.Module:
        """Build DESAN, answering most of its questions."""
        return self._whole().build(Some(choose))

    def asked(self, architecture: Architecture) -> dict[str, Decision]:
        """Return the decisions that a network depends on: not those of an expert that no task reads."""
        gates = {name: d for name, d in architecture.decisions.items() if name.startswith("task/")}
        read = {expert for experts in gates.values() for expert in experts}
        below = {
            n: d for n, d in architecture.decisions.items() if n not in gates and n.split("/")[1] in read
        }
        return {**gates, **below}

    def cost(self, architecture: Architecture) -> Cost:
        """Return what the derived network costs."""
        name = key(self.asked(architecture))
        if name not in self._costs:
            self._costs[name] = super().cost(architecture)
        return self._costs[name]

    def _whole(self) -> DESAN:
        return DESAN(self.schema, self.settings, self._op)


class Some:
    """Chooser that passes on some questions, and answers the others."""

    def __init__(self, choose: Chooser) -> None:
        self.choose = choose

    def one_of(
        self,
        name: str,
        candidates: Candidates,
        inputs: tuple[Sequence[int], int] | None = None,
        shared: bool = False,
    ) -> nn.Module:
        """Pass on, with fewer candidates."""
        return self.choose.one_of(name, {op: candidates[op] for op in OPS[name]}, inputs, shared)

    def any_of(self, name: str, options: Sequence[str]) -> "Gate | FixedGate | PartGate":
        """Pass on the question of experts, and that of some fields."""
        if name.endswith("/experts"):
            return self.choose.any_of(name, options)
        opened = [] if name.endswith(CLOSED) else [o for o in options if o not in (*FIELDS, *NOISE)]
        asked = [o for o in FIELDS if o in options] if name == ASKED else []
        gate = self.choose.any_of(name, asked) if asked else None
        if isinstance(self.choose, Fixing):
            opened += [asked[k] for k in gate.kept] if gate else []
            return FixedGate(AnyOf(name, tuple(options)), [o for o in options if o in opened])
        return PartGate(options, opened, asked, gate)


class PartGate(nn.Module):
    """Gate of a supernet, of which only some options are in question.

    What is closed is there, so that networks can be derived.

    Args:
        options: All.
        opened: Those that are open.
        asked: Those in question.
        gate: Over these.

    """

    def __init__(
        self, options: Sequence[str], opened: Sequence[str], asked: Sequence[str], gate: Gate | None
    ) -> None:
        super().__init__()
        self.gate = gate
        self.places = torch.tensor([options.index(o) for o in asked], dtype=torch.long)
        self.bits = torch.tensor([float(o in opened) for o in options])
        self.kept = self.open = tuple(range(len(options)))

    def forward(self, x: Tensor, dim: int) -> Tensor:
        """Multiply the options, along `dim`, by their bits."""
        shape = [1] * x.dim()
        shape[dim] = -1
        opened = x * self.bits.to(x).view(shape)
        if self.gate is None:
            return opened
        places = self.places.to(x.device)
        return opened.index_copy(dim, places, self.gate(x.index_select(dim, places), dim))


def problem(kind: str, seed: int, prepared_dir: Path) -> tuple[Problem, Part]:
    """Return a problem of the benchmark, and the test part, which is not in it."""
    settings = PlantedSettings.parse({**DATASET, "kind": kind, "rows": PROBLEMS[kind]})
    prepared = prepare(Planted(settings), NAME, None, prepared_dir)
    train, validation, test = (_in_memory(prepared.part(name)) for name in PARTS)
    return posed(prepared.schema, train, validation, seed), test


def posed(schema: Schema, train: Part, validation: Part, seed: int) -> Problem:
    """Return the problem of searching the slice on these rows."""
    space = Slice(schema, SPACE, load_registry().op)
    return Problem(space, TrainingData(train, validation, schema.tasks), RECIPE, seed)


def _in_memory(part: Part) -> Part:
    return Part(np.array(part.ids), np.array(part.dense), np.array(part.labels))


def key(decisions: Mapping[str, Decision]) -> str:
    """Return decisions as text that is the same for equal ones, in any order."""
    return json.dumps(decisions, sort_keys=True)


def architectures(space: Slice) -> dict[str, Architecture]:
    """Return every architecture in which each task reads something, by the key of what it depends on."""
    choices = space.choices()
    found: dict[str, Architecture] = {}
    for answers in product(*map(_answers, choices.values())):
        architecture = Architecture(dict(zip(choices, answers, strict=True)))
        found.setdefault(key(space.asked(architecture)), architecture)
    return found


def _answers(choice: Choice) -> Sequence[Decision]:
    if isinstance(choice, OneOf):
        return choice.options
    counts = range(choice.name.endswith("/experts"), len(choice.options) + 1)
    return [some for count in counts for some in combinations(choice.options, count)]
