"""Why a search decided as it did, for people: in a sentence, or all of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table

from automtl_cli.tables import safe, table
from automtl_core.search.evidence import Evidence, Verdict

CHANCE = "at chance"
PLURAL: Mapping[Verdict, tuple[str, str]] = {
    "needed": ("needed", "needed"),
    "not known": ("kept, worth not known", "kept, worth not known"),
    "better": ("better so", "better so"),
    "tie: cheapest": ("tie: cheapest taken", "ties: cheapest taken"),
    "undone": ("undone", "undone"),
    "by its logit": ("by its logit", "by their logits"),
    "at chance": (CHANCE, CHANCE),
}
"""Verdict -> how one and several of them are told."""
NAMED = 3
"""Choices that a sentence names."""
COLUMNS: Mapping[str, Callable[[Evidence], object]] = {
    "choice": lambda e: e.choice,
    "option": lambda e: e.option,
    "": lambda e: e.action,
    "against": lambda e: e.against,
    "difference": lambda e: _difference(e),
    "FLOPs saved": lambda e: e.flops,
    "parameters saved": lambda e: e.parameters,
    "certainty": lambda e: e.certainty,
    "verdict": lambda e: e.verdict,
    "epoch": lambda e: e.epoch,
}


def summary(evidence: Sequence[Evidence], way_on: str) -> Iterator[RenderableType]:
    """Render how many decisions were made for which reason, and plainly which of them for none.

    Args:
        evidence: All of it; nothing is rendered where there is none.
        way_on: What to do to see it all; may be empty.

    """
    if not evidence:
        return
    counts = Counter(one.verdict for one in evidence)
    told = [f"{counts[v]} {words[counts[v] > 1]}" for v, words in PLURAL.items() if counts[v]]
    yield safe(f"{len(evidence)} decision{'s' * (len(evidence) > 1)}: {', '.join(told)}{way_on}")
    if chance := [one.choice for one in evidence if one.verdict == CHANCE]:
        named = list(dict.fromkeys(chance))
        more = ", ..." if len(named) > NAMED else ""
        was = "was" if len(chance) == 1 else "were"
        why = f"{len(chance)} {was} made at chance, as nothing spoke for one option over another"
        yield safe(f"{why}: {', '.join(named[:NAMED])}{more}")


def everything(evidence: Sequence[Evidence]) -> Table:
    """Return the table of all decisions, of what is known of any; differences are of AUC."""
    columns = {title: [read(one) for one in evidence] for title, read in COLUMNS.items()}
    columns = {title: cells for title, cells in columns.items() if any(c is not None for c in cells)}
    rows = zip(*(["" if cell is None else cell for cell in cells] for cells in columns.values()), strict=True)
    return table(list(columns), rows)


def _difference(one: Evidence) -> str | None:
    if one.difference is None:
        return None
    return f"{one.difference:+.5f}" + ("" if one.error is None else f" ± {one.error:.5f}")
