"""DESAN, the search space of AutoMTL (Jiang et al., KDD 2024, section 3), with parts of other models.

    fields -> embeddings e [B, N, d] --+-> feature selection of each expert of layer 0
    dense [B, M] ---------------------/    layer 0: E experts -> a selective gate for each expert of layer 1
                                           ...
                                           layer L-1: E experts -> a selective gate for each task
                                           T towers -> logits [B, T]

Choices: `layer0/expert0/single`, `layer0/expert0/interaction` (sparse fields), `layer0/expert0/numbers`
(dense fields), `layer0/expert0/aggregates` (aggregates), `layer0/expert0/histories` (inputs from
histories), `layer1/expert0/experts`, `task/click/experts` (experts of the layer below),
`layer0/expert0/block0` (op).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from torch import nn

from automtl_core.plugin import (
    AnyOf,
    Architecture,
    Candidates,
    Choice,
    Chooser,
    Decision,
    FixedGate,
    Gate,
    OpFactory,
    Scales,
    Schema,
    Search,
    SearchSpace,
    Settings,
    Widths,
)
from automtl_desan.network import DESANNetwork, Expert, Layer, Residual, Task
from automtl_desan.ops import Sum, Zero
from automtl_desan.selection import FeatureSelection, SelectiveGate


class DESANSettings(Settings):
    """Settings of DESAN. The preset `paper` has exactly the space of the paper."""

    removed: ClassVar = {"optional_layers": False, "tables": "shared"}

    embedding_dim: int = Field(16, ge=1, le=4096)
    """Embedding dimension d: the length of the vector of each id."""
    embedding_std: float = Field(0.1, gt=0)
    """Standard deviation of the initial embeddings. With the paper's 0.01, products of embeddings have almost
    no gradient at first, and effects of pairs of fields take twice as long to learn."""
    layers: int = Field(1, ge=1, le=100)
    """Number L of layers of experts."""
    experts: int = Field(4, ge=1, le=1000)
    """Number E of experts per layer."""
    blocks: int = Field(2, ge=1, le=100)
    """Number K of blocks per expert, one after the other."""
    residual: bool = True
    """Residual connection around each block, except blocks that read fields. More blocks are then harmless,
    and a block whose op is `identity` has no effect."""
    expert_width: int = Field(64, ge=1, le=65_536)
    """Output width H of each block."""
    tower_width: int = Field(64, ge=1, le=65_536)
    """Width of the hidden layer of each tower."""
    dropout: Annotated[float, Search(0, 0.4)] = Field(0.1, ge=0, lt=1)
    """Dropout rate at the input of each block and in the hidden layer of each tower. Dropout applies to each
    block of an expert, at the first one to embeddings, so the paper's 0.2 underfits."""
    members: int = Field(2, ge=1, le=100)
    """Number K of members of a BatchEnsemble: networks that share all weights except scales of the inputs of
    experts and towers. The prediction is their mean. A training step takes as long as with one member, since
    each row trains one of them; prediction takes almost K times the FLOPs. A larger value predicts better
    as a rule."""
    gating: Literal["open", "all"] = "open"
    """Experts in the softmax of a gating network. open: only the open experts. all: all experts of the layer,
    as in the paper; a closed expert then reduces the scale of the output."""
    numbers: Literal["chosen", "all"] = "chosen"
    """Numeric fields of each expert of the first layer. chosen: the search selects them. all: every expert
    reads all of them, as in the paper."""
    ops: tuple[str, ...] = Field(
        (
            "identity",
            "mlp-linear-16",
            "mlp-linear-64",
            "mlp-linear-16+factorised-8",
            "mlp-linear-64+factorised-32",
        ),
        min_length=1,
    )
    """Candidate ops of each block. `a+b` is the sum of the ops a and b."""
    nested: bool = True
    """Weight sharing between ops of one kind during the search: narrow ops use the first units of the widest
    one, so that each step trains all widths. The derived network has separate weights."""

    @model_validator(mode="after")
    def _builds(self) -> Self:
        if (count := self.layers * self.experts * self.blocks) > 10_000:
            raise ValueError(
                f"layers x experts x blocks are {count:,}, at most 10,000 are possible: lower one of them"
            )
        return self

    @property
    def expert_names(self) -> list[str]:
        """The names of the experts, the same in each layer."""
        return [f"expert{j}" for j in range(self.experts)]


