"""automtl: designs multi-task recommendation models by neural architecture search.

Only the version and the hook marker live here: re-exporting the interfaces would make every import
of the package, and so `automtl --help`, pull in torch.
"""

from collections.abc import Callable
from typing import TypeVar

__version__ = "0.3.0"

MARK = "automtl_hook"
"""Attribute of a function that is the implementation of a hook."""

Hook = TypeVar("Hook", bound=Callable[..., object])


def hookimpl(function: Hook) -> Hook:
    """Mark a function of a plugin module as the implementation of a hook; see `registry.kinds`."""
    setattr(function, MARK, True)
    return function
