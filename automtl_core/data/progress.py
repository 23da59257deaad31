"""What long work on data tells while it runs."""

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with a stage (`check`, `read`, `sort`, `encode`, `write`) and the share of it that is done."""


def silent(stage: str, done: float) -> None:
    """Show no progress."""
