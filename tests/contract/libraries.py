"""Skips tests of plugin objects whose libraries are not installed."""

import pytest


def need(declared: type) -> None:
    """Skip a test of a class, such as a space, unless all of its libraries are installed."""
    for library in getattr(declared, "libraries", ()):
        pytest.importorskip(library)
