"""Views of feature encodings, and of the encoding search."""

from collections.abc import Mapping
from typing import Any

from automtl_core.errors import listing
from automtl_core.search.encoding.search import EncodingSearchResult
from automtl_core.views.values import Grid, Section, Text

WORDS: Mapping[str, Any] = {
    "statistics": {"none": "target statistics off", "folds": "out-of-fold target statistics",
                   "earlier": "target statistics of earlier rows"},
    "numbers": {"standard": "numeric features scaled", "bins": "numeric features binned"},
    "wide": {False: "no wide (linear) term", True: "a wide (linear) term"},
}  # fmt: skip
"""Setting -> value -> the words for both."""


def sentence(result: EncodingSearchResult, measure: str = "AUC or R2") -> str:
    """Return the chosen encodings, and their gain in a measure such as AUC."""
    if result.why:
        return f"Feature encoding not searched: {result.why}"
    gain = f"{result.best.score - result.trials[0].score:+z.4f}"
    return f"Feature encoding chosen on held-out training data ({gain} {measure}): {in_words(result.answers)}"


def trials(result: EncodingSearchResult, measure: str) -> Section:
    """Return a table of all encodings that were trained, at least one."""
    rows = [
        ["->" if one.answers == result.answers else "", in_words(one.answers), one.score, one.trainings]
        for one in result.trials
    ]
    grid = Grid(["", "feature encoding", measure, "trainings"], rows, "llr")
    return Section("", [Text(sentence(result, measure)), grid])


def in_words(answers: Mapping[str, Any]) -> str:
    """Return the chosen values of encoding settings in words."""
    return ", ".join(_words(name, answer) for name, answer in answers.items())


def _words(name: str, answer: Any) -> str:
    if name == "crosses":
        return f"feature crosses {' and '.join(map(' x '.join, answer))}" if answer else "no feature crosses"
    if name == "history":
        return f"history by {listing(answer)}" if answer else "no history"
    return WORDS[name][answer] if name in WORDS else f"{name.replace('_', ' ')} {answer:g}"
