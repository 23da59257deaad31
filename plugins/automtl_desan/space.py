"""DESAN, the search space of AutoMTL (Jiang et al., KDD 2024, section 3), with what its rivals have.

    fields -> embeddings e [B, N, d] --+-> feature selection of each expert of layer 0
    dense [B, M] ---------------------/    layer 0: E experts -> a selective gate for each expert of layer 1
                                           ...
                                           layer L-1: E experts -> a selective gate for each task
                                           T towers -> logits [B, T]

Choices: `layer0/expert0/single`, `layer0/expert0/interaction` (sparse fields), `layer0/expert0/numbers`
(dense fields), `layer1/expert0/experts`, `task/click/experts` (experts of the layer below),
`layer0/expert0/block0` (op); as settings say, `layer0/expert0/table` (shared or own) and `layers` (those
above the first).
"""

from collections.abc import Sequence
from functools import partial

from torch import nn

from automtl_core.choices import AnyOf, Architecture
from automtl_core.modules.derive import FixedGate
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.relaxed import Gate
from automtl_core.ops import Candidates, OpFactory
from automtl_core.space import Chooser, SearchSpace
from automtl_desan.feature_selection import FeatureSelection
from automtl_desan.landmarks import landmarks
from automtl_desan.network import DESANNetwork, Expert, FieldReader, OwnTable, SharedTable, Task
from automtl_desan.ops import Sum, Zero
from automtl_desan.selective_gate import SelectiveGate
from automtl_desan.settings import DESANSettings


class DESAN(SearchSpace[DESANSettings]):
    """Which fields each expert sees, which op each block is, who shares which experts (AutoMTL, KDD 2024)."""

    def build(self, choose: Chooser) -> nn.Module:
        """Ask from the tasks down, so that an expert that nobody shares is neither asked about nor built."""
        s = self.settings
        tasks = [
            Task(self._selective_gate(choose, f"task/{task.name}"), s.tower_width, s.dropout)
            for task in self.schema.tasks
        ]
        upper = [f"layer{layer}" for layer in range(1, s.layers)]
        depth = _asked(choose, "layers", upper, s.optional_layers)
        gates = [task.gate for task in tasks]
        passed: set[str] = set()  # experts whose place one of a layer below takes
        layers: dict[str, nn.ModuleDict] = {}
        for layer in (*(k + 1 for k in reversed(depth.kept)), 0):
            shared = [n for n in self._experts() if n in passed or any(n in gate.inputs for gate in gates)]
            experts = {name: self._expert(choose, layer, name) for name in shared}
            gates = [expert.reader for expert in experts.values() if isinstance(expert.reader, SelectiveGate)]
            passed = set(shared) if isinstance(depth, Gate) else set()
            layers = {f"layer{layer}": nn.ModuleDict(experts), **layers}
        embedding = FieldEmbedding(self.schema.sparse, s.embedding_dim, s.embedding_std)
        return DESANNetwork(embedding, layers, depth, tasks)

    def landmarks(self) -> dict[str, Architecture]:
        """Return shared-bottom, MMoE, single-task and PLE-like points, and all open with each op."""
        return landmarks(self.choices(), self.schema, self.settings)

    def _experts(self) -> list[str]:
        return [f"expert{j}" for j in range(self.settings.experts)]

    def _expert(self, choose: Chooser, layer: int, expert: str) -> Expert:
        s = self.settings
        name = f"layer{layer}/{expert}"
        reader = self._selective_gate(choose, name) if layer else self._field_reader(choose, name)
        blocks = [self._block(choose, f"{name}/block0", reader.columns, reader.width)]
        for k in range(1, s.blocks):
            blocks.append(self._block(choose, f"{name}/block{k}", range(s.expert_width), s.expert_width))
        return Expert(reader, blocks, s.residual)

    def _block(self, choose: Chooser, name: str, columns: Sequence[int], in_dim: int) -> nn.Module:
        s = self.settings
        adds = s.residual and not name.endswith("/block0")
        candidates = {
            op: partial(self._op_named(op, adds), in_dim, s.expert_width, s.dropout) for op in s.ops
        }
        return choose.one_of(name, candidates, (columns, in_dim))

    def _op_named(self, name: str, adds: bool) -> OpFactory:
        if adds and name == "identity":
            return Zero  # what it reads is there already
        factories = [self.op(part) for part in name.split("+")]
        return partial(Sum.of, factories) if len(factories) > 1 else factories[0]

    def _field_reader(self, choose: Chooser, name: str) -> FieldReader:
        s = self.settings
        sparse = [field.name for field in self.schema.sparse]
        dense = [field.name for field in self.schema.dense]
        selection = FeatureSelection(
            choose.any_of(f"{name}/single", sparse),
            choose.any_of(f"{name}/interaction", sparse),
            _asked(choose, f"{name}/numbers", dense, s.numbers == "chosen"),
            sparse=len(sparse),
            dense=len(dense),
            dim=s.embedding_dim,
        )
        own = partial(OwnTable, self.schema.sparse, s.embedding_dim, s.embedding_std)
        tables: Candidates = {"shared": SharedTable, "own": own}
        chosen = s.tables == "chosen"
        return FieldReader(selection, choose.one_of(f"{name}/table", tables) if chosen else SharedTable())

    def _selective_gate(self, choose: Chooser, name: str) -> SelectiveGate:
        s = self.settings
        raw_width = len(self.schema.sparse) * s.embedding_dim + len(self.schema.dense)
        shared = choose.any_of(f"{name}/experts", self._experts())
        return SelectiveGate(raw_width, self._experts(), shared, s.expert_width, s.gating)


def _asked(choose: Chooser, name: str, options: Sequence[str], asked: bool) -> Gate | FixedGate:
    """Return the gate over the options; one that is open for all of them where nothing is asked."""
    if asked and options:
        return choose.any_of(name, options)
    return FixedGate(AnyOf(name, tuple(options)), options)