def landmarks(
    choices: Mapping[str, Choice], schema: Schema, settings: DESANSettings
) -> dict[str, Architecture]:
    """Return the landmarks of the space by name; only the first of equal ones.

    - shared-bottom: all tasks read one expert (Caruana 1997)
    - mmoe: all tasks mix all experts (KDD 2018)
    - single-task: each task has a private expert; only if there are at least as many experts as tasks
    - ple: each task mixes a private expert with the shared ones (one level of PLE, RecSys 2020); only if
      there are more experts than tasks
    - ple-2: two levels of PLE: a private expert of the second layer reads its own and the shared experts
      below, a shared one reads all; only if there are two layers or more
    - all-OP: every option is open, and every block is OP

    All but all-OP have one block with the widest plain MLP, or the last op if there is none, and `identity`
    in all others, if it is an op. Their experts read each field directly, without interaction.
    """
    tasks, experts = [task.name for task in schema.tasks], settings.expert_names
    alone, common = dict(zip(tasks, experts, strict=False)), experts[len(tasks) :]
    plain = [op for op in settings.ops if re.fullmatch(r"mlp(-[a-z]+)*-\d+", op)]
    op = max(plain, key=lambda op: int(op.rpartition("-")[2]), default=settings.ops[-1])
    models = {
        "shared-bottom": _by_hand(choices, op, dict.fromkeys(tasks, experts[:1])),
        "mmoe": _by_hand(choices, op, dict.fromkeys(tasks, experts)),
    }
    if len(alone) == len(tasks):
        single = {task: [expert] for task, expert in alone.items()}
        models["single-task"] = _by_hand(choices, op, single)
    if common:
        mixed = {task: [expert, *common] for task, expert in alone.items()}
        models["ple"] = _by_hand(choices, op, mixed)
        if settings.layers > 1:
            below = {expert: [expert, *common] for expert in alone.values()} | dict.fromkeys(common, experts)
            models["ple-2"] = _by_hand(choices, op, mixed, below=below)
    for name in settings.ops:
        models[f"all-{name}"] = Architecture(
            {k: c.options if isinstance(c, AnyOf) else name for k, c in choices.items()}
        )
    first: dict[str, Architecture] = {}
    for name, architecture in models.items():
        if architecture not in first.values():
            first[name] = architecture
    return first


def _by_hand(
    choices: Mapping[str, Choice],
    op: str,
    shares: Mapping[str, Sequence[str]],
    below: Mapping[str, Sequence[str]] | None = None,
) -> Architecture:
    """Return the landmark whose tasks read the experts in `shares`.

    With `below`, experts of the second layer read these experts of the first one. In all other
    layers an expert reads the expert of the same name below.
    """

    def decide(name: str, choice: Choice) -> Decision:
        where, _, what = name.rpartition("/")
        expert = where.rpartition("/")[2]
        match what:
            case "interaction":
                return ()
            case "experts":
                if where.startswith("task/"):
                    read = shares[where.removeprefix("task/")]
                else:
                    read = (below or {}).get(expert, [expert]) if where.startswith("layer1/") else [expert]
                return tuple(option for option in choice.options if option in read)
        if isinstance(choice, AnyOf):
            return choice.options
        first = ("layer0/",) if below is None else ("layer0/", "layer1/")
        more = not (where.startswith(first) and what == "block0")
        return "identity" if more and "identity" in choice.options else op

    return Architecture({name: decide(name, choice) for name, choice in choices.items()})


