"""DESAN, the search space of AutoMTL (Jiang et al., KDD 2024, section 3), with parts of other models.

    fields -> embeddings e [B, N, d] --+-> feature selection of each expert of layer 0
    dense [B, M] ---------------------/    layer 0: E experts -> a selective gate for each expert of layer 1
                                           ...
                                           layer L-1: E experts -> a selective gate for each task
                                           T towers -> logits [B, T]

Choices: `layer0/expert0/single`, `layer0/expert0/interaction` (sparse fields), `layer0/expert0/numbers`
(dense fields), `layer0/expert0/crosses` (feature crosses), `layer0/expert0/histories` (inputs from
histories), `layer1/expert0/experts`, `task/click/experts` (experts of the layer below),
`layer0/expert0/block0` (op). A setting adds `layer0/expert0/table` (shared or own). A
wide term adds `single`, `numbers`, `crosses` and `histories`.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from torch import nn

from automtl_core.choices import AnyOf, Architecture
from automtl_core.modules.derive import FixedGate
from automtl_core.modules.inputs import Widths
from automtl_core.modules.relaxed import Gate
from automtl_core.ops import Candidates, OpFactory
from automtl_core.space import Chooser, SearchSpace
from automtl_desan.feature_selection import FeatureSelection
from automtl_desan.landmarks import landmarks
from automtl_desan.members import Scales
from automtl_desan.network import (
    DESANNetwork,
    Expert,
    FieldReader,
    Layer,
    OwnTable,
    Residual,
    SharedTable,
    Task,
    Wide,
)
from automtl_desan.ops import Sum, Zero
from automtl_desan.selective_gate import SelectiveGate
from automtl_desan.settings import DESANSettings


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
        wide = self._wide(choose) if self.schema.encodings.wide is True else None
        return DESANNetwork(inputs, layers, tasks, wide, s.members)

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

    def _expert(self, choose: Chooser, name: str, lowest: bool) -> Expert:
        """Return an expert. In the lowest layer it reads fields."""
        s = self.settings
        reader = self._field_reader(choose, name) if lowest else self._selective_gate(choose, name)
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

    def _wide(self, choose: Chooser) -> Wide:
        """Return the wide term. Its choices are those of the whole network, so their names have no prefix."""
        return Wide(self._selection(choose, "", interacts=False), len(self.schema.tasks))

    @property
    def _widths(self) -> Widths:
        return Widths.of(self.schema, self.settings.embedding_dim)

    def _made(self, name: str, adds: bool) -> OpFactory:
        """Return the factory of a candidate op; `adds` is whether the block has a residual connection."""
        # With a residual connection the identity is there already.
        parts = [Zero if adds and part == "identity" else self.op(part) for part in name.split("+")]
        return parts[0] if len(parts) == 1 else partial(Sum.of, parts)

    def _field_reader(self, choose: Chooser, name: str) -> FieldReader:
        s, schema = self.settings, self.schema
        selection = self._selection(choose, f"{name}/")
        if s.tables == "shared":
            return FieldReader(selection, SharedTable())
        own = partial(OwnTable, schema.sparse, s.embedding_dim, s.embedding_std)
        return FieldReader(selection, choose.one_of(f"{name}/table", {"shared": SharedTable, "own": own}))

    def _selection(self, choose: Chooser, name: str, interacts: bool = True) -> FeatureSelection:
        schema = self.schema
        sparse = [field.name for field in schema.sparse]
        dense = [field.name for field in schema.dense]
        crosses = [cross.name for cross in schema.crosses()]
        histories = schema.history_inputs()
        pairs = sparse if interacts and len(sparse) > 1 else []
        # The order of choices is the order of random draws: another order gives other results for a seed.
        interaction = _gate(choose, f"{name}interaction", pairs, asked=True)
        return FeatureSelection(
            _gate(choose, f"{name}single", sparse, asked=True),
            interaction,
            _gate(choose, f"{name}numbers", dense, self.settings.numbers == "chosen"),
            _gate(choose, f"{name}crosses", crosses, asked=True),
            (len(sparse), len(dense), len(crosses)),
            self._widths,
            _gate(choose, f"{name}histories", histories, asked=True),
        )

    def _selective_gate(self, choose: Chooser, name: str) -> SelectiveGate:
        s = self.settings
        shared = choose.any_of(f"{name}/experts", s.expert_names)
        return SelectiveGate(self._widths.flat, s.expert_names, shared, s.expert_width, s.gating, name)


def _gate(choose: Chooser, name: str, options: Sequence[str], asked: bool) -> Gate | FixedGate:
    """Return the gate over the options; without a choice, one that opens all of them."""
    if asked and options:
        return choose.any_of(name, options)
    return FixedGate(AnyOf(name, tuple(options)), options)
