"""The contract of balancers. Letters: B batch, T tasks."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from automtl_core.dataset.schema import Schema
from automtl_core.modules.features import Features
from automtl_core.modules.table import RowTable
from automtl_core.settings.settings import Settings
from automtl_core.system.state import State
from automtl_core.training.balancer import Balancer, balancer_of, task_losses
from automtl_core.training.batches import Batch, take
from automtl_core.training.compute import CPU
from automtl_core.training.fit import Fit
from automtl_core.training.learner import TrainingData
from automtl_core.training.loop import objective
from automtl_core.training.recipe import Recipe
from automtl_testing.requirements import Watch, same_weights
from automtl_testing.samples import sample_part, sample_schema


class _Network(nn.Module):
    """A sparse embedding and a layer that all tasks share, a tower for each task, and a penalty."""

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self.table = RowTable(schema.sparse[0].size, 4)
        self.body = nn.Linear(4 + len(schema.dense), 8)
        self.towers = nn.ModuleList(nn.Linear(8, 1) for _ in schema.tasks)
        self.alone = nn.Parameter(torch.ones(3))
        """A parameter of the penalty only."""

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        ids = features.ids[:, 0]
        rows, at = self.table.read(ids)
        x = torch.cat([rows[at], features.dense.nan_to_num()], dim=1)
        shared = nn.functional.dropout(self.body(x).tanh(), 0.2, self.training)
        return torch.cat([tower(shared) for tower in self.towers], dim=1)

    def penalty(self, logits: Tensor) -> Tensor:
        return self.alone.square().sum()


def check_balancer(balancer: type[Balancer[Any]], settings: Settings | None = None) -> None:
    """Check the gradients of a balancer, that training is reproducible, and that it can be resumed.

    Args:
        balancer: The balancer class.
        settings: Its settings; None for the defaults.

    Raises:
        AssertionError: a requirement is violated.

    """
    values = (settings or balancer.settings_class()).model_dump(mode="json")
    settings_of_recipe = {"batch_size": 32, "epochs": 3, "balancer": {"name": "checked", **values}}
    recipe = Recipe.parse(settings_of_recipe).knowing(balancer)
    schema = sample_schema(multi=False)
    part = sample_part(schema, 128, seed=1)
    batch = take(part, np.arange(32), CPU.device)
    _check_gradients(schema, batch, recipe, "")
    for t, task in enumerate(schema.tasks):
        labels = batch.labels.clone()
        labels[:, t] = torch.nan
        where = f" where no row has a label of {task.name}"
        _check_gradients(schema, batch._replace(labels=labels), recipe, where)
    single = Schema(schema.sparse, schema.dense, schema.tasks[:1])
    _check_gradients(single, batch._replace(labels=batch.labels[:, :1]), recipe, " of a single task")
    data = TrainingData(part, sample_part(schema, 128, seed=2), schema.tasks)
    whole = _trained(schema, data, recipe)
    again, resumed = _trained(schema, data, recipe), _trained(schema, data, recipe, stop=1)
    assert same_weights(whole, again), "training must depend on its seed alone"
    where = "keep state in buffers, parameters or get_extra_state"
    assert same_weights(whole, resumed), f"training that is resumed must end the same: {where}"


def _check_gradients(schema: Schema, batch: Batch, recipe: Recipe, where: str) -> None:
    torch.manual_seed(0)
    network, balancer = _Network(schema), balancer_of(recipe, schema.tasks)
    parts = objective(network, batch, task_losses(recipe, schema.tasks, CPU.device), CPU)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    stays = network.towers[0].weight
    inputs = [p for p in (*network.parameters(), *balancer.parameters()) if p is not stays]
    balancer.backward(parts.losses, parts.penalty, inputs)
    for parameter in inputs:
        assert parameter.grad is not None, f"every parameter that a loss reaches needs a gradient{where}"
        assert parameter.grad.to_dense().isfinite().all(), f"gradients must be finite{where}"
    sparse = network.table.weight.grad
    assert sparse is not None, f"a sparse embedding needs a gradient{where}"
    assert sparse.is_sparse, f"the gradient of a sparse embedding must be sparse{where}"
    assert stays.grad is None, f"a parameter outside of `inputs` must have no gradient{where}"
    assert network.alone.grad is not None, f"the penalty must count in full{where}"
    assert torch.allclose(network.alone.grad, 2 * network.alone), f"the penalty must count in full{where}"
    same = all(torch.equal(*pair) for pair in zip(before, network.parameters(), strict=True))
    assert same, f"backward must not move parameters{where}"


def _trained(schema: Schema, data: TrainingData, recipe: Recipe, stop: int | None = None) -> State:
    """Return the weights at the end of training, which is interrupted and resumed once if `stop` is given."""
    torch.manual_seed(0)
    fit = Fit(_Network(schema), data, recipe, 0, CPU)
    fit.run(watch := Watch(fit.state_dict, lambda watch: len(watch.reports) != stop))
    if stop is not None:
        fit = Fit(_Network(schema), data, recipe, 0, CPU)
        fit.load_state_dict(watch.state)
        fit.run(watch := Watch(fit.state_dict))
    weights: State = watch.state["weights"]
    return weights
