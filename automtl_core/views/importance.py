"""Views of permutation importance: the strongest fields, those without effect, and all effects."""

from collections.abc import Iterator, Sequence

from automtl_core.run_dir.facts import Importance
from automtl_core.training.importance import MARGIN, FieldEffect
from automtl_core.training.significance import SIGNIFICANCE
from automtl_core.views.values import Section, Text, table

NAMED = 5
"""Number of strongest fields that a sentence names."""
LEGEND = (
    "drop: decrease of the score if the values of the field are permuted among rows, with its 95 % interval; "
    "p: after Holm's correction for all fields and tasks; "
    f"matters: p below {SIGNIFICANCE}; no effect: the interval is within {MARGIN} of 0; "
    "unclear: neither, as with too few rows. "
    "An interval below 0: the task is predicted better with the permuted field. "
    "A field has no effect also where the network reads the same information from another field"
)


def sentences(importance: Importance) -> Iterator[Text]:
    """Yield the strongest fields, and the fields without effect on any task, if there are any of either."""
    rows = f"permutation on {importance.rows:,} test rows"
    if not (strongest := _strongest(importance)):
        yield Text(f"No field has a significant effect on any task ({rows})")
        return
    yield Text(f"Strongest fields (drop of the score by {rows}): {', '.join(strongest[:NAMED])}")
    if without := without_effect(importance):
        how = f"{rows}, 95 % intervals within {MARGIN} of 0"
        yield Text(f"Fields without effect on any task ({how}): {', '.join(without)}")


def without_effect(importance: Importance) -> list[str]:
    """Return the fields with the verdict `no effect` for each task."""
    return [
        field
        for field, by_task in importance.effects.items()
        if all(one.verdict == "no effect" for one in by_task.values())
    ]


def effects(importance: Importance) -> Section:
    """Return a table of the effect of each field on each task, the strongest fields first."""
    rows = []
    for field in sorted(importance.effects, key=lambda field: -_most(importance, field)):
        names = [field, *[""] * len(importance.effects[field])]
        for name, (task, one) in zip(names, importance.effects[field].items(), strict=False):
            rows.append([name, task, *_cells(one)])
    title = f"effects of the fields that the network reads, on {importance.rows:,} test rows"
    return table(
        ["field", "task", "score", "drop", "95 % interval", "p", "verdict"], rows, "l", title, [LEGEND]
    )


def _cells(one: FieldEffect) -> Sequence[str]:
    if one.drop is None:
        return [one.measure, "undefined", "", "", one.verdict]
    interval = f"[{one.low:+z.4f}, {one.high:+z.4f}]"
    return [one.measure, f"{one.drop:+z.4f}", interval, f"{one.p:.2g}", one.verdict]


def _strongest(importance: Importance) -> list[str]:
    """Return the fields that matter for any task, in words, each with its largest significant drop."""
    largest = []
    for field, by_task in importance.effects.items():
        drops = [
            (one.drop, task, one.measure)
            for task, one in by_task.items()
            if one.verdict == "matters" and one.drop is not None
        ]
        if drops:
            largest.append((*max(drops), field))
    return [
        f"{field} {drop:.4f} ({measure} of {task})" for drop, task, measure, field in sorted(largest)[::-1]
    ]


def _most(importance: Importance, field: str) -> float:
    """Return the largest drop of a field over tasks."""
    return max((one.drop or 0.0 for one in importance.effects[field].values()), default=0.0)
