"""The settings of DESAN."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from automtl_core.settings.settings import Search, Settings

BLOCKS = 10_000
"""Largest number of blocks of all experts of all layers."""


class DESANSettings(Settings):
    """Settings of DESAN. The preset `paper` has exactly the space of the paper."""

    removed: ClassVar = {"optional_layers": False}

    embedding_dim: int = Field(16, ge=1, le=4096)
    """Embedding dimension d: the length of the vector of each id."""
    embedding_std: float = Field(0.1, gt=0)
    """Standard deviation of the initial embeddings. With the paper's 0.01, products of embeddings have almost
    no gradient at first, and effects of pairs of fields take twice as long to learn."""
    layers: int = Field(1, ge=1, le=100)
    """Number L of layers of experts."""
    experts: int = Field(4, ge=1, le=1000)
    """Number E of experts per layer."""
    blocks: int = Field(2, ge=1, le=100)
    """Number K of blocks per expert, one after the other."""
    residual: bool = True
    """Residual connection around each block, except blocks that read fields. More blocks are then harmless,
    and a block whose op is `identity` has no effect."""
    expert_width: int = Field(64, ge=1, le=65_536)
    """Output width H of each block."""
    tower_width: int = Field(64, ge=1, le=65_536)
    """Width of the hidden layer of each tower."""
    dropout: Annotated[float, Search(0, 0.4)] = Field(0.1, ge=0, lt=1)
    """Dropout rate at the input of each block and in the hidden layer of each tower. Dropout applies to each
    block of an expert, at the first one to embeddings, so the paper's 0.2 underfits (docs/results.md)."""
    members: int = Field(4, ge=1, le=100)
    """Number K of members of a BatchEnsemble: networks that share all weights except scales of the inputs of
    experts and towers. The prediction is their mean. A training step takes as long as with one member, since
    each row trains one of them; prediction takes almost K times the FLOPs. A larger value predicts better
    as a rule."""
    gating: Literal["open", "all"] = "open"
    """Experts in the softmax of a gating network. open: only the open experts. all: all experts of the layer,
    as in the paper; a closed expert then reduces the scale of the output."""
    tables: Literal["shared", "chosen"] = "shared"
    """Embedding tables. shared: all experts read one table. chosen: each expert of the first layer reads the
    shared table or a private one, so that a task can have a fully separate model (STEM)."""
    numbers: Literal["chosen", "all"] = "chosen"
    """Numeric fields of each expert of the first layer. chosen: the search selects them. all: every expert
    reads all of them, as in the paper."""
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
    """Candidate ops of each block. `a+b` is the sum of the ops a and b."""
    nested: bool = True
    """Weight sharing between ops of one kind during the search: narrow ops use the first units of the widest
    one, so that each step trains all widths. The derived network has separate weights."""

    @model_validator(mode="after")
    def _builds(self) -> Self:
        if (count := self.layers * self.experts * self.blocks) > BLOCKS:
            raise ValueError(
                f"layers x experts x blocks are {count:,}, at most {BLOCKS:,} are possible: lower one of them"
            )
        return self

    @property
    def expert_names(self) -> list[str]:
        """The names of the experts, the same in each layer."""
        return [f"expert{j}" for j in range(self.experts)]
