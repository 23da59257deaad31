"""The settings of DESAN."""

from typing import Annotated, Literal

from pydantic import Field

from automtl_core.settings.domain import Search
from automtl_core.settings.settings import Settings


class DESANSettings(Settings):
    """What DESAN searches over; preset `paper` has the paper's space, exactly."""

    embedding_dim: int = Field(16, ge=1)
    """d, numbers per id."""
    embedding_std: float = Field(0.1, gt=0)
    """Standard deviation that embeddings start with. With the paper's .01 products of embeddings begin with
    next to no gradient, and what acts in pairs is learned twice as late."""
    layers: int = Field(1, ge=1, le=100)
    """L, layers of experts."""
    optional_layers: bool = False
    """Whether layers above the first may be left out: their experts are then those of the layer below. Of
    one layer there is nothing to leave out."""
    experts: int = Field(4, ge=1, le=1000)
    """E, experts of a layer."""
    blocks: int = Field(2, ge=1, le=100)
    """K, blocks in a chain that make an expert."""
    residual: bool = True
    """Whether blocks add to what they read, all but those that read fields; depth is then harmless, and
    `identity` is what adds nothing."""
    expert_width: int = Field(64, ge=1)
    """H, width of what a block gives."""
    tower_width: int = Field(64, ge=1)
    """Width of the hidden layer of a task's tower."""
    dropout: Annotated[float, Search(0, 0.4)] = Field(0.1, ge=0, lt=1)
    """Share of a block's inputs and of a tower's hidden values that training drops. An expert drops at each
    of its blocks, the first time from embeddings: the paper's 0.2 underfits (docs/results.md)."""
    gating: Literal["open", "all"] = "open"
    """Which experts a gating network's softmax runs over: those that are open, or all of the layer, as in
    the paper, where closing an expert costs scale."""
    tables: Literal["shared", "chosen"] = "shared"
    """shared: all experts read one embedding table. chosen: each expert of the first layer reads that one or
    one of its own, so that a task which shares with nobody can be a model of its own (STEM)."""
    numbers: Literal["chosen", "all"] = "chosen"
    """Whether each expert of the first layer chooses its numeric fields too, or sees them all, as in the
    paper."""
    ops: tuple[str, ...] = Field(
        (
            "identity",
            "mlp-linear-16",
            "mlp-linear-64",
            "mlp-linear-16+factorised-8",
            "mlp-linear-64+factorised-32",
        ),
        min_length=1,
    )
    """The candidate ops of every block. `a+b` is an op too: the sum of a and b."""
    nested: bool = True
    """Whether ops of one kind are, while the choice between them is open, the first units of the widest, so
    that all widths learn in each step. A network that is found has weights of its own."""

    @property
    def expert_names(self) -> list[str]:
        """The experts of a layer, the same in each."""
        return [f"expert{j}" for j in range(self.experts)]
