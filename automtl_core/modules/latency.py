"""The time of a prediction on this machine."""

import statistics
import time

import torch
from torch import nn

from automtl_core.dataset.schema import Schema
from automtl_core.distributed import agreed
from automtl_core.modules.cost import blank_features

ROWS = 1000
"""Number of rows of a prediction."""


@torch.no_grad()
def latency(network: nn.Module, schema: Schema) -> float:
    """Return the milliseconds in which a network predicts `ROWS` rows: the median of several predictions.

    The number of threads is that of torch. The result differs between machines, and with their load.
    """
    features = blank_features(schema, torch.device("cpu"), ROWS)
    network = network.cpu().eval()
    network(features)  # the first prediction allocates memory
    took = []
    for _ in range(7):
        start = time.perf_counter()
        network(features)
        took.append(time.perf_counter() - start)
    return agreed(1000 * statistics.median(took))
