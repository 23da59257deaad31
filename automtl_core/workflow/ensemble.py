"""The number of members of an ensemble, given apart from the settings of the strategy."""

from collections.abc import Sequence

from automtl_core.errors import UsageError, listing
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import Layer, default, merge
from automtl_core.settings.component import Component

SETTING = "ensemble"
"""Setting of the strategies that can train an ensemble."""


def ensemble_layer(members: int | None, layers: Sequence[Layer], registry: Registry) -> Layer:
    """Return the maximum number of members as a configuration layer; empty for None.

    Args:
        members: Maximum number of networks of the ensemble.
        layers: Configuration layers below, which name the strategy.
        registry: Registry of strategies.

    Raises:
        UsageError: the strategy trains no ensemble.

    """
    if members is None:
        return {}
    name = Component.model_validate(merge(default(registry), *layers)["strategy"]).name
    if not _trains_ensembles(name, registry):
        able = [other for other in registry.names(STRATEGIES) if _trains_ensembles(other, registry)]
        raise UsageError(
            f"the strategy {name!r} trains no ensemble", f"use one of {listing(able)}, or leave out ensemble"
        )
    return {"strategy": {SETTING: members}}


def _trains_ensembles(strategy: str, registry: Registry) -> bool:
    return SETTING in registry.get(STRATEGIES, strategy).settings_class.model_fields
