"""Rankings within lists: a factorisation machine with a pairwise loss on prepared data, to compare runs with.

    automtl search lists.yaml --name lists
    python benchmarks/lists.py out.json --config lists.yaml --seeds 0 1 2

The factorisation machine (Rendle, "Factorization machines", ICDM 2010) reads the ids of fields alone, one
model for each label, with the loss of a list as in `training.losses=pairwise`, or log loss. Validation rows
choose the epoch and the weight decay by GAUC. Scores are GAUC, NDCG@5 and AUC on the test rows of automtl.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from automtl_core.data.part import Part
from automtl_core.registry.kinds import LOSSES, METRICS
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.settings.settings import Settings
from automtl_core.system.strict_yaml import read_yaml
from automtl_core.tasks.builtin import auc
from automtl_core.tasks.loss import Loss
from automtl_core.training.lists import list_batches
from automtl_core.workflow.workflow import Workflow

DECAYS, EPOCHS, PATIENCE, SIZE, RATE, WIDTH = (1e-6, 1e-5, 1e-4), 30, 3, 2048, 2e-3, 16


class FactorisationMachine(nn.Module):
    """Biases of values, and products of their vectors, over all pairs of fields."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.register_buffer("starts", torch.tensor(np.cumsum([0, *sizes[:-1]])))
        self.bias, self.vectors = nn.Embedding(sum(sizes), 1), nn.Embedding(sum(sizes), WIDTH)
        nn.init.zeros_(self.bias.weight)
        nn.init.normal_(self.vectors.weight, std=0.01)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return logits, [B, N] -> [B]."""
        places = ids + self.starts
        vectors = self.vectors(places)
        pairs = vectors.sum(1).square() - vectors.square().sum(1)
        return self.bias(places).sum((1, 2)) + pairs.sum(1) / 2


def loss_of(
    pairwise: Loss | None, logits: torch.Tensor, y: torch.Tensor, groups: torch.Tensor
) -> torch.Tensor:
    """Return the pairwise loss within groups, or log loss without it; rows without a label do not count."""
    known = ~y.isnan()
    if pairwise is None:
        return nn.functional.binary_cross_entropy_with_logits(logits[known], y[known])
    sums, terms = pairwise.sums(logits[:, None], y.nan_to_num()[:, None], known.float()[:, None], groups)
    return (sums / terms.clamp(min=1)).sum()


def scores(registry: Registry, part: Part, labels: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Return the metrics of a label."""
    known = ~np.isnan(labels) & (part.groups > 0)
    rows = labels[known].astype(np.float64), logits[known].astype(np.float64), part.groups[known]
    found = {name: registry.get(METRICS, name).compute(*rows).value for name in ("gauc", "ndcg-5")}
    return {**found, "auc": auc(*rows[:2])}


def fitted(registry: Registry, parts: list[Part], sizes: list[int], task: int, loss: str, seed: int) -> dict:
    """Return test scores of the epoch and the decay with the best validation GAUC."""
    ids = [torch.from_numpy(np.asarray(part.ids, np.int64)) for part in parts]
    pairwise = registry.get(LOSSES, "pairwise")(Settings()) if loss == "pairwise" else None
    best = {"gauc": -1.0}
    for decay in DECAYS:
        torch.manual_seed(seed)
        model = FactorisationMachine(sizes)
        optimiser, left, top = torch.optim.Adam(model.parameters(), RATE, weight_decay=decay), PATIENCE, -1.0
        for epoch in range(EPOCHS):
            for rows, _ in list_batches(parts[0], SIZE, np.random.default_rng([seed, epoch])):
                y = torch.from_numpy(parts[0].labels[rows, task])
                groups = torch.from_numpy(parts[0].groups[rows])
                value = loss_of(pairwise, model(ids[0][rows]), y, groups)
                optimiser.zero_grad()
                value.backward()
                optimiser.step()
            with torch.no_grad():
                found = [
                    scores(registry, parts[n], parts[n].labels[:, task], model(ids[n]).numpy())
                    for n in (1, 2)
                ]
            if found[0]["gauc"] > best["gauc"]:
                best = {"gauc": found[0]["gauc"], "test": found[1], "decay": decay, "epoch": epoch + 1}
            left, top = (PATIENCE, found[0]["gauc"]) if found[0]["gauc"] > top else (left - 1, top)
            if not left:
                break
    return best


def main() -> None:
    """Print the scores of each label, loss and seed, and write all as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    registry = load_registry()
    flow = Workflow(registry)
    prepared = flow.prepare(flow.job([read_yaml(arguments.config)]))
    parts = [prepared.part(name) for name in ("train", "validation", "test")]
    sizes, found = [field.size for field in prepared.schema.sparse], []
    for seed in arguments.seeds:
        for loss in ("log-loss", "pairwise"):
            for t, task in enumerate(prepared.schema.tasks):
                one = fitted(registry, parts, sizes, t, loss, seed)
                found.append({"seed": seed, "loss": loss, "task": task.name, **one})
                print(json.dumps(found[-1]), flush=True)
    arguments.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
