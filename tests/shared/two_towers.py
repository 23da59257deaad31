"""A two-tower model for retrieval: vectors of users and of items, whose products are the logits.

Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from automtl_core.plugin import Chooser, Features, FieldEmbedding, SearchSpace, Settings


class TowerSettings(Settings):
    """Fields and size of the towers."""

    user_fields: tuple[str, ...] = ("user_id",)
    """Categorical fields of the tower of users; the other ones belong to the tower of items."""
    dim: int = 16
    """Length of the vectors of users and items."""


class TwoTowers(nn.Module):
    """logit_t = scale_t <user, item> + bias_t. Letters: B batch, d length of a vector, T tasks."""

    def __init__(
        self, embedding: FieldEmbedding, columns: Mapping[str, list[int]], d: int, tasks: int
    ) -> None:
        super().__init__()
        self.embedding, self.columns = embedding, columns
        self.towers = nn.ModuleDict({name: nn.Linear(len(of) * d, d) for name, of in columns.items()})
        self.scale, self.bias = nn.Parameter(torch.ones(tasks)), nn.Parameter(torch.zeros(tasks))

    def outputs(self, features: Features) -> dict[str, Tensor]:  # name -> [B, d]
        e = self.embedding(features)
        return {name: tower(e[:, self.columns[name]].flatten(1)) for name, tower in self.towers.items()}

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        vectors = self.outputs(features)
        return (vectors["user"] * vectors["item"]).sum(1, keepdim=True) * self.scale + self.bias


class TwoTowerSpace(SearchSpace[TowerSettings]):
    """A tower of users and a tower of items (Yi et al., RecSys 2019)."""

    def build(self, choose: Chooser) -> TwoTowers:
        """Return the model; no choice is open."""
        sparse, d, of_users = self.schema.sparse, self.settings.dim, self.settings.user_fields
        mine = {field.name: "user" if field.name in of_users else "item" for field in sparse}
        columns = {t: [n for n, of in enumerate(mine.values()) if of == t] for t in ("user", "item")}
        return TwoTowers(FieldEmbedding(sparse, d, 0.1), columns, d, len(self.schema.tasks))
