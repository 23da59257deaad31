"""Views of the comparison of a network with a constant and with the best single field."""

from collections.abc import Iterator, Mapping

from automtl_core.training.baselines import LEAST, Baseline
from automtl_core.views.values import Text

LEAK = 0.99
"""AUC, or R2, of a network above which a field is suspected to contain the label."""


def nothing_learned(baselines: Mapping[str, Baseline], searched: bool) -> Iterator[Text]:
    """Yield a sentence if the network is no better than trivial predictions for any task.

    Args:
        baselines: The comparisons of the tasks that have enough test rows.
        searched: Whether the network is the result of a search.

    """
    meaningless = " Decisions and costs below have no meaning" if searched else ""
    if not baselines:
        yield Text(
            f"Too few test rows (no task has {LEAST} of either class) to know whether the network has "
            "learned anything."
        )
    elif not any(one.beats_constant for one in baselines.values()):
        scores = "; ".join(
            f"{task} {one.measure} {one.score:.4f}, p {one.p_constant:.2g}" for task, one in baselines.items()
        )
        yield Text(
            "Nothing was learned: on the test rows, the network is not significantly better than a constant "
            f"prediction ({scores}).{meaningless and f'{meaningless}.'}"
        )
    elif not any(one.beats_constant and one.beats_field for one in baselines.values()):
        scores = ", ".join(
            f"{task} {one.measure} {one.score:.4f}, `{one.field}` alone {one.field_score:.4f}"
            for task, one in baselines.items()
            if one.beats_constant
        )
        yield Text(
            "On the test rows, the network is not significantly better than a single field "
            f"({scores}).{meaningless and f'{meaningless} beyond that.'}"
        )


def suspected_leaks(baselines: Mapping[str, Baseline]) -> Iterator[Text]:
    """Yield a warning for each task that is predicted suspiciously well."""
    for task, one in baselines.items():
        if one.score > LEAK:
            alone = (
                f"; the best single field is `{one.field}`, with {one.field_score:.4f}" if one.field else ""
            )
            yield Text(
                f"warning: {one.measure} {one.score:.4f} of {task} suggests label leakage{alone}: "
                "is each field known before the event? See automtl data describe"
            )
