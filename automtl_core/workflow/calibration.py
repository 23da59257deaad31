"""The calibration of a trained network on its validation rows."""

import numpy as np
from torch import nn

from automtl_core.run_dir.facts import Calibration
from automtl_core.search.problem import Problem
from automtl_core.training.calibration import platt
from automtl_core.training.loop import predict
from automtl_core.training.metrics import Metrics


def calibration(network: nn.Module, problem: Problem, validation: Metrics) -> Calibration:
    """Return the scaling of all binary tasks with enough validation rows of both classes.

    The validation rows have also stopped the training; two numbers add little to this choice. Test rows are
    not read.

    Args:
        network: The trained network.
        problem: The problem of its training.
        validation: Its validation metrics.

    """
    data, recipe = problem.data, problem.recipe
    labels = np.asarray(data.validation.labels)
    enough = [
        place
        for place, task in enumerate(data.tasks)
        if task.kind == "binary" and validation[task.name].is_informative(recipe.min_positives)
    ]
    if not enough:
        return Calibration()
    logits = predict(network, data.validation, recipe.batch_size, problem.compute)
    found = {data.tasks[place].name: platt(labels[:, place], logits[:, place]) for place in enough}
    return Calibration({name: one for name, one in found.items() if one is not None})
