"""Balancers: learned weights of tasks, and aggregators and scalarizers of TorchJD, an optional library.

A step with an aggregator computes the Jacobian J [T, P] of the losses over the P entries of all shared
parameters. A parameter is shared if more than one task has a gradient other than 0 for it in this step. An
aggregator combines J into one gradient [P]. Every other parameter has the gradient of the mean loss. The
gradient of the penalty is added to all. The gradient of a sparse embedding is sparse: J contains only the
rows that the batch reads. A scalarizer combines the losses into one.

Letters: T tasks, P entries of parameters, n entries of one parameter.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from automtl_core.plugin import Balancer, S, Settings, Task, UsageError


class Uncertainty(Balancer):
    """Task weights learned as homoscedastic uncertainty (Kendall, Gal, Cipolla, CVPR 2018).

    L / sigma^2 + log sigma for a classification (eq. 10), L / (2 sigma^2) + log sigma for a regression (7).
    """

    factors: Tensor

    def __init__(self, settings: Settings, tasks: Sequence[Task]) -> None:
        super().__init__(settings, tasks)
        self.log_variances = nn.Parameter(torch.zeros(len(tasks)))  # log sigma^2, as the paper learns it
        factors = torch.tensor([task.type.variance_factor for task in tasks])
        self.register_buffer("factors", factors, persistent=False)

    def backward(self, losses: Tensor, penalty: Tensor, inputs: Sequence[nn.Parameter]) -> None:
        """Differentiate the mean over tasks of the paper's terms; a task without a loss has no term."""
        s = self.log_variances.to(losses.dtype)
        by_task = self.factors * (-s).exp() * losses + s / 2
        labelled = losses.detach() != 0
        loss = torch.where(labelled, by_task, 0.0).mean() + penalty
        loss.backward(inputs=list(inputs))  # type: ignore[no-untyped-call]


def torchjd(module: str, name: str, **arguments: Any) -> Any:
    """Return a new object of a class of TorchJD.

    Raises:
        UsageError: TorchJD, or a further dependency of this class, is not installed.

    """
    try:
        return getattr(import_module(f"torchjd.{module}"), name)(**arguments)
    except ImportError as error:
        raise UsageError(
            f"training.balancer: {name} needs TorchJD and its dependencies: {error}",
            "install them: pip install 'automtl[torchjd]'",
        ) from None


class Aggregated(Balancer[S]):
    """Base of aggregators. A subclass has the name of its TorchJD class; its settings are arguments."""

    libraries = ("torchjd",)
    sums: ClassVar[bool] = False
    """Whether the aggregator sums rows. The others average them."""
    arguments: ClassVar[Mapping[str, float]] = {}
    """Arguments besides the settings."""

    def __init__(self, settings: S, tasks: Sequence[Task]) -> None:
        super().__init__(settings, tasks)
        self.aggregator = torchjd(
            "aggregation", type(self).__name__, **self.arguments, **settings.model_dump()
        )

    def backward(self, losses: Tensor, penalty: Tensor, inputs: Sequence[nn.Parameter]) -> None:
        """Aggregate the gradients of shared parameters, and average those of all others."""
        by_task = [_gradients(loss, inputs) for loss in losses]
        extra = _gradients(penalty, inputs) if penalty.requires_grad else [None] * len(inputs)
        shared: dict[nn.Parameter, _Block] = {}
        for parameter, by_loss in zip(inputs, zip(*by_task, strict=True), strict=True):
            telling = [g for g in by_loss if g is not None and (g.values() if g.is_sparse else g).any()]
            if len(telling) > 1:
                shared[parameter] = _Block(by_loss, parameter)
            elif reached := telling or [gradient for gradient in by_loss if gradient is not None]:
                parameter.grad = reached[0] / len(losses)
        if shared:
            vector = self.combined(torch.cat([block.matrix for block in shared.values()], 1))
            sizes = [block.matrix.shape[1] for block in shared.values()]
            for (parameter, block), part in zip(shared.items(), torch.split(vector, sizes), strict=True):
                parameter.grad = block.gradient(part)
        for parameter, more in zip(inputs, extra, strict=True):
            if more is not None:
                parameter.grad = more if parameter.grad is None else more + parameter.grad

    def combined(self, jacobian: Tensor) -> Tensor:
        """Return one gradient, [T, P] -> [P]. Tasks with a gradient of 0, as without a label, are left out.

        The Jacobian is scaled to norm 1, because aggregators treat short gradients as 0.
        """
        rows = jacobian[jacobian.any(1)]
        length = torch.linalg.norm(rows)
        combined: Tensor = self.aggregator(rows / length) * length
        return combined / len(jacobian) if self.sums else combined


