"""The calibration and the registered metrics of a trained network, on one pass over its validation rows."""

from collections.abc import Mapping

import numpy as np
from torch import nn

from automtl_core.run_dir.facts import Calibration
from automtl_core.search.problem import Problem
from automtl_core.training.calibration import calibrated, platt
from automtl_core.training.loop import predict
from automtl_core.training.measuring import metrics_of
from automtl_core.training.metric import Metric
from automtl_core.training.metrics import Metrics, with_others, without_others


def calibration_and_metrics(
    network: nn.Module,
    problem: Problem,
    validation: Metrics,
    registered: Mapping[str, Metric],
    calibrate: bool = True,
) -> tuple[Calibration, Metrics]:
    """Return the scaling of all binary tasks with enough validation rows of both classes, and all metrics.

    The validation rows have also stopped the training; two numbers add little to this choice. Test rows are
    not read.

    Args:
        network: The trained network.
        problem: The problem of its training.
        validation: Its validation metrics.
        registered: Metrics of the calibrated network to add to them.
        calibrate: Whether any task is calibrated.

    """
    data, recipe = problem.data, problem.recipe
    enough = [
        place
        for place, task in enumerate(data.tasks)
        if calibrate and task.type.probability and validation[task.name].is_informative(recipe.min_positives)
    ]
    if not enough and not registered:  # no need for another pass
        return Calibration(), without_others(validation)
    labels = np.asarray(data.validation.labels)
    logits = predict(network, data.validation, recipe.batch_size, problem.compute)
    found = {data.tasks[place].name: platt(labels[:, place], logits[:, place]) for place in enough}
    scaling = Calibration({name: one for name, one in found.items() if one is not None})
    if not registered:
        return scaling, without_others(validation)
    logits = calibrated(scaling.scaling, data.tasks, logits)
    measured = metrics_of(data.tasks, labels, logits, data.validation.users, registered)
    return scaling, with_others(validation, measured)
