"""One check of `automtl doctor`, with its result."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """The result of a check."""

    name: str
    """The thing that is checked."""
    status: Literal["ok", "warning", "problem"]
    """warning: a search works, but slower or with less. problem: a search fails."""
    result: str
    """The observation in words."""
    remedy: str | None = None
    """What to do about it, or about a part that is optional."""


def size(amount: float) -> str:
    """Return a number of bytes as text."""
    for unit in ("bytes", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