class _Block:
    """The columns of the Jacobian that belong to a parameter, [T, n].

    Args:
        gradients: Gradient of each task; None if the parameter has no effect on the task. All are sparse, or
            none is.
        like: The parameter.

    """

    def __init__(self, gradients: Sequence[Tensor | None], like: Tensor) -> None:
        self.shape = like.shape
        self.rows: Tensor | None = None
        present = [gradient for gradient in gradients if gradient is not None]
        if present[0].is_sparse:
            self.rows = torch.unique(torch.cat([gradient.indices()[0] for gradient in present]))
        columns = [self._column(gradient, like) for gradient in gradients]
        self.matrix = torch.stack([column.flatten() for column in columns])

    def _column(self, gradient: Tensor | None, like: Tensor) -> Tensor:
        if self.rows is None:
            return torch.zeros_like(like) if gradient is None else gradient
        column = like.new_zeros(len(self.rows), *self.shape[1:])
        if gradient is not None:
            column[torch.searchsorted(self.rows, gradient.indices()[0])] = gradient.values()
        return column

    def gradient(self, entries: Tensor) -> Tensor:
        """Return entries [n] as a gradient of the parameter, sparse if those of the tasks are."""
        if self.rows is None:
            return entries.view(self.shape)
        values = entries.view(len(self.rows), *self.shape[1:])
        made = torch.sparse_coo_tensor(self.rows[None], values, self.shape, check_invariants=True)
        return made.coalesce()


def _gradients(loss: Tensor, inputs: Sequence[nn.Parameter]) -> list[Tensor | None]:
    gradients = torch.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True)
    return [g.coalesce() if g is not None and g.is_sparse else g for g in gradients]


class AlignedMTL(Aggregated):
    """Aligned principal components (Senushkin et al., CVPR 2023), by TorchJD."""


class CAGradSettings(Settings):
    """Settings of CAGrad."""

    c: float = Field(0.5, ge=0, lt=1)
    """Maximum distance of the combined gradient from the mean gradient, relative to the length of the mean
    gradient. 0 gives the mean gradient."""


class CAGrad(Aggregated[CAGradSettings]):
    """Conflict-averse gradient descent (Liu et al., NeurIPS 2021), by TorchJD."""


class NoSettings(Settings):
    """No settings: the values are those of the papers."""

    removed: ClassVar = {"alpha": 1.0, "mu": 0.1}


class FairGrad(Aggregated[NoSettings]):
    """Fair resource allocation among tasks (Ban and Ji, ICML 2024), by TorchJD."""

    sums = True
    arguments: ClassVar = {"alpha": 1.0}
    """Fairness: 1 is the Nash bargaining solution of Nash-MTL (Navon et al., ICML 2022)."""


class GradDrop(Aggregated):
    """Gradient sign dropout (Chen et al., NeurIPS 2020), by TorchJD."""

    sums = True


class IMTLG(Aggregated):
    """Impartial multi-task learning, gradient balance (Liu et al., ICLR 2021), by TorchJD."""


class MGDA(Aggregated):
    """Multiple-gradient descent (Desideri 2012; Sener and Koltun, NeurIPS 2018), by TorchJD."""


class PCGrad(Aggregated):
    """Gradient surgery (Yu et al., NeurIPS 2020), by TorchJD."""

    sums = True


class UPGrad(Aggregated):
    """Unconflicting projection of gradients (Quinton and Rey, 2024), by TorchJD."""


class Scalarized(Balancer[S]):
    """Base of scalarizers. A subclass has the name of its TorchJD class."""

    libraries = ("torchjd",)
    arguments: ClassVar[Mapping[str, float]] = {}

    def __init__(self, settings: S, tasks: Sequence[Task]) -> None:
        super().__init__(settings, tasks)
        self.scalarizer = torchjd("scalarization", type(self).__name__, **self.arguments)

    def backward(self, losses: Tensor, penalty: Tensor, inputs: Sequence[nn.Parameter]) -> None:
        """Differentiate the scalar and the penalty together; tasks without a loss are left out."""
        present = losses[losses.detach() != 0]
        loss = (self.scalarizer(present) if len(present) else losses.sum()) + penalty
        loss.backward(inputs=list(inputs))


class GeometricMean(Scalarized):
    """The geometric mean of the losses (Chennupati et al., MultiNet++, CVPR workshops 2019), by TorchJD."""


class Random(Scalarized):
    """Random weights, new ones in each step (Lin et al., TMLR 2022), by TorchJD."""


class STCH(Scalarized[NoSettings]):
    """Smooth Tchebycheff: a soft maximum of the losses (Lin et al., ICML 2024), by TorchJD."""

    arguments: ClassVar = {"mu": 0.1}
    """Smoothing: the combined loss approaches the largest loss of the tasks as the value approaches 0."""