class DESAN(SearchSpace[DESANSettings]):
    """Choice of the fields and ops of each expert, and of the experts of each task (AutoMTL, KDD 2024)."""

    takes_encodings = True

    def build(self, choose: Chooser) -> nn.Module:
        """Make choices from the tasks down, so that an unused expert has no choices and no weights."""
        s = self.settings
        gates = {task.name: self._selective_gate(choose, f"task/{task.name}") for task in self.schema.tasks}
        layers: dict[str, Layer] = {}
        wanted = {name for gate in gates.values() for name in gate.inputs}
        for k in reversed(range(s.layers)):
            names = [name for name in s.expert_names if name in wanted]
            experts = {name: self._expert(choose, f"layer{k}/{name}", k == 0) for name in names}
            layers = {f"layer{k}": Layer(experts), **layers}
            readers = [e.reader for e in experts.values() if isinstance(e.reader, SelectiveGate)]
            wanted = {name for reader in readers for name in reader.inputs}
        inputs = self.inputs(s.embedding_dim, s.embedding_std)
        tasks = [Task(gate, s.tower_width, s.dropout, s.members) for gate in gates.values()]
        return DESANNetwork(inputs, layers, tasks, s.members)

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the architecture as the base class does, without interactions of a single field."""
        whole = super().canonical(architecture)
        alone = {
            name: ()
            for name, decision in whole.decisions.items()
            if name.endswith("/interaction") and isinstance(decision, tuple) and len(decision) == 1
        }
        return replace(whole, decisions={**whole.decisions, **alone}) if alone else whole

    def landmarks(self) -> dict[str, Architecture]:
        """Return landmarks like shared-bottom and MMoE, and for each op one with all options open."""
        return landmarks(self.choices(), self.schema, self.settings)

    def variants(self) -> dict[str, Mapping[str, Any]]:
        """Return a single network in place of members that share weights."""
        return {"1 network": {"members": 1}} if self.settings.members > 1 else {}

    def _expert(self, choose: Chooser, name: str, lowest: bool) -> Expert:
        """Return an expert. In the lowest layer it reads fields."""
        s = self.settings
        reader = self._selection(choose, name) if lowest else self._selective_gate(choose, name)
        columns, width = reader.columns, reader.width
        # Signs differ between members where fields enter; above, only scales that are learned do.
        initial: Literal["signs", "ones"] = "signs" if lowest else "ones"
        scales = Scales(s.members, width, initial, columns, first=lowest) if s.members > 1 else None
        blocks: list[nn.Module] = []
        for k in range(s.blocks):
            adds = s.residual and not (lowest and k == 0)
            ops: Candidates = {
                op: partial(self._made(op, adds), width, s.expert_width, s.dropout) for op in s.ops
            }
            block = choose.one_of(f"{name}/block{k}", ops, (columns, width), shared=s.nested)
            blocks.append(Residual(block) if adds else block)
            columns, width = range(s.expert_width), s.expert_width
        return Expert(reader, blocks, scales)

    @property
    def _widths(self) -> Widths:
        return Widths.of(self.schema, self.settings.embedding_dim)

    def _made(self, name: str, adds: bool) -> OpFactory:
        """Return the factory of a candidate op; `adds` is whether the block has a residual connection."""
        # With a residual connection the identity is there already.
        parts = [Zero if adds and part == "identity" else self.op(part) for part in name.split("+")]
        return parts[0] if len(parts) == 1 else partial(Sum.of, parts)

    def _selection(self, choose: Chooser, name: str) -> FeatureSelection:
        schema = self.schema
        sparse = [field.name for field in schema.sparse]
        # The order of choices is the order of random draws: another order gives other results for a seed.
        options = {
            "interaction": sparse if len(sparse) > 1 else [],
            "single": sparse,
            "numbers": schema.numbers,
            "aggregates": list(schema.aggregates()),
            "histories": schema.history_inputs(),
        }
        fixed = "numbers" if self.settings.numbers == "all" else ""
        interaction, single, *others = (
            _gate(choose, f"{name}/{what}", of, what != fixed) for what, of in options.items()
        )
        return FeatureSelection(
            [single, interaction, *others], (len(sparse), len(schema.numbers)), self._widths
        )

    def _selective_gate(self, choose: Chooser, name: str) -> SelectiveGate:
        s = self.settings
        shared = choose.any_of(f"{name}/experts", s.expert_names)
        return SelectiveGate(self._widths.flat, s.expert_names, shared, s.expert_width, s.gating, name)


def _gate(choose: Chooser, name: str, options: Sequence[str], asked: bool) -> Gate | FixedGate:
    """Return the gate over the options; without a choice, one that opens all of them."""
    wide = FixedGate(AnyOf(name, tuple(options)), options)
    return choose.any_of(name, options) if asked and options else wide
