"""Progress of long operations on data."""

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""A function that receives a stage (`check`, `read`, `sort`, `encode`, `write`) and its finished share."""


def silent(stage: str, done: float) -> None:
    """Show no progress."""
