"""Search spaces: one `build`, read three ways.

The author of a space writes `build(choose)` and asks a question wherever the design is open. Whoever
calls it decides what the questions mean: `Relaxing` answers with mixed ops and gates, which makes the
supernet; `Fixing` answers from an architecture, which makes the derived network.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from automtl_core.choices import AnyOf, Architecture, Choice, Decision, OneOf
from automtl_core.errors import PluginError
from automtl_core.modules.relaxed import FixedGate, Gate, MixedOp
from automtl_core.network import Ids, Penalised
from automtl_core.ops import OpFactory, narrowed
from automtl_core.schema import Schema
from automtl_core.settings import Settings

Candidates = Mapping[str, Callable[[], nn.Module]]
"""Name -> a call that builds the op at its full width."""


class Chooser(Protocol):
    """What `SearchSpace.build` asks. Labels are unique within a space and stable over versions."""

    def one_of(
        self, label: str, candidates: Candidates, inputs: tuple[Sequence[int], int] | None = None
    ) -> nn.Module:
        """Return the module that stands for exactly one of the candidates.

        Args:
            label: Name of the choice, such as `layer0/expert2/block1`.
            candidates: The ops to choose from.
            inputs: `(columns, in_dim)` where the input holds only these columns of the full width.

        """
        ...

    def any_of(self, label: str, options: Sequence[str]) -> Gate | FixedGate:
        """Return the gate over any subset of the options."""
        ...


class SearchSpace(ABC):
    """A family of multi-task models. Subclasses state `settings_class`, `build` and perhaps `op_names`.

    Args:
        schema: The fields and tasks to build for.
        settings: An instance of the class's `settings_class`.
        op: Finds the factory of an op by its name, such as `mlp-64`.

    """

    settings_class: ClassVar[type[Settings]] = Settings

    def __init__(self, schema: Schema, settings: Settings, op: Callable[[str], OpFactory]) -> None:
        self.schema = schema
        self.settings = settings
        self.op = op

    @abstractmethod
    def build(self, choose: Chooser) -> nn.Module:
        """Return a module `(ids of B examples, dense [B, M]) -> logits [B, T]`.

        Everything that the module reads must come from `choose`, the schema and the settings. Parts that
        no kept option leads to should not be built, nor asked about.
        """

    def op_names(self) -> Sequence[str]:
        """Return the names of the ops that the space offers; empty for a hand-designed model."""
        return ()

    def supernet(self) -> "Supernet":
        """Return the continuous model: every choice is open."""
        choose = Relaxing()
        return Supernet(self.build(choose), choose.questions)

    def choices(self) -> dict[str, Choice]:
        """Return every question of the space by its label, without allocating a weight."""
        with torch.device("meta"):
            return self.supernet().choices()

    def network(self, architecture: Architecture, inherit: "Supernet | None" = None) -> nn.Module:
        """Return the derived network, which holds nothing that was not chosen.

        Args:
            architecture: One decision for each of `choices()`.
            inherit: A supernet whose weights the network takes over; without one it starts anew.

        Raises:
            ArtifactError: the architecture does not answer the questions of this space.

        """
        architecture.check(self.choices())
        choose = Fixing(architecture.decisions, inherit.questions if inherit else {})
        network = self.build(choose)
        if inherit is not None:
            network.to(next(inherit.parameters()))
            _copy_shared(inherit.network, network, choose.ops)
        return network


class Relaxing:
    """Chooser of the supernet: keeps every question open."""

    def __init__(self) -> None:
        self.questions: dict[str, MixedOp | Gate] = {}

    def one_of(
        self, label: str, candidates: Candidates, inputs: tuple[Sequence[int], int] | None = None
    ) -> MixedOp:
        """Return the mixed op over all candidates."""
        ops = {name: make() for name, make in candidates.items()}
        if inputs is not None:
            ops = {name: narrowed(op, *inputs) for name, op in ops.items()}
        mixed = MixedOp(OneOf(label, tuple(candidates)), ops)
        self._ask(label, mixed)
        return mixed

    def any_of(self, label: str, options: Sequence[str]) -> Gate:
        """Return the gate over all options."""
        gate = Gate(AnyOf(label, tuple(options)))
        self._ask(label, gate)
        return gate

    def _ask(self, label: str, question: MixedOp | Gate) -> None:
        if self.questions.setdefault(label, question) is not question:
            raise PluginError(f"the search space asks {label!r} twice", fix="give each choice its own label")


class Fixing:
    """Chooser of the derived network: every question has its answer.

    Args:
        decisions: The answers.
        trained: Questions of a supernet by label, whose chosen ops are copied; without it all are built anew.

    """

    def __init__(self, decisions: Mapping[str, Decision], trained: Mapping[str, MixedOp | Gate]) -> None:
        self.decisions = decisions
        self.trained = trained
        self.ops: list[nn.Module] = []

    def one_of(
        self, label: str, candidates: Candidates, inputs: tuple[Sequence[int], int] | None = None
    ) -> nn.Module:
        """Return the chosen op, narrowed to the inputs that are left."""
        name = str(self.decisions[label])
        trained = self.trained.get(label)
        op = deepcopy(trained.candidates[name]) if isinstance(trained, MixedOp) else candidates[name]()
        if inputs is not None:
            op = narrowed(op, *inputs)
        self.ops.append(op)
        return op

    def any_of(self, label: str, options: Sequence[str]) -> FixedGate:
        """Return the gate that passes the chosen options."""
        return FixedGate(AnyOf(label, tuple(options)), self.decisions[label])


class Supernet(nn.Module):
    """The continuous model, with all that a search strategy needs and nothing of the space.

    Called as `(ids of B examples, dense [B, M]) -> logits [B, T]`.
    """

    def __init__(self, network: nn.Module, questions: Mapping[str, MixedOp | Gate]) -> None:
        super().__init__()
        self.network = network
        self.questions = questions

    def forward(self, ids: Ids, dense: Tensor) -> Tensor:
        out: Tensor = self.network(ids, dense)
        return out

    def penalty(self, logits: Tensor) -> Tensor:
        """Return what the network adds to the loss, nothing where it adds nothing."""
        return self.network.penalty(logits) if isinstance(self.network, Penalised) else logits.new_zeros(())

    def choices(self) -> dict[str, Choice]:
        """Return every question by its label, decided or not."""
        return {label: module.choice for label, module in self.questions.items()}

    def logits(self) -> dict[str, nn.Parameter]:
        """Return the logits of the undecided choices by label."""
        return {label: m.logits for label, m in self.questions.items() if m.logits is not None}

    def weights(self) -> dict[str, nn.Parameter]:
        """Return all other parameters that are alive, by name."""
        logits = {id(p) for p in self.logits().values()}
        return {name: p for name, p in self.named_parameters() if id(p) not in logits}

    def favourites(self) -> dict[str, Decision]:
        """Return for each choice its decision, or what it would be if it were fixed now."""
        return {label: module.favourite() for label, module in self.questions.items()}

    def sample_gates(self, on: bool) -> None:
        """Let gates draw their bits in training (search), or hold them open (warm-up)."""
        for question in self.questions.values():
            if isinstance(question, Gate):
                question.sampling = on

    def fix(self, label: str, decision: Decision) -> None:
        """Settle one choice; what was not chosen leaves the supernet and costs nothing any more.

        Raises:
            ArtifactError: no such label, or a decision that is none of its options.

        """
        Architecture({label: decision}).check({k: c for k, c in self.choices().items() if k == label})
        question = self.questions[label]
        if isinstance(question, MixedOp):
            question.fix(str(decision))
        else:
            question.fix(decision)

    def architecture(self) -> Architecture:
        """Return the decisions and, for what is undecided, the favourites."""
        return Architecture(self.favourites())


def _copy_shared(source: nn.Module, target: nn.Module, ops: Sequence[nn.Module]) -> None:
    """Copy what lies outside of ops, which were copied when they were chosen."""
    inside_ops = {id(t) for op in ops for t in (*op.parameters(), *op.buffers())}
    available = dict(source.state_dict(keep_vars=True))
    with torch.no_grad():
        for name, tensor in target.state_dict(keep_vars=True).items():
            if id(tensor) in inside_ops:
                continue
            if name not in available or available[name].shape != tensor.shape:
                raise PluginError(
                    f"the search space builds {name!r} with another name or shape than in the supernet",
                    fix="let only ops and gates differ between build(Relaxing()) and build(Fixing(...))",
                )
            tensor.copy_(available[name])
