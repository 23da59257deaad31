"""Use of the experts of a network: mean weights in gates, and the similarity of their outputs.

Letters: R rows, K experts, H expert width.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from automtl_core.choices import member_name
from automtl_core.data.part import Part
from automtl_core.disk.documents import Value
from automtl_core.modules.ensemble import Ensemble
from automtl_core.modules.mixture import Mixed, Mixture
from automtl_core.modules.sharing import group_and_word
from automtl_core.training.compute import Compute
from automtl_core.training.loop import predict

ALIKE = 0.95
"""Similarity from which two experts compute nearly the same."""
IDLE = 0.02
"""Mean weight below which a reader hardly uses an expert."""
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
        """Yield the pairs of experts with nearly the same outputs, and their similarity."""
        for experts in self.similarity.values():
            for place, (one, others) in enumerate(experts.items()):
                for other, value in list(others.items())[place + 1 :]:
                    if value > ALIKE:
                        yield one, other, value

    def idle(self) -> Iterator[str]:
        """Yield the experts that all their readers hardly use, each with the group of its readers."""
        most: dict[tuple[str, str], float] = {}
        for reader, weights in self.weights.items():
            for expert, weight in weights.items():
                key = group_and_word(reader)[0], expert
                most[key] = max(most.get(key, 0.0), weight)
        yield from (f"{expert} (read by {group})" for (group, expert), w in most.items() if w < IDLE)


def expert_use(network: nn.Module, part: Part, batch_size: int, compute: Compute) -> ExpertUse | None:
    """Return the use of experts on the rows of a part; None for a network without gates.

    Args:
        network: A trained network; it is left in evaluation mode.
        part: Rows, at least one.
        batch_size: Rows of a batch.
        compute: Device and precision.

    """
    observed: dict[str, _Reader] = {}

    def observe(member: str, mixed: Mixed) -> None:
        observed.setdefault(member + mixed.reader, _Reader()).add(mixed)

    with _observing(network, observe):
        predict(network, part, batch_size, compute.alone)  # the observer of each process sees all rows
    if not observed:
        return None
    outputs: dict[str, dict[str, Tensor]] = {}
    for name, reader in observed.items():
        outputs.setdefault(group_and_word(name)[0], {}).update(reader.outputs())
    return ExpertUse(
        len(part),
        {name: reader.means() for name, reader in observed.items()},
        {group: _similarities(of_experts) for group, of_experts in outputs.items()},
    )


class _Reader:
    """What one gate mixed so far."""

    def __init__(self) -> None:
        self._rows = 0
        self._sums: dict[str, float] = {}
        self._outputs: dict[str, list[Tensor]] = {}

    def add(self, mixed: Mixed) -> None:
        """Add a batch."""
        sums = mixed.weights.detach().double().sum(0).tolist()
        for name, total, output in zip(mixed.experts, sums, mixed.outputs, strict=True):
            self._sums[name] = self._sums.get(name, 0.0) + total
            if self._rows < COMPARED:
                self._outputs.setdefault(name, []).append(output.detach().double().cpu())
        self._rows += len(mixed.weights)

    def means(self) -> dict[str, float]:
        """Return the mean weight of each expert."""
        return {name: total / self._rows for name, total in self._sums.items()}

    def outputs(self) -> dict[str, Tensor]:
        """Return the outputs of each expert for the first rows, [R, H]."""
        return {name: torch.cat(kept)[:COMPARED] for name, kept in self._outputs.items()}


@contextmanager
def _observing(network: nn.Module, observe: Callable[[str, Mixed], None]) -> Iterator[None]:
    """Call `observe` for each pass of a gate, with the prefix of the names of its member of an ensemble."""
    members = {"": network}
    if isinstance(network, Ensemble):
        members = {f"{member_name(k)}/": member for k, member in enumerate(network.members)}
    gates = [
        (prefix, gate)
        for prefix, member in members.items()
        for gate in member.modules()
        if isinstance(gate, Mixture)
    ]
    try:
        for prefix, gate in gates:
            gate.observer = partial(observe, prefix)
        yield
    finally:
        for _, gate in gates:
            gate.observer = None


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
