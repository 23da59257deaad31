"""automtl: designs multi-task recommendation models by neural architecture search.

Only the version and the hook marker live here: re-exporting the interfaces would make every import
of the package, and so `automtl --help`, pull in torch.
"""

import pluggy

__version__ = "0.3.0"

hookimpl = pluggy.HookimplMarker("automtl")
"""Marks a function of a plugin module as the implementation of a hook; see `registry.kinds`."""
