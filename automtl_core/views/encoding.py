"""How fields are encoded, and what the search for encodings tried."""

from collections.abc import Mapping
from typing import Any

from automtl_core.search.encoding.search import Looked
from automtl_core.views.values import Grid, Section, Text

TITLES = {
    "statistics": "target statistics",
    "numbers": "numeric features",
    "crosses": "feature crosses",
    "wide": "wide term",
    "embedding_decay": "embedding decay",
}
"""Setting -> its name for people."""
WORDS: Mapping[tuple[str, Any], str] = {
    ("statistics", "none"): "target statistics off",
    ("statistics", "folds"): "out-of-fold target statistics",
    ("statistics", "earlier"): "target statistics of earlier rows",
    ("numbers", "standard"): "numeric features scaled",
    ("numbers", "bins"): "numeric features binned",
    ("numbers", "piecewise"): "numeric features piecewise linear",
    ("crosses", "none"): "no feature crosses",
    ("wide", False): "no wide term",
    ("wide", True): "a wide term",
}
"""Setting and answer -> both in words."""


def sentence(found: Looked, measure: str = "AUC or R2") -> str:
    """Return the encodings that were chosen, and how much they gain in a measure."""
    if found.why:
        return f"Feature encoding not searched: {found.why}"
    gain = f"{found.best.score - found.tried[0].score:+z.4f}".replace("0.", ".", 1)
    words = ", ".join(_words(name, answer) for name, answer in found.answers.items())
    return f"Feature encoding chosen on held-out training data ({gain} {measure}): {words}"


def tried(found: Looked, measure: str) -> Section:
    """Return all encodings that were tried, at least one."""
    rows = [
        [
            "->" if one.answers == found.answers else "",
            *(_answer(one.answers[name]) for name in found.answers),
            one.score,
            one.trainings,
        ]
        for one in found.tried
    ]
    header = ["", *(TITLES.get(name, name) for name in found.answers), "score", "trainings"]
    return Section("", [Text(sentence(found, measure)), Grid(header, rows)])


def _words(name: str, answer: Any) -> str:
    told = answer if isinstance(answer, bool) else _answer(answer)
    return WORDS.get((name, told), f"{TITLES.get(name, name)} {told}")


def _answer(answer: Any) -> str:
    match answer:
        case bool():
            return "yes" if answer else "no"
        case list() | tuple():
            return ", ".join(" x ".join(pair) for pair in answer) or "none"
        case float():
            return f"{answer:g}"
    return str(answer)
