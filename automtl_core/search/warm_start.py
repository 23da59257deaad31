"""Warm starts: a search begins with the decisions and weights of an earlier run, where names fit.

Letters: K values that are in both vocabularies.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from automtl_core.choices import Architecture, Choice, Decision, OneOf
from automtl_core.dataset.schema import Schema
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.inputs import Numbers

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Ids of equal values, in the earlier and in the new vocabulary, [K] each."""


@dataclass(frozen=True)
class WarmStart:
    """The result of an earlier search."""

    architecture: Architecture
    choices: Mapping[str, Choice]
    """Choices of the search."""
    network: nn.Module
    """The trained network."""
    schema: Schema
    """The schema of its inputs."""
    known: Mapping[str, Pairs]
    """Sparse field in both schemas -> the ids of equal values."""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Settings that the network was trained with, such as `training.learning_rate`."""

    def decisions(self, choices: Mapping[str, Choice], otherwise: Architecture) -> Architecture:
        """Return the decisions of the earlier search, transferred to these choices.

        Args:
            choices: Choices of another space or other data: some may be new, others may have new options.
            otherwise: Decisions for choices that the earlier search does not have or decided by an option
                unknown here, and for options that it does not have.

        """
        return Architecture(
            {name: self._decision(choice, otherwise.decisions[name]) for name, choice in choices.items()}
        )

    def give(self, network: nn.Module, schema: Schema) -> int:
        """Copy weights to a network where name and shape fit, and rows of embeddings where values are equal.

        Args:
            network: Network of any space.
            schema: Schema of its inputs.

        Returns:
            Number of tensors that were copied at least in part.

        """
        mine, theirs = (dict(each.named_modules()) for each in (self.network, network))
        tables = {name for name, module in theirs.items() if isinstance(module, FieldEmbedding)}
        copied = 0
        with torch.no_grad():
            for name in tables:
                source, target = mine.get(name), theirs[name]
                if isinstance(source, FieldEmbedding) and isinstance(target, FieldEmbedding):
                    copied += self._give_rows(source, target, schema)
            available: Mapping[str, Tensor] = self.network.state_dict()
            # Buffers that are fitted to the rows of the new search are not copied.
            fitted = {f"{n}.edges" for n, part in theirs.items() if isinstance(part, Numbers)}
            apart = fitted | {f"{table}.table.weight" for table in tables}
            for name, tensor in network.state_dict(keep_vars=True).items():
                value = available.get(name)
                if value is not None and value.shape == tensor.shape and name not in apart:
                    tensor.copy_(value)
                    copied += 1
        return copied

    def _decision(self, choice: Choice, otherwise: Decision) -> Decision:
        mine, asked = self.architecture.decisions.get(choice.name), self.choices.get(choice.name)
        if isinstance(choice, OneOf):
            return mine if isinstance(mine, str) and mine in choice.options else otherwise
        if not isinstance(mine, tuple) or asked is None:
            return otherwise
        return tuple(o for o in choice.options if o in (mine if o in asked.options else otherwise))

    def _give_rows(self, source: FieldEmbedding, target: FieldEmbedding, schema: Schema) -> bool:
        there, here = ([field.name for field in each.sparse] for each in (self.schema, schema))
        alike = source.table.embedding_dim == target.table.embedding_dim
        if not alike or len(source.offsets) != len(there) or len(target.offsets) != len(here):
            return False
        for field, (old, new) in self.known.items():
            rows = source.table.weight[torch.from_numpy(old) + source.offsets[there.index(field)]]
            target.table.weight[torch.from_numpy(new) + target.offsets[here.index(field)]] = rows
        return bool(self.known)
