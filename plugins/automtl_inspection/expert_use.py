"""Use of the experts of a network: mean weights in gates, and the similarity of their outputs.

Letters: R rows, K experts, H expert width.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain

import torch
from torch import Tensor, nn

from automtl_core.choices import member_name
from automtl_core.data.part import Part
from automtl_core.modules.network import Ensemble, Mixed, Mixture
from automtl_core.modules.sharing import group_and_word
from automtl_core.system.documents import Value
from automtl_core.training.compute import Compute
from automtl_core.training.loop import predict

COMPARED = 2_000
"""Maximum number of rows whose outputs are compared."""
ByExpert = Mapping[str, float]


@dataclass(frozen=True)
class ExpertUse(Value):
    """The use of the experts that the parts of a network read."""

    rows: int
    """Number of validation rows."""
    weights: Mapping[str, ByExpert]
    """Reader, such as `task/click` -> expert -> its mean weight in the gate of the reader."""
    similarity: Mapping[str, Mapping[str, ByExpert]]
    """Group of readers, such as `task` -> expert -> expert -> similarity of their outputs, from 0 to 1."""

    def alike(self) -> Iterator[tuple[str, str, float]]:
        """Yield the pairs of experts with nearly the same outputs (above .95), and their similarity."""
        for experts in self.similarity.values():
            for place, (one, others) in enumerate(experts.items()):
                for other, value in list(others.items())[place + 1 :]:
                    if value > 0.95:
                        yield one, other, value

    def idle(self) -> Iterator[str]:
        """Yield the experts whose readers all have a mean weight below .02, with the group of readers."""
        most: dict[tuple[str, str], float] = {}
        for reader, weights in self.weights.items():
            for expert, weight in weights.items():
                key = group_and_word(reader)[0], expert
                most[key] = max(most.get(key, 0.0), weight)
        yield from (f"{expert} (read by {group})" for (group, expert), w in most.items() if w < 0.02)


def expert_use(network: nn.Module, part: Part, batch_size: int, compute: Compute) -> ExpertUse | None:
    """Return the use of experts on the rows of a part; None for a network without gates.

    Args:
        network: A trained network; it is left in evaluation mode.
        part: Rows, at least one.
        batch_size: Rows of a batch.
        compute: Device and precision.

    """
    weights: dict[str, dict[str, float]] = {}
    outputs: dict[str, dict[str, list[Tensor]]] = {}
    passed = Counter[str]()

    def observe(member: str, mixed: Mixed) -> None:
        reader = member + mixed.reader
        sums, kept = weights.setdefault(reader, {}), outputs.setdefault(reader, {})
        passed[reader] += len(mixed.weights)  # more than one for a row, if members differ in weights
        totals = mixed.weights.detach().double().sum(0).tolist()
        for name, total, output in zip(mixed.experts, totals, mixed.outputs, strict=True):
            sums[name] = sums.get(name, 0.0) + total
            if sum(map(len, kept.setdefault(name, []))) < COMPARED:
                kept[name].append(output.detach().double().cpu())

    members = {"": network}
    if isinstance(network, Ensemble):
        members = {f"{member_name(k)}/": member for k, member in enumerate(network.members)}
    gates = {m: [g for g in member.modules() if isinstance(g, Mixture)] for m, member in members.items()}
    try:
        for member, of_member in gates.items():
            for gate in of_member:
                gate.observer = partial(observe, member)
        predict(network, part, batch_size, compute)
    finally:
        for gate in chain(*gates.values()):
            gate.observer = None
    if not weights:
        return None
    groups: dict[str, dict[str, Tensor]] = {}
    for reader, kept in outputs.items():
        first = {name: torch.cat(parts)[:COMPARED] for name, parts in kept.items()}  # [R, H] each
        groups.setdefault(group_and_word(reader)[0], {}).update(first)
    return ExpertUse(
        len(part),
        {reader: {name: s / passed[reader] for name, s in sums.items()} for reader, sums in weights.items()},
        {group: _similarities(of_experts) for group, of_experts in groups.items()},
    )


def _similarities(outputs: Mapping[str, Tensor]) -> dict[str, dict[str, float]]:
    """Return the similarity of the outputs [R, H] of each pair of experts: linear CKA.

    Kornblith et al., "Similarity of Neural Network Representations Revisited", ICML 2019, eq. 4.
    """
    centred = {name: outputs[name] - outputs[name].mean(0) for name in sorted(outputs)}
    own = {name: float((x.T @ x).norm()) for name, x in centred.items()}

    def similarity(one: str, other: str) -> float:
        norm = own[one] * own[other]
        return float((centred[one].T @ centred[other]).norm() ** 2) / norm if norm else 0.0

    return {one: {other: similarity(one, other) for other in centred} for one in centred}
