"""Where a search may start: with what another one found, decisions and weights, where names fit.

Letters: K values that are known there and here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from automtl_core.choices import Architecture, Choice, Decision, OneOf
from automtl_core.dataset.schema import Schema
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.field_statistics import FieldStatistics
from automtl_core.modules.numbers import Numbers

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Ids of equal values, there and here, [K] each."""


FITTED: Mapping[type[nn.Module], Sequence[str]] = {FieldStatistics: ("table",), Numbers: ("edges",)}
"""What belongs to the rows that are searched on, and is not taken over."""


@dataclass(frozen=True)
class Start:
    """What another search found."""

    architecture: Architecture
    choices: Mapping[str, Choice]
    """That it answers."""
    network: nn.Module
    """Trained."""
    schema: Schema
    """Of what it takes."""
    known: Mapping[str, Pairs]
    """Sparse field of both -> the ids of equal values."""

    def decisions(self, choices: Mapping[str, Choice], otherwise: Architecture) -> Architecture:
        """Return its decisions on these choices.

        Args:
            choices: Of another space, or of other data: some may be new, some have other options.
            otherwise: Answers those that it does not know, or answers with what is no option here; and says
                whether options are open that it did not have.

        """
        return Architecture(
            {name: self._decision(choice, otherwise.decisions[name]) for name, choice in choices.items()}
        )

    def give(self, network: nn.Module, schema: Schema) -> int:
        """Copy weights to a network where name and shape fit, rows of embeddings by what they stand for.

        Args:
            network: Of any space.
            schema: Of what it takes.

        Returns:
            How many tensors got something.

        """
        mine, theirs = (dict(each.named_modules()) for each in (self.network, network))
        tables = {name for name, module in theirs.items() if isinstance(module, FieldEmbedding)}
        given = 0
        with torch.no_grad():
            for name in tables:
                source, target = mine.get(name), theirs[name]
                if isinstance(source, FieldEmbedding) and isinstance(target, FieldEmbedding):
                    given += self._give_rows(source, target, schema)
            available: Mapping[str, Tensor] = self.network.state_dict()
            told = {f"{name}.{b}" for name, part in theirs.items() for b in FITTED.get(type(part), ())}
            apart = told | {f"{table}.table.weight" for table in tables}
            for name, tensor in network.state_dict(keep_vars=True).items():
                value = available.get(name)
                if value is not None and value.shape == tensor.shape and name not in apart:
                    tensor.copy_(value)
                    given += 1
        return given

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
