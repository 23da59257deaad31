"""Playing trainings from the table: a network that stands for its own record.

Its only weight is the number of steps that it took, so that all of `Fit` is as ever: patience, the best
epoch, checkpoints. Only a step and an evaluation are not computed, but looked up. What they would have cost
is counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from automtl_core.choices import Architecture
from automtl_core.data.part import Part
from automtl_core.dataset.schema import Task
from automtl_core.modules.cost import Cost
from automtl_core.modules.features import Features
from automtl_core.modules.supernet import Supernet
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.search.trial import Problem
from automtl_core.training import fit
from automtl_core.training.batches import Batch, steps
from automtl_core.training.events import EventHandler
from automtl_core.training.loop import StepLosses
from automtl_core.training.metrics import TaskMetrics
from automtl_testing.samples import binary_metrics
from tabular.slice import Slice, key
from tabular.table import Record, Training


class Meter:
    """Operations of what was played."""

    def __init__(self) -> None:
        self.flops = 0.0

    def __deepcopy__(self, memo: Any) -> "Meter":
        return self  # a copy of a network runs on the same account


class Products(TorchFunctionMode):
    """Counts operations of layers and `einsum`, backward passes as twice the forward pass.

    For supernets, which are many small products: torch's own counter makes them four times slower.
    """

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self.meter = meter

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func is F.linear:
            flops = 2 * args[0].numel() * len(args[1])
        elif func is torch.einsum:
            terms = args[0].partition("->")[0].split(",")
            shapes = (zip(term, x.shape, strict=True) for term, x in zip(terms, args[1:], strict=True))
            sizes = {letter: size for shape in shapes for letter, size in shape}
            flops = 2 * prod(sizes.values())
        else:
            return out
        if out.device.type != "meta":
            self.meter.flops += flops * (3 if out.requires_grad else 1)
        return out


class Played(nn.Module):
    """A network that is trained by looking up what came of it."""

    def __init__(self, record: Record | None, problem: Problem, meter: Meter, flops_per_row: int) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.steps: Tensor
        self.weight = nn.Parameter(torch.zeros(1))  # optimisers and evaluation ask for one
        self.training_of: Training | None = record and record.training(problem.seed)
        self.meter = meter
        self.flops_per_row = flops_per_row
        self.tasks = len(problem.data.tasks)
        self.epoch_steps = steps(len(problem.data.train), problem.recipe.batch_size)

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        self.meter.flops += self.flops_per_row * len(features.dense)
        return features.dense.new_zeros(len(features.dense), self.tasks)

    def take(self, batch: Batch) -> StepLosses:
        """Take a step; return losses, which nobody knows any more."""
        self.meter.flops += 3 * self.flops_per_row * len(batch.labels)
        self.steps += 1
        return StepLosses(torch.zeros(self.tasks), torch.ones(self.tasks, dtype=torch.long))

    def metrics(self, part: Part, tasks: Sequence[Task]) -> dict[str, TaskMetrics]:
        """Return the validation metrics of the epoch in which it is."""
        self.meter.flops += self.flops_per_row * len(part)
        epoch = int(self.steps) // self.epoch_steps - 1
        found: dict[str, TaskMetrics] = {}
        for t, task in enumerate(tasks):
            curves = self.training_of.validation[task.name] if self.training_of else BLIND
            auc, loss = (curves[m][min(epoch, len(curves[m]) - 1)] for m in ("auc", "log_loss"))
            found[task.name] = binary_metrics(auc, loss, int(part.labels[:, t].sum()), len(part))
        return found


BLIND: Mapping[str, Sequence[float]] = {"auc": (0.5,), "log_loss": (0.6931,)}
"""Of an architecture that is not in the table, since one of its tasks reads nothing: as if none did."""


class PlayedSpace(Slice):
    """The slice with networks that are played. Those with weights of a supernet are real."""

    def __init__(self, real: Slice, records: Mapping[str, Record], meter: Meter) -> None:
        super().__init__(real.schema, real.settings, real._op)
        self.real, self.records, self.meter = real, records, meter
        self.problem: Problem

    def network(self, architecture: Architecture, inherit: Supernet | None = None) -> nn.Module:
        """Return a network that is played."""
        if inherit is not None:
            return self.real.network(architecture, inherit)
        record = self.record(architecture)
        flops = (record or self.cost(architecture)).flops_per_row
        return Played(record, self.problem, self.meter, flops)

    def record(self, architecture: Architecture) -> Record | None:
        """Return what the table says of an architecture."""
        return self.records.get(key(self.real.asked(architecture)))

    def cost(self, architecture: Architecture) -> Cost:
        """Return what the real network costs."""
        return self.real.cost(architecture)


@contextmanager
def playing() -> Iterator[None]:
    """Let `Fit` look up what comes of a `Played` network."""
    take_step, evaluate = fit.step, fit.evaluate

    def step(network: nn.Module, batch: Batch, *rest: Any) -> StepLosses:
        return network.take(batch) if isinstance(network, Played) else take_step(network, batch, *rest)

    def metrics(network: nn.Module, part: Part, tasks: Sequence[Task], *rest: Any) -> dict[str, TaskMetrics]:
        if isinstance(network, Played):
            return network.metrics(part, tasks)
        return evaluate(network, part, tasks, *rest)

    with patch.object(fit, "step", step), patch.object(fit, "evaluate", metrics):
        yield


def replay(
    strategy: type[SearchStrategy[Any]],
    settings: Mapping[str, Any],
    given: Problem,
    records: Mapping[str, Record],
) -> tuple[SearchResult, Record | None, float]:
    """Search with trainings from the table.

    Args:
        strategy: The class.
        settings: Those that differ from the defaults.
        given: A problem of the benchmark.
        records: The table of it.

    Returns:
        What was found, its record, and the operations of the search: supernets are real, and counted.

    """
    assert isinstance(given.space, Slice)  # noqa: S101 - problems of the benchmark are
    space = PlayedSpace(given.space, records, meter := Meter())
    space.problem = replace(given, space=space)
    # The table has no losses by row, so the better score decides.
    score_decides = {"ahead": 0.0} if "ahead" in strategy.settings_class.model_fields else {}
    search = strategy(strategy.settings_class.parse({**score_decides, **settings}), space.problem)
    with playing(), Products(meter):
        found = search.search(EventHandler())
    return found, space.record(found.architecture), meter.flops
