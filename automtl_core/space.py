"""Search spaces: one `build` method with three uses.

The author of a space writes `build(choose)`, and calls `choose` wherever the design is open. The argument
decides the result: `Relaxing` returns mixed ops and gates, which form the supernet; `Fixing` follows an
architecture and returns the modules of the derived network. On torch's meta device, `Relaxing` lists the
choices and both compute the cost of decisions, without allocating weights.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from automtl_core.choices import AnyOf, Architecture, Choice, Decision, of_member
from automtl_core.dataset.schema import Schema
from automtl_core.modules.cost import Cost, blank_features, cost_of, hollow, meta
from automtl_core.modules.embedding import PretrainedVectors
from automtl_core.modules.features import Features
from automtl_core.modules.histories import HistoryEncoderFactory, no_encoder
from automtl_core.modules.inputs import Inputs
from automtl_core.modules.network import gates_of
from automtl_core.modules.relaxation import Gate, MixedOp, Relaxation, Softmax
from automtl_core.modules.sharing import Sharing
from automtl_core.modules.supernet import FixedGate, Fixing, Relaxing, Supernet, copy_shared
from automtl_core.ops import Candidates, OpFactory, standalone
from automtl_core.settings.settings import Component, Configured, S

ALL = "all"
"""Name of all options of a choose-any together, in costs."""


class Chooser(Protocol):
    """The argument of `SearchSpace.build`. Names of choices are unique in a space and stable over versions.

    Sharing is derived from the names, which are paths, see `automtl_core.modules.sharing.Sharing`.
    """

    def one_of(
        self,
        name: str,
        candidates: Candidates,
        inputs: tuple[Sequence[int], int] | None = None,
        shared: bool = False,
    ) -> nn.Module:
        """Return the module for exactly one of the candidates.

        It is called like the candidates; their results must be tensors of one shape.

        Args:
            name: Name of the choice, such as `layer0/expert2/block1`.
            candidates: The candidates: ops, or any other modules.
            inputs: For ops, `(columns, in_dim)`: the input has only these columns of the full width, and the
                op is narrowed to them.
            shared: Whether candidates of one class may share weights while the choice is open, if
                the class supports it (`automtl_core.ops.SharingOp`).

        """
        ...

    def any_of(self, name: str, options: Sequence[str]) -> Gate | FixedGate:
        """Return the gate over any subset of the options.

        `gate.kept` are the positions of the options that can be open: the space builds only these.
        `gate(x, dim)` returns the masked x, whose dimension `dim` runs over the kept options.
        """
        ...


def _filled(network: nn.Module, inputs: tuple[Features]) -> tuple[Features]:
    """Replace missing numbers by 0 before a network is called."""
    (features,) = inputs
    dense = features.dense
    return (features._replace(dense=dense.masked_fill(dense.isnan(), 0.0)),)


class SearchSpace(ABC, Configured[S]):
    """A family of multi-task models. Subclasses declare settings by `SearchSpace[MySettings]`.

    Args:
        schema: The fields and tasks to build for; histories that the encodings do not read are left out.
        settings: An instance of the class's `settings_class`.
        op: Returns the factory of an op by name, such as `mlp-64`.
        encoder: Returns the factory of a history encoder by name, such as `mean`.

    """

    def __init__(
        self,
        schema: Schema,
        settings: S,
        op: Callable[[str], OpFactory],
        encoder: Callable[[str], HistoryEncoderFactory] = no_encoder,
    ) -> None:
        self.schema = schema.as_read()
        self.settings = settings
        self._op = op
        self._encoder = encoder
        self._asked: dict[str, None] = {}

    @abstractmethod
    def build(self, choose: Chooser) -> nn.Module:
        """Return a module that is called with the `Features` of B examples and returns logits [B, T].

        The module may depend on `choose`, the schema, the settings and `self.op` only.
        Parts that no kept option leads to should not be built, and their choices not requested.
        """

    takes_encodings: ClassVar[bool] = False
    """Whether networks read `modules.inputs.Inputs` of a schema, in place of the plain fields.
    Other networks receive 0 for a missing number."""

    needs_histories: ClassVar[bool] = False
    """Whether the rows must have histories."""
    ignores: ClassVar[Collection[str]] = ()
    """Settings of a run without effect on the space, such as `training.learning_rate`. To set one is an
    error, unless another model of a comparison uses it. Tuning does not draw values for them."""
    libraries: ClassVar[Sequence[str]] = ()
    """Distributions besides torch and numpy whose versions byte-identical results depend on."""

    edges: NDArray[np.float32] | None = None
    """Bin edges of numbers, see `bin_edges`; required for networks with bins or derived numbers."""

    spaces: "Callable[[Component, Schema], SearchSpace[Any]] | None" = None
    """Returns another space by its name and settings; None outside of a registry."""

    vectors: Mapping[str, NDArray[np.float32]] = MappingProxyType({})
    """Pretrained vectors of fields by name, [V, P] each; 0 for fields without an entry."""

    def landmarks(self) -> dict[str, Architecture]:
        """Return known architectures of the space by name, such as `mmoe`, as a lower bound for a search.

        Each decides all of `choices()`. Strategies include them in their last round.
        """
        return {}

    def variants(self) -> dict[str, Mapping[str, Any]]:
        """Return settings of the space by a name, under which its choices stay the same.

        Strategies may train their result with them in the last round, such as with fewer members.
        """
        return {}

    def members(self) -> "Mapping[str, SearchSpace[Any]]":
        """Return the spaces of the members of an ensemble by name, such as `member 1`; empty for others.

        The network is then an `Ensemble`, whose members are trained one after the other. The names of their
        choices begin with the name of the member, see `choices.split_name`.
        """
        return {}

    @classmethod
    def resolved(cls, settings: S, parse: Callable[[Component], Component]) -> S:
        """Return settings with all settings of the spaces that they name; `parse` returns those of one."""
        return settings

    @classmethod
    def networks(cls, settings: S) -> int:
        """Return the number of networks that are trained one after the other."""
        return 1

    def op(self, name: str) -> OpFactory:
        """Return the factory of an op, called with (in_dim, out_dim, dropout).

        A run records the requested ops and their plugins.

        Raises:
            UnknownNameError: no plugin registers the name.

        """
        self._asked[name] = None
        return self._op(name)

    def inputs(self, dim: int, std: float) -> Inputs:
        """Return the module that encodes the fields of the schema.

        Args:
            dim: Numbers per id, d.
            std: Standard deviation of the normal distribution of initial embeddings.

        Raises:
            UnknownNameError: no plugin registers a history encoder.

        """
        return Inputs(self.schema, dim, std, self._encoder)

    def ops(self) -> tuple[str, ...]:
        """Return the names of the ops that `build` requests; empty for a hand-designed model."""
        self.choices()
        asked = [self._asked, *(space._asked for space in self.members().values())]
        return tuple(dict.fromkeys(name for names in asked for name in names))

    def with_edges(self, edges: NDArray[np.float32] | None) -> Self:
        """Return the space with bin edges of training rows, see `edges`."""
        found = copy(self)
        found.edges = edges
        return found

    def supernet(self, relaxation: Relaxation | None = None) -> Supernet:
        """Return the supernet, with every choice open.

        Args:
            relaxation: The relaxation of choices; None for `Softmax()`.

        """
        choose = Relaxing(relaxation if relaxation is not None else Softmax())
        return Supernet(self.built(choose), choose.questions)

    @cached_property
    def outline(self) -> Supernet:
        """The supernet on the meta device, without weights."""
        with meta():
            return self.supernet()

    def hollow_supernet(self) -> Supernet:
        """Return the supernet in evaluation mode, with zeros that share memory in place of weights."""
        return hollow(deepcopy(self.outline).eval())

    def choices(self) -> dict[str, Choice]:
        """Return every choice of the space by its name, without allocating weights."""
        return self.outline.choices()

    def network(self, architecture: Architecture, inherit: Supernet | None = None) -> nn.Module:
        """Return the derived network, which contains only the selected options.

        Args:
            architecture: One decision for each of `choices()`.
            inherit: A supernet whose weights the network inherits; None for new weights.

        Raises:
            ArtifactError: the architecture does not fit the choices of this space, or uses an option that the
                supernet has dropped.

        """
        choose = Fixing(self._checked(architecture).of, inherit)
        network = self.built(choose)
        if inherit is not None:
            if (first := next(inherit.parameters(), None)) is not None:
                network.to(first)  # all have its type and device
            copy_shared(inherit.network, network, choose.chosen)
        return network

    def sharing(self, architecture: Architecture) -> Sharing:
        """Return the sharing of the derived network, without computation. Raises as `network` does.

        It is derived from the names of choices, see `Sharing`, and from the gates of the network.
        """
        encodings = self.schema.encodings
        keys = {one.name: one.key for one in encodings.keys}
        keys |= {" ".join(pair): pair[::2] for pair in encodings.pairs}
        asked, network = self._derived(self.canonical(architecture))
        gates = [member + gate.reader for member, gate in gates_of(network) if gate.reads_fields]
        fields, members = self.schema.readable(), list(self.members())
        return Sharing.of(asked, self.choices(), fields, keys, gates, members)

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the architecture with one decision for all choices of parts that are not built.

        Architectures with equal canonical forms have the same network. Raises as `network` does.
        """
        if members := self._members(architecture):
            forms = [space.canonical(own) for space, own in members.values()]
            return replace(architecture, decisions=Architecture.ensemble(forms).decisions)
        asked, _ = self._derived(architecture)
        unasked: dict[str, Decision] = {
            name: () if isinstance(choice, AnyOf) else choice.options[0]
            for name, choice in self.choices().items()
        }
        return replace(architecture, decisions={**unasked, **asked})

    def cost(self, architecture: Architecture) -> Cost:
        """Return the cost of the derived network, without weights. Raises as `network` does."""
        with meta():
            network = self.network(architecture)
        return cost_of(hollow(network), blank_features(self.schema, torch.device("cpu")))

    def costs_of(self, architecture: Architecture) -> dict[str, Cost]:
        """Return for each choice the cost of its decision over that of its cheapest decision.

        The cheapest decision is no option for a choose-any, and for a choose-one the candidate with the
        cheapest network. Raises as `network` does.
        """
        if members := self._members(architecture):
            return {
                f"{member}/{name}": cost
                for member, (space, own) in members.items()
                for name, cost in space.costs_of(own).items()
            }
        (asked, _), whole = self._derived(architecture), self.cost(architecture)
        surplus = dict.fromkeys(self.choices(), whole - whole)  # 0 for choices of parts that are not built
        for name in asked:
            choice = self.choices()[name]
            others: Sequence[Decision] = [()] if isinstance(choice, AnyOf) else choice.options
            costs = [
                self.cost(Architecture({**architecture.decisions, name: other}))
                for other in others
                if other != architecture.decisions[name]
            ]
            least = min([whole, *costs], key=lambda cost: (cost.flops_per_row, cost.parameters))
            surplus[name] = whole - least
        return surplus

    def costs(self) -> dict[str, dict[str, Cost]]:
        """Return for each choice the cost of its options.

        The cost of a choose-one's candidate is that of its module in the supernet. A choose-any has
        one entry, `ALL`: the cost of all its options in a network with all other options and the first
        candidate everywhere.
        """
        choices, costs = self.choices(), dict[str, dict[str, Cost]]()

        def count(question: MixedOp, inputs: tuple[Any, ...]) -> None:
            ops = question.candidates.items()
            costs[question.choice.name] = {option: cost_of(standalone(op), *inputs) for option, op in ops}

        supernet = self.hollow_supernet()
        for question in supernet.questions.values():
            if isinstance(question, MixedOp):
                question.register_forward_pre_hook(count)
        supernet(blank_features(self.schema, torch.device("cpu")))
        everything: dict[str, Decision] = {
            name: choice.options if isinstance(choice, AnyOf) else choice.options[0]
            for name, choice in choices.items()
        }
        whole = self.cost(Architecture(everything))
        for name, choice in choices.items():
            if isinstance(choice, AnyOf):
                costs[name] = {ALL: whole - self.cost(Architecture({**everything, name: ()}))}
        return costs

    def _checked(self, architecture: Architecture) -> Architecture:
        """Return an architecture that fits the choices. Raises as `network` does."""
        architecture.check(self.choices())
        return architecture

    def _derived(self, architecture: Architecture) -> tuple[dict[str, Decision], nn.Module]:
        """Return the choices of the derived network with their decisions, and the network without weights."""
        choose = Fixing(architecture.of)
        with meta():
            network = self.build(choose)
        return choose.asked, network

    def _members(self, architecture: Architecture) -> dict[str, tuple["SearchSpace[Any]", Architecture]]:
        """Return the space and the decisions of each member. Raises as `network` does."""
        decisions = self._checked(architecture).decisions
        spaces = self.members().items()
        return {name: (space, Architecture(of_member(name, decisions))) for name, space in spaces}

    def built(self, choose: Chooser) -> nn.Module:
        """Return the module of `build` with what all networks have, such as the edges of bins."""
        network = self.build(choose)
        if isinstance(network, nn.Module) and not self.takes_encodings:
            network.register_forward_pre_hook(_filled)
        for module in network.modules() if self.edges is not None or self.vectors else ():
            if isinstance(module, Inputs) and self.edges is not None:
                module.load_edges(torch.from_numpy(self.edges))
            if isinstance(module, PretrainedVectors) and self.vectors:
                module.load(torch.from_numpy(self.vectors[module.field]))
        return network
