"""Sizes that all hand-designed models have, and the first and last part of a model made of them."""

from pydantic import Field

from automtl_baselines.parts import Towers
from automtl_core.modules.inputs import Inputs, Widths
from automtl_core.schema import Schema
from automtl_core.settings import Settings


class Sizes(Settings):
    """Sizes that all hand-designed models have."""

    embedding_dim: int = Field(16, ge=1)
    """d, numbers per id."""
    embedding_std: float = Field(0.01, gt=0)
    """Standard deviation that embeddings start with."""
    expert_layers: tuple[int, ...] = Field((256, 64), min_length=1)
    """Widths of the layers of an expert, or of a bottom."""
    tower_layers: tuple[int, ...] = (64,)
    """Widths of the hidden layers of a task's tower."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Share of hidden values that training drops."""


def inputs_of(schema: Schema, sizes: Sizes) -> Inputs:
    """Return what reads the fields of a schema."""
    return Inputs(schema, sizes.embedding_dim, sizes.embedding_std)


def towers_of(schema: Schema, sizes: Sizes, tasks: int | None = None) -> Towers:
    """Return so many towers, one a task where None, on values as wide as the last of `expert_layers`."""
    wide = Widths.of(schema, sizes.embedding_dim).flat if schema.encodings.wide is True else 0
    return Towers(
        sizes.expert_layers[-1], sizes.tower_layers, tasks or len(schema.tasks), sizes.dropout, wide
    )
