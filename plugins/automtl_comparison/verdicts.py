"""Verdicts: the conclusion on each model in one sentence."""

from collections.abc import Mapping

from automtl_comparison.statistics import Difference
from automtl_core.modules.cost import cost_in_words
from automtl_core.tasks.kind import Measure

SURE = 0.05
"""A p value below this, corrected for the number of models, is significant."""


def verdict(reference: str, differences: Mapping[str, tuple[Measure, Difference]], cost: float | None) -> str:
    """Return the verdict on a model.

    Args:
        reference: The model that it is compared with.
        differences: Score -> its metric, and the difference, positive where the model is better. Empty where
            the model or the reference has no score.
        cost: FLOPs per row, divided by those of the reference; None where unknown.

    Returns:
        A text such as "ahead of mmoe (+.0041, p .012); a third of its FLOPs".

    """
    if not differences:
        return f"no reliable score to compare with {reference}"
    parts = [
        f"{name}: {words}" if len(differences) > 1 else words
        for name, (metric, difference) in differences.items()
        for words in [_standing(reference, metric, difference)]
    ]
    return "; ".join([*parts, *([cost_in_words(cost)] if cost is not None else [])])


def _standing(reference: str, metric: Measure, difference: Difference) -> str:
    change = f"{difference.mean:+{metric.form}}"
    if difference.adjusted_p is None:
        return f"{change} against {reference}, without a significance test"
    if difference.adjusted_p >= SURE:
        return f"not distinguishable from {reference} ({change}, {p_in_words(difference, 2)})"
    side = "ahead of" if difference.mean > 0 else "behind"
    return f"{side} {reference} ({change}, {p_in_words(difference)})"


def p_in_words(difference: Difference, digits: int = 3) -> str:
    """Return the corrected p value, such as `p 0.012`, and what it is over if that is not the trainings."""
    p = difference.adjusted_p or 0.0
    number = f"p {p:.{digits}f}" if p >= 0.001 else "p < 0.001"
    return f"{number} over rows" if difference.cells == 1 else number
