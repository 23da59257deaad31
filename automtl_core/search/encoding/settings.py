"""Settings of the encoding search."""

from typing import Annotated

from pydantic import Field

from automtl_core.settings.settings import NAMED, Component, Settings


class EncodingSearchSettings(Settings):
    """Encoding search: choice of encodings that are `auto`, by a small model on held-out training rows."""

    model: Annotated[Component, NAMED] = Component.model_validate(
        {"name": "shared-bottom", "expert_layers": [128, 64], "tower_layers": [64]}
    )
    """Small model that is trained with each candidate encoding. It should be about as deep as the models that
    use the encodings: a model of one layer does not learn effects of several fields together, and prefers
    other encodings."""
    rows: int = Field(100_000, ge=100)
    """Maximum number of training rows that the encoding search uses."""
    held_out: float = Field(0.2, gt=0, lt=1)
    """Share of these rows that is held out to compare encodings."""
    min_rows: int = Field(1000, ge=1)
    """Minimum number of held-out rows. With fewer rows the encoding search is skipped, because differences
    between encodings would be noise."""
    min_positives: int = Field(100, ge=1)
    """Minimum number of positive and of negative held-out rows of a task. Tasks with fewer do not count."""
    epochs: int = Field(20, ge=1)
    """Maximum number of epochs of each training of the small model."""
    patience: int = Field(2, ge=1)
    """Number of epochs without a better held-out score before early stopping of the small model."""
    seeds: int = Field(2, ge=1)
    """Maximum number of trainings with the same encodings, each with another seed. The second one runs only
    if the first shows a gain above the margin that is not clear (`clear`)."""
    margin: float = Field(0.0005, ge=0)
    """Minimum gain of the mean AUC (R2 for regressions) for which a change of the encoding is kept. A larger
    value gives simpler encodings."""
    statistics_margin: float = Field(0.002, ge=0)
    """Margin of target statistics, in place of `margin`. It is larger because small models gain more from
    target statistics than large ones."""
    decay_margin: float = Field(0.001, ge=0)
    """Margin of `training.embedding_decay`, in place of `margin`."""
    significance: float = Field(0.05, gt=0, lt=1)
    """Probability that any encoding is changed if no change has an effect: gains must be beyond chance on the
    held-out rows, corrected for the number of changes that are tried. A smaller value gives simpler
    encodings."""
    errors: float = Field(1.0, ge=0)
    """Number of standard errors that a gain must exceed instead, where labels are certainly predictable: the
    choice between encodings is then no finding, and to miss a better one costs more than to take an equal
    one."""
    clear: float = Field(0.01, ge=0)
    """Gain of the mean AUC from which one training is enough."""
    crosses: int = Field(6, ge=0)
    """Maximum number of feature crosses."""
    cross_fields: int = Field(32, ge=2)
    """Maximum number of fields that are combined to feature crosses, those that predict best alone."""
    cross_errors: float = Field(4.5, ge=0)
    """Number of standard errors by which a feature cross must improve the prediction of at least one task."""


DEFAULTS = EncodingSearchSettings()
