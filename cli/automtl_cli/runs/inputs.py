"""What networks are given of fields and how that was looked up, for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType

from automtl_cli.tables import safe, table
from automtl_core.search.encoding.search import Looked


def line(looked: Looked | None) -> Iterator[RenderableType]:
    """Render in a sentence what was looked up, if anything was."""
    if looked is not None:
        yield safe(in_words(looked))


def in_words(looked: Looked) -> str:
    """Return in a sentence what was looked up."""
    if looked.why:
        return f"inputs as they are: {looked.why}"
    gain = f"{looked.best.score - looked.tried[0].score:+z.4f}".replace("0.", ".", 1)
    return f"inputs looked up on held-out training rows: {_words(looked.answers)} ({gain})"


def whole(looked: Looked | None) -> Iterator[RenderableType]:
    """Render all that was tried."""
    yield from line(looked)
    if looked is None or not looked.tried:
        return
    names = list(looked.answers)
    rows = [
        [
            "->" if tried.answers == looked.answers else "",
            *(_answer(tried.answers[name]) for name in names),
            tried.score,
            tried.trainings,
        ]
        for tried in looked.tried
    ]
    yield table(["", *(name.replace("_", " ") for name in names), "score", "trainings"], rows)


def _words(answers: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_answer(answer)}" for name, answer in answers.items())


def _answer(answer: Any) -> str:
    match answer:
        case bool():
            return "yes" if answer else "no"
        case list() | tuple():
            return " ".join("*".join(pair) for pair in answer) or "none"
        case float():
            return f"{answer:g}"
    return str(answer)
