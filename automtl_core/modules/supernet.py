"""The supernet, with its interface for strategies, and the derivation of a network from an architecture.

The supernet has open choices. A derived network has new weights, or those of the supernet.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from automtl_core.choices import AnyOf, Architecture, Choice, Decision, OneOf, draw
from automtl_core.errors import ArtifactError, PluginError, listing
from automtl_core.modules.features import Features
from automtl_core.modules.network import Penalised, Reusable
from automtl_core.modules.relaxation import Gate, MixedOp, Question, Relaxation
from automtl_core.ops import Candidates, narrowed, share_alike, standalone


class FixedGate(nn.Module):
    """A decided choose-any: only the selected options exist, and they pass unchanged."""

    def __init__(self, choice: AnyOf, decision: Sequence[str]) -> None:
        super().__init__()
        self.kept = self.open = tuple(k for k, name in enumerate(choice.options) if name in decision)

    def forward(self, x: Tensor, dim: int) -> Tensor:
        """Return `x` unchanged: its `dim` runs over the selected options only."""
        return x


class Fixing:
    """Chooser of the derived network: every choice is decided.

    Args:
        decide: Returns the decision of a choice.
        inherit: The supernet whose selected candidates are copied; None for new weights.

    """

    def __init__(self, decide: Callable[[Choice], Decision], inherit: "Supernet | None" = None) -> None:
        self.decide = decide
        self.trained = inherit.questions if inherit else {}
        self.chosen: list[nn.Module] = []
        self.asked: dict[str, Decision] = {}
        """The requested choices with their decisions; parts that are not built request none."""

    def one_of(
        self,
        name: str,
        candidates: Candidates,
        inputs: tuple[Sequence[int], int] | None = None,
        shared: bool = False,
    ) -> nn.Module:
        """Return the selected module, narrowed to the remaining inputs.

        Raises:
            ArtifactError: the supernet has dropped it.

        """
        self.asked[name] = decision = str(self.decide(OneOf(name, tuple(candidates))))
        trained = self.trained.get(name)
        if not isinstance(trained, MixedOp):
            op = candidates[decision]()
        elif decision in trained.candidates:
            op = deepcopy(standalone(trained.candidates[decision]))
        else:
            raise ArtifactError(
                f"{name}: the architecture has {decision!r}, but the supernet is fixed to "
                f"{listing(trained.candidates)}",
                fix="derive the architecture of the fixed supernet, or do not copy its weights",
            )
        if inputs is not None:
            op = narrowed(op, *inputs)
        self.chosen.append(op)
        return op

    def any_of(self, name: str, options: Sequence[str]) -> FixedGate:
        """Return the gate that passes the selected options."""
        choice = AnyOf(name, tuple(options))
        self.asked[name] = decision = tuple(self.decide(choice))
        return FixedGate(choice, decision)


def copy_shared(source: nn.Module, target: nn.Module, chosen: Sequence[nn.Module]) -> None:
    """Copy the weights outside of the selected candidates; `Fixing` has copied the candidates.

    Raises:
        PluginError: the networks differ outside of the selected candidates.

    """
    inside = {id(t) for op in chosen for t in (*op.parameters(), *op.buffers())}
    available = dict(source.state_dict(keep_vars=True))
    with torch.no_grad():
        for name, tensor in target.state_dict(keep_vars=True).items():
            if id(tensor) in inside:
                continue
            if name not in available or available[name].shape != tensor.shape:
                raise PluginError(
                    f"the search space builds {name!r} with another name or shape than in the supernet",
                    fix="let only ops and gates differ between build(Relaxing()) and build(Fixing(...))",
                )
            tensor.copy_(available[name])


class Relaxing:
    """Chooser of the supernet: every choice stays open, under a relaxation."""

    def __init__(self, relaxation: Relaxation) -> None:
        self.relaxation = relaxation
        self.questions: dict[str, Question] = {}

    def one_of(
        self,
        name: str,
        candidates: Candidates,
        inputs: tuple[Sequence[int], int] | None = None,
        shared: bool = False,
    ) -> MixedOp:
        """Return a mixture of all candidates."""
        ops = {option: make() for option, make in candidates.items()}
        if inputs is not None:
            ops = {option: narrowed(op, *inputs) for option, op in ops.items()}
        if shared:
            share_alike(list(ops.values()))
        mixed = MixedOp(OneOf(name, tuple(candidates)), ops, self.relaxation)
        self._ask(name, mixed)
        return mixed

    def any_of(self, name: str, options: Sequence[str]) -> Gate:
        """Return the gate over all options."""
        gate = Gate(AnyOf(name, tuple(options)), self.relaxation)
        self._ask(name, gate)
        return gate

    def _ask(self, name: str, question: Question) -> None:
        if self.questions.setdefault(name, question) is not question:
            raise PluginError(f"two choices have the name {name!r}", fix="give each choice its own name")


class Supernet(nn.Module):
    """The continuous model that a strategy trains, decides and derives from, independent of the space.

    Called with the features of B examples; returns logits [B, T].
    """

    def __init__(self, network: nn.Module, questions: Mapping[str, Question]) -> None:
        super().__init__()
        self.network = network
        self.questions = questions

    def forward(self, features: Features) -> Tensor:
        out: Tensor = self.network(features)
        return out

    def penalty(self, logits: Tensor) -> Tensor:
        """Return the penalty of the network; 0 if it has none."""
        return self.network.penalty(logits) if isinstance(self.network, Penalised) else logits.new_zeros(())

    def choices(self) -> dict[str, Choice]:
        """Return every choice by its name, decided or not."""
        return {name: question.choice for name, question in self.questions.items()}

    def logits(self) -> dict[str, nn.Parameter]:
        """Return the logits of the undecided choices by name: [C] of a choose-one, [n] of a choose-any."""
        return {name: q.logits for name, q in self.questions.items() if q.logits is not None}

    def weights(self) -> dict[str, nn.Parameter]:
        """Return all other parameters, by their names."""
        logits = {id(p) for p in self.logits().values()}
        return {name: p for name, p in self.named_parameters() if id(p) not in logits}

    def favourites(self) -> dict[str, Decision]:
        """Return for each choice its decision, or the favourite of its logits."""
        return {name: question.favourite() for name, question in self.questions.items()}

    def decided(self) -> dict[str, Decision]:
        """Return the decisions so far."""
        return {name: q.favourite() for name, q in self.questions.items() if q.logits is None}

    def path(self, random: np.random.Generator, share: float = 0.5) -> dict[str, Decision]:
        """Draw one path: any candidate of a choose-one, each option of a choose-any with probability `share`.

        Decided choices keep their decision.
        """
        return {**draw(self.choices(), random, share).decisions, **self.decided()}

    def fix(self, name: str, decision: Decision) -> None:
        """Fix one choice; dropped options are removed from the supernet, and have no cost.

        Raises:
            ArtifactError: the choice does not exist, or the decision is not one of its options.

        """
        self._check({name: decision})
        self.questions[name].fix(decision)

    @contextmanager
    def following(self, decisions: Mapping[str, Decision]) -> Iterator[None]:
        """Compute one path only: these decisions, without computation or gradients for other options.

        Weights on the path can be trained, as in single-path search. Other choices are unchanged.

        Raises:
            ArtifactError: a choice does not exist, or a decision is not one of its options, or was dropped.

        """
        self._check(decisions)
        with ExitStack() as stack:
            for name, decision in decisions.items():
                question = self.questions[name]
                stack.callback(question.hold, question.held)
                question.hold(decision)
            yield

    @contextmanager
    def holding(self, decisions: Mapping[str, Decision]) -> Iterator[None]:
        """Apply these decisions temporarily, for an evaluation; the supernet is restored afterwards.

        Weights are frozen. Modes and buffers, such as statistics of batch normalisation, may change, and are
        restored, also after an exception.

        Raises:
            ArtifactError: as in `following`.

        """
        modes = [(module, module.training) for module in self.modules()]  # the search through them is slow
        frozen = [p for m, _ in modes for p in m._parameters.values() if p is not None and p.requires_grad]
        buffers = [(b, b.clone()) for m, _ in modes for b in m._buffers.values() if b is not None]
        try:
            for p in frozen:
                p.requires_grad_(False)
            with self.following(decisions):
                yield
        finally:
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)
            for p in frozen:
                p.requires_grad_(True)
            for module in (one for one, training in modes if one.training is not training):
                module.training = not module.training

    def architecture(self) -> Architecture:
        """Return the decisions, with favourites for undecided choices."""
        return Architecture(self.favourites())

    def _check(self, decisions: Mapping[str, Decision]) -> None:
        choices = self.choices()
        Architecture(decisions).check({name: c for name, c in choices.items() if name in decisions})
        for name, decision in decisions.items():
            question = self.questions[name]
            if isinstance(question, MixedOp) and str(decision) not in question.candidates:
                raise ArtifactError(
                    f"{name}: {decision!r} was dropped: the supernet is fixed to {question.favourite()!r}",
                    fix="decide only open choices",
                )


class Reuse:
    """The outputs of the parts of a network in its last evaluation.

    An ablation changes one decision at a time, on the same batches and with the same weights, so that most
    parts have the outputs of the evaluation before. All evaluations must read the same batches in the same
    order.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, list[Any]]] = {}
        """Name of a part -> what its outputs depend on, and these, batch by batch."""

    @contextmanager
    def evaluation(self, network: nn.Module, decisions: Mapping[str, Decision]) -> Iterator[None]:
        """Compute only those parts of a network whose decisions or weights have changed.

        Args:
            network: The network of a supernet; parts of one that is not `Reusable` are always computed.
            decisions: All decisions of the evaluation.

        """
        parts = network.reusable_parts() if isinstance(network, Reusable) else {}
        weights = [(id(p), p._version) for p in network.parameters()]  # torch counts changes in place
        with ExitStack() as stack:
            for name, choices in parts.items():
                own = {key: d for key, d in decisions.items() if key.startswith(choices)}
                depends, outputs = self._kept.get(name, (None, []))
                if depends != (weights, own):
                    outputs = []
                    self._kept[name] = (weights, own), outputs
                module = network.get_submodule(name)
                stack.callback(delattr, module, "forward")
                module.forward = _replayed(module.forward, outputs)
            yield


def _replayed(compute: Callable[..., Any], outputs: list[Any]) -> Callable[..., Any]:
    """Return the forward pass of a module, which computes only batches without an output."""
    places = count()

    def forward(*inputs: Any) -> Any:
        place = next(places)
        if place == len(outputs):
            outputs.append(compute(*inputs))
        return outputs[place]

    return forward
