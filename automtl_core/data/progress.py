"""Progress of long operations on data."""

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with a stage (`check`, `read`, `sort`, `encode`, `write`) and its finished share."""


def silent(stage: str, done: float) -> None:
    """Show no progress."""
