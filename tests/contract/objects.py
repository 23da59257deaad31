"""Objects of plugins: whether their libraries are installed, and costs that are counted once."""

import json

import pytest

from automtl_core.modules.cost import Cost


def counted_once(space):
    """Return the space, which from now on counts the cost of an architecture only once."""
    count, costs = space.cost, dict[str, Cost]()

    def cost(architecture):
        key = json.dumps(dict(architecture.decisions), sort_keys=True)
        if key not in costs:
            costs[key] = count(architecture)
        return costs[key]

    space.cost = cost  # type: ignore[method-assign]
    return space


def need(declared):
    """Skip a test of a class, such as a space, unless all of its libraries are installed."""
    for library in getattr(declared, "libraries", ()):
        pytest.importorskip(library)
