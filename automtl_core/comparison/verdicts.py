"""Verdicts: the conclusion on each model in one sentence."""

from collections.abc import Mapping

from automtl_core.comparison.statistics import Difference
from automtl_core.training.metrics import Measure

SURE = 0.05
"""A p value below this, corrected for the number of models, is significant."""
NEAR = 0.05
"""Two costs are equal, or a ratio is simple, if they differ by at most this share."""
PARTS = {2: "half", 3: "a third of", 4: "a quarter of", 5: "a fifth of", 10: "a tenth of"}


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
    p = difference.adjusted_p
    if p is None:
        return f"{change} against {reference}, without a significance test"
    if p >= SURE:
        return f"not distinguishable from {reference} ({change}, p {p:.2f})"
    sure = f"p {p:.3f}" if p >= 0.001 else "p < 0.001"
    return f"{'ahead of' if difference.mean > 0 else 'behind'} {reference} ({change}, {sure})"


def cost_in_words(ratio: float) -> str:
    """Return the ratio of two costs in words, such as `half its FLOPs`."""
    if abs(ratio - 1) <= NEAR:
        return "equal FLOPs"
    for part, words in PARTS.items():
        if abs(ratio * part - 1) <= NEAR:
            return f"{words} its FLOPs"
    if ratio < 1:
        return f"{100 * ratio:.2g} % of its FLOPs"
    return (
        "twice its FLOPs" if abs(ratio / 2 - 1) <= NEAR else f"{ratio:,.{int(ratio < 10)}f} times its FLOPs"
    )
