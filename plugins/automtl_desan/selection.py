"""Selection of the inputs of a part: of fields (AutoMTL, section 3.1), and of experts (section 3.3).

Letters: B batch, N sparse fields, M dense fields, w and m numbers of one of each, d embedding,
D width of the raw input, E experts of a layer, H expert width, K members, whose rows are side by side, or 1.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.plugin import AnyOf, EncodedFields, FixedGate, Gate, Mixed, Mixture, Widths, indices


def factorisation_machine(z: Tensor) -> Tensor:
    """Return 0.5 * ((sum_f z_f)^2 - sum_f z_f^2), [B, fields, d] -> [B, d] (Rendle 2010, eq. 3)."""
    return 0.5 * (z.sum(1).square() - z.square().sum(1))


class FeatureSelection(nn.Module):
    """single * e [N*w], FM(interaction * e) [w], numbers * dense [M*m], side by side.

    Aggregates and inputs from histories, times their bits, come last. A single field has no interaction, and
    then there is no machine.
    With decided gates only the chosen columns exist; `columns` holds their places in the full width.

    Args:
        gates: Gates over the fields that are passed on unchanged, over those that enter the factorisation
            machine, and over the dense fields; in the paper all of these are passed on. Then, where there are
            any, those over the aggregates and over the inputs from histories.
        counts: N and M.
        widths: Numbers of one field of each kind.

    """

    def __init__(self, gates: Sequence[Gate | FixedGate], counts: tuple[int, int], widths: Widths) -> None:
        super().__init__()
        none = FixedGate(AnyOf("none", ()), ())
        gates = [*gates, none, none][:5]
        self.single, self.interaction, self.numbers, self.aggregates, self.histories = gates
        single, interaction, numbers, aggregates, histories = (gate.kept for gate in gates)
        # The machine of fewer than two fields is 0: it needs no columns once its gate is decided.
        self.interacts = len(interaction) > 1
        (sparse, dense), (w, m, _, keys, past) = counts, widths
        # For each part of the output, the width of each of its fields, and the places of those that exist.
        parts: tuple[tuple[Sequence[int], Sequence[int]], ...] = (
            ([w] * sparse, single),
            ([w] * (sparse > 1), range(self.interacts)),
            ([m] * dense, numbers),
            (keys, aggregates),
            (past, histories),
        )
        self.columns: list[int] = []
        self.width = 0
        for of_fields, kept in parts:
            starts = list(itertools.accumulate(of_fields, initial=self.width))
            for place in kept:
                self.columns += range(starts[place], starts[place + 1])
            self.width = starts[-1]
        for name in ("single", "interaction", "numbers"):
            places = torch.tensor(getattr(self, name).kept, dtype=torch.long)
            self.register_buffer(f"{name}_places", places, persistent=False)

    def forward(self, encoded: EncodedFields) -> Tensor:  # -> [B, len(columns)]
        parts = [self._chosen("single", encoded.sparse).flatten(1)]
        e = encoded.sparse
        if self.interacts and len(self.interaction.open) < 2:
            parts.append(e.new_zeros(e.shape[0], e.shape[2]))
        elif self.interacts:
            parts.append(factorisation_machine(self._chosen("interaction", e)))
        parts.append(self._chosen("numbers", encoded.numbers).flatten(1))
        for gate, inputs in ((self.aggregates, encoded.aggregates), (self.histories, encoded.histories)):
            if gate.kept:
                bits = gate(e.new_ones(len(gate.kept)), dim=0).unbind(0)
                parts += [bit * inputs[k] for bit, k in zip(bits, gate.kept, strict=True)]
        return torch.cat(parts, dim=1)

    def _chosen(self, name: str, x: Tensor) -> Tensor:
        """Return the fields of x [B, N, ...] that a gate keeps, times its bits."""
        places = self.get_buffer(f"{name}_places")
        # The gradient of plain indexing would take far longer.
        kept = x if len(places) == x.shape[1] else x.index_select(1, places)
        chosen: Tensor = getattr(self, name)(kept, dim=1)
        return chosen


class SelectiveGate(Mixture):
    """out = sum_i g(x)_i * expert_i, where g(x) follows from the softmax of W x, W [E, D], and the bits s.

    - over all: g = s * softmax(W x), as in the paper; the weights of closed experts are lost
    - over open: g = s * exp(W x) / sum_i s_i exp(W x)_i, so that the weights of open experts sum to 1

    Args:
        in_dim: Width D of the raw input x.
        experts: Names of all experts of the layer below.
        shared: Gate s over the experts that this consumer, a task or an expert, shares.
        width: H.
        over: Experts that the softmax runs over.
        reader: Name of the part that reads the experts, such as `task/click`.

    """

    def __init__(
        self,
        in_dim: int,
        experts: Sequence[str],
        shared: Gate | FixedGate,
        width: int,
        over: Literal["open", "all"] = "open",
        reader: str = "",
    ) -> None:
        super().__init__()
        self.reader = reader
        self.shared = shared
        self.experts = tuple(experts)
        self.inputs = [experts[k] for k in shared.kept]
        weighed = self.inputs if over == "open" else experts
        # With one expert to weigh, or none to read, weights do not depend on x. Each row of W has the name of
        # its expert, so that a network of fewer experts can copy it.
        rows = weighed if len(weighed) > 1 and self.inputs else []
        self.gating = nn.ModuleDict({name: nn.Linear(in_dim, 1, bias=False) for name in rows})
        self.over = over
        self.width = width
        self.columns: Sequence[int] = range(width)

    def forward(self, x: Tensor, experts: Mapping[str, Tensor], members: int = 1) -> Tensor:
        """Return the mixture, see `mixtures`: [B, D], E x [B K, H] -> [B K, H]."""
        (mixed,) = mixtures([self], x, experts, members)
        return mixed

    @property
    def reads_fields(self) -> bool:
        """Whether there are weights to compute from the raw input."""
        return bool(self.gating)

    @property
    def open(self) -> tuple[str, ...]:
        """The experts that can be open in this pass; no other needs to be computed."""
        return tuple(self.experts[k] for k in self.shared.open)

    def weights(self, logits: Tensor) -> Tensor:  # W x [B, rows of W] -> [B, open]
        """Return g(x) of the experts that can be open in this pass."""
        weights, places = self._weights(logits), [self.inputs.index(name) for name in self.open]
        if len(places) == len(self.inputs):
            return weights
        return weights.index_select(1, indices(places, weights))

    def _weights(self, logits: Tensor) -> Tensor:  # -> [B, kept]
        bits: Tensor = self.shared(logits.new_ones(len(self.inputs)), dim=0)  # [kept]
        if not self.gating:
            return bits.expand(logits.shape[0], -1)
        if self.over == "all":
            return logits.softmax(1).index_select(1, indices(self.shared.kept, logits)) * bits
        highest = logits.detach().masked_fill(bits == 0, -torch.inf).amax(1, keepdim=True)
        # Closed experts may have larger logits than all open ones. These are clamped to the highest open one,
        # because the gradient of their bits would overflow.
        powers = (logits - highest).clamp(max=0).exp() * bits
        total = powers.sum(1, keepdim=True)
        return powers / torch.where(total > 0, total, 1)  # 0 if no expert is open


def mixtures(
    gates: Sequence[SelectiveGate], x: Tensor, experts: Mapping[str, Tensor], members: int = 1
) -> list[Tensor]:
    """Return the outputs of several gates on the same input and experts.

    One product computes all logits, and one product mixes the experts of all gates with the same open
    experts. Members differ in the outputs of experts, not in the weights.

    Args:
        gates: G gates.
        x: Their raw input, [B, D].
        experts: Outputs of the experts that some gate opens, [B K, H], the K rows of an example side by side.
        members: K.

    Returns:
        G tensors of [B K, H].

    """
    rows: list[Tensor] = [row for gate in gates for row in gate.gating.parameters()]
    logits = F.linear(x, torch.cat(rows)) if rows else x[:, :0]
    parts = torch.split(logits, [len(gate.gating) for gate in gates], dim=1)
    weights = [gate.weights(part) for gate, part in zip(gates, parts, strict=True)]
    for gate, of_gate in zip(gates, weights, strict=True):
        if gate.observer is not None:
            gate.observer(Mixed(gate.reader, gate.open, of_gate, [experts[name] for name in gate.open]))
    count, size = x.shape[0], members * gates[0].width
    mixed: dict[int, Tensor] = {}
    for inputs in dict.fromkeys(gate.open for gate in gates):
        alike = [g for g, gate in enumerate(gates) if gate.open == inputs]
        of_experts = [experts[name].reshape(count, size) for name in inputs]
        if len(inputs) == 1:
            outputs = torch.stack([weights[g] * of_experts[0] for g in alike], dim=1)
        elif inputs:
            outputs = torch.bmm(
                torch.stack([weights[g] for g in alike], dim=1),  # [B, alike, kept]
                torch.stack(of_experts, dim=1),  # [B, kept, K H]
            )
        else:
            outputs = x.new_zeros(count, len(alike), size)
        mixed |= dict(zip(alike, outputs.unbind(1), strict=True))
    return [mixed[g].reshape(members * count, gates[g].width) for g in range(len(gates))]
