"""A space whose costs are counted once, which takes most of the time of a small search."""

import json

from automtl_core.choices import Architecture
from automtl_core.modules.cost import Cost
from automtl_core.space import SearchSpace


def counted_once(space: SearchSpace) -> SearchSpace:
    """Return the space, which from now on counts the cost of an architecture only once."""
    count, costs = space.cost, dict[str, Cost]()

    def cost(architecture: Architecture) -> Cost:
        key = json.dumps(dict(architecture.decisions), sort_keys=True)
        if key not in costs:
            costs[key] = count(architecture)
        return costs[key]

    space.cost = cost  # type: ignore[method-assign]
    return space
