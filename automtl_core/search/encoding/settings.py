"""Settings of the encoding search."""

from typing import Annotated

from pydantic import Field

from automtl_core.settings.component import NAMED, Component
from automtl_core.settings.settings import Settings


class EncodingSearchSettings(Settings):
    """How encodings that are left `auto` are chosen: by a small model, on training rows that are held out."""

    model: Annotated[Component, NAMED] = Component.model_validate(
        {"name": "shared-bottom", "expert_layers": [128, 64], "tower_layers": [64]}
    )
    """Small model that is trained with each encoding. It is as deep as the models that take the encodings: a
    model of one layer does not learn how values act together, and prefers other encodings."""
    rows: int = Field(200_000, ge=100)
    """Training rows that are used, at most."""
    held_out: float = Field(0.2, gt=0, lt=1)
    """Share of them that encodings are compared on."""
    min_rows: int = Field(1000, ge=1)
    """Held-out rows below which nothing is searched, since they do not tell encodings apart."""
    min_positives: int = Field(100, ge=1)
    """Tasks with fewer positive (or negative) held-out rows do not count."""
    epochs: int = Field(20, ge=1)
    """Epochs of a training of the small model at most."""
    patience: int = Field(2, ge=1)
    """Epochs without a better held-out score before such a training stops."""
    seeds: int = Field(2, ge=1)
    """Trainings of the same encodings at most, where one does not tell."""
    margin: float = Field(0.0005, ge=0)
    """Mean AUC (of regressions R2) by which a change must be better to be kept."""
    statistics_margin: float = Field(0.002, ge=0)
    """The same of target statistics: small models gain more by them than large ones."""
    decay_margin: float = Field(0.001, ge=0)
    """The same of `training.embedding_decay`."""
    close: float = Field(0.001, ge=0)
    """A gain that is above its margin less this, and below `clear`, is measured again with another seed."""
    clear: float = Field(0.01, ge=0)
    """The gain from which on one training is enough."""
    crosses: int = Field(6, ge=0)
    """Feature crosses at most."""
    cross_fields: int = Field(32, ge=2)
    """Fields that are paired: those that tell most by themselves, where there are more."""
    cross_errors: float = Field(4.5, ge=0)
    """Standard errors that the gain of a feature cross must have for some task."""


DEFAULTS = EncodingSearchSettings()
