"""Search spaces: one `build`, read three ways.

The author of a space writes `build(choose)` and asks a question wherever the design is open. Whoever
calls it decides what the questions mean: `Relaxing` answers with mixed ops and gates, which makes the
supernet; `Fixing` answers from an architecture, which makes the derived network; and on torch's meta device
the first of them lists the questions, and both tell what answers cost, without a weight.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import nn

from automtl_core.choices import AnyOf, Architecture, Choice, Decision
from automtl_core.dataset.fitted import FittedEncodings
from automtl_core.dataset.schema import Schema
from automtl_core.modules.cost import Cost, blank_features, cost_of, hollow
from automtl_core.modules.derive import FixedGate, Fixing, copy_shared
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import ReadsFitted
from automtl_core.modules.relaxation import Relaxation, Softmax
from automtl_core.modules.relaxed import Gate, MixedOp
from automtl_core.modules.sharing import Sharing
from automtl_core.modules.supernet import Relaxing, Supernet
from automtl_core.ops import Candidates, OpFactory, standalone
from automtl_core.settings.settings import Configured, S

ALL = "all"
"""What a cost is of that all options of a choose-any have together."""
_CPU = torch.device("cpu")


class Chooser(Protocol):
    """What `SearchSpace.build` asks. Names of choices are unique within a space and stable over versions.

    People read from the names who shares what: they are paths, see `automtl_core.modules.sharing.Sharing`.
    """

    def one_of(
        self,
        name: str,
        candidates: Candidates,
        inputs: tuple[Sequence[int], int] | None = None,
        shared: bool = False,
    ) -> nn.Module:
        """Return the module that stands for exactly one of the candidates.

        It is called as they are; what they return must be tensors of one shape.

        Args:
            name: Of the choice, such as `layer0/expert2/block1`.
            candidates: What to choose from: ops, or any other modules.
            inputs: For ops, `(columns, in_dim)`: their input holds only these columns of the full width. What
                was closed before them is then narrowed away.
            shared: Whether candidates of one class may hold the same weights while the choice is open, if
                the class can do that (`automtl_core.ops.SharingOp`).

        """
        ...

    def any_of(self, name: str, options: Sequence[str]) -> Gate | FixedGate:
        """Return the gate over any subset of the options.

        `gate.kept` are the positions of the options that can be open: the space builds these and no others.
        `gate(x, dim)` gives back x, of which the dimension `dim` runs over the kept options.
        """
        ...


def _filled(network: nn.Module, inputs: tuple[Features]) -> tuple[Features]:
    """Replace missing numbers by 0 before a network is called."""
    (features,) = inputs
    dense = features.dense
    return (features._replace(dense=dense.masked_fill(dense.isnan(), 0.0)),)


class SearchSpace(ABC, Configured[S]):
    """A family of multi-task models. Subclasses name their settings, `SearchSpace[MySettings]`, and `build`.

    Args:
        schema: The fields and tasks to build for.
        settings: An instance of the class's `settings_class`.
        op: Finds the factory of an op by its name, such as `mlp-64`.

    """

    def __init__(self, schema: Schema, settings: S, op: Callable[[str], OpFactory]) -> None:
        self.schema = schema
        self.settings = settings
        self._op = op
        self._asked: dict[str, None] = {}
        self._choices: dict[str, Choice] = {}  # once they were asked for

    @abstractmethod
    def build(self, choose: Chooser) -> nn.Module:
        """Return a module that is called with the `Features` of B examples and returns logits [B, T].

        Everything that the module reads must come from `choose`, the schema, the settings and `self.op`.
        Parts that no kept option leads to should not be built, nor asked about.
        """

    takes_encodings: ClassVar[bool] = False
    """Whether networks read what `modules.inputs.Inputs` gives of a schema, and not the fields themselves.
    To those that do not a missing number is 0."""

    @classmethod
    def asks_inputs(cls, settings: S) -> bool:
        """Return whether it asks itself how fields are encoded: then its schema offers all that there is."""
        return False

    ignores: ClassVar[Collection[str]] = ()
    """Settings of a run that change nothing here, such as `training.learning_rate`: to give one is an error,
    unless another model of a comparison reads it, and tuning does not draw it."""
    libraries: ClassVar[Sequence[str]] = ()
    """Distributions beside torch and numpy on whose versions equal bytes depend."""

    fitted: FittedEncodings | None = None
    """What encodings take from training rows, where that is known: networks that are trained must have it."""

    def landmarks(self) -> dict[str, Architecture]:
        """Return known points of the space by name, such as `mmoe`: what a search should not end below.

        Each answers all of `choices()`. Strategies let them take part in their last round.
        """
        return {}

    def op(self, name: str) -> OpFactory:
        """Return the factory of an op, to be called with (in_dim, out_dim, dropout).

        What is asked for here is what a run says that it depends on.

        Raises:
            UnknownNameError: no plugin registers the name.

        """
        self._asked[name] = None
        return self._op(name)

    def ops(self) -> tuple[str, ...]:
        """Return the names of the ops that `build` asks for; none for a hand-designed model."""
        self.choices()
        return tuple(self._asked)

    def supernet(self, relaxation: Relaxation | None = None) -> Supernet:
        """Return the continuous model: every choice is open.

        Args:
            relaxation: How logits become weights; `Softmax()` where None.

        """
        choose = Relaxing(relaxation if relaxation is not None else Softmax())
        return Supernet(self._built(choose), choose.questions)

    def choices(self) -> dict[str, Choice]:
        """Return every choice of the space by its name, without allocating a weight."""
        if not self._choices:  # of a space that asks nothing, a build is cheap
            with torch.device("meta"):
                self._choices = self.supernet().choices()
        return dict(self._choices)

    def network(self, architecture: Architecture, inherit: Supernet | None = None) -> nn.Module:
        """Return the derived network, which holds nothing that was not chosen.

        Args:
            architecture: One decision for each of `choices()`.
            inherit: A supernet whose weights the network takes over; without one it starts anew.

        Raises:
            ArtifactError: the architecture does not answer the questions of this space, or says what the
                supernet does not hold any more.

        """
        architecture.check(self.choices())
        choose = Fixing(architecture.decisions, inherit.questions if inherit else {})
        network = self._built(choose)
        if inherit is not None:
            for parameter in inherit.parameters():
                network.to(parameter)  # whose type and device all have
                break
            copy_shared(inherit.network, network, choose.chosen)
        return network

    def sharing(self, architecture: Architecture) -> Sharing:
        """Return who reads what in the derived network; nothing is computed. Raises as `network` does.

        It follows from the names of choices, see `Sharing`.
        """
        pairs = {
            cross.name: pair
            for cross, pair in zip(self.schema.crosses(), self.schema.encodings.pairs, strict=True)
        }
        return Sharing.of(self._asked_by(architecture), self.choices(), self.schema.readable(), pairs)

    def cost(self, architecture: Architecture) -> Cost:
        """Return what the derived network costs; it gets no weights. Raises as `network` does."""
        with torch.device("meta"):
            network = self.network(architecture)
        return cost_of(hollow(network), blank_features(self.schema, _CPU))

    def costs_of(self, architecture: Architecture) -> dict[str, Cost]:
        """Return for each choice what its answer costs: what the network has more than with the least.

        The least is no option of a choose-any, and of a choose-one the candidate that makes the cheapest
        network. Raises as `network` does.
        """
        asked, whole = self._asked_by(architecture), self.cost(architecture)
        found = dict.fromkeys(self.choices(), whole - whole)  # what is not asked, of parts that nobody reads
        for name in asked:
            choice = self.choices()[name]
            others: Sequence[Decision] = [()] if isinstance(choice, AnyOf) else choice.options
            costs = [
                self.cost(Architecture({**architecture.decisions, name: other}))
                for other in others
                if other != architecture.decisions[name]
            ]
            least = min([whole, *costs], key=lambda cost: (cost.flops_per_row, cost.parameters))
            found[name] = whole - least
        return found

    def costs(self) -> dict[str, dict[str, Cost]]:
        """Return for each choice what answers to it cost.

        A candidate of a choose-one costs what it is as it stands in the supernet. Of a choose-any there is
        one answer, `ALL`: what all options add to the network that keeps everything else, with the first
        candidate everywhere.
        """
        choices, found = self.choices(), self._costs_of_candidates()
        everything: dict[str, Decision] = {
            name: choice.options if isinstance(choice, AnyOf) else choice.options[0]
            for name, choice in choices.items()
        }
        whole = self.cost(Architecture(everything))
        for name, choice in choices.items():
            if isinstance(choice, AnyOf):
                found[name] = {ALL: whole - self.cost(Architecture({**everything, name: ()}))}
        return found

    def _asked_by(self, architecture: Architecture) -> dict[str, Decision]:
        """Return what the derived network asks, with the answers; nothing is computed."""
        architecture.check(self.choices())
        choose = Fixing(architecture.decisions, {})
        with torch.device("meta"):
            self.build(choose)
        return choose.asked

    def _built(self, choose: Chooser) -> nn.Module:
        network = self.build(choose)
        if isinstance(network, nn.Module) and not self.takes_encodings:
            network.register_forward_pre_hook(_filled)
        if self.fitted is not None:
            for module in network.modules():
                if isinstance(module, ReadsFitted):
                    module.tell(self.fitted)
        return network

    def _costs_of_candidates(self) -> dict[str, dict[str, Cost]]:
        """Return the cost of each candidate, counted on what it is called with."""
        found: dict[str, dict[str, Cost]] = {}

        def look(question: MixedOp, inputs: tuple[Any, ...]) -> None:
            ops = question.candidates.items()
            found[question.choice.name] = {option: cost_of(standalone(op), *inputs) for option, op in ops}

        with torch.device("meta"):
            supernet = self.supernet().eval()
        hollow(supernet)
        for question in supernet.questions.values():
            if isinstance(question, MixedOp):
                question.register_forward_pre_hook(look)
        supernet(blank_features(self.schema, _CPU))
        return found
