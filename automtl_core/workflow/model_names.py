"""The names of models, see `models`; they are read without torch, before a command begins."""

from pathlib import Path

from automtl_core.registry.kinds import BALANCERS, PRESETS, SPACES, STRATEGIES
from automtl_core.registry.registry import Registry


def check_model(name: str, registry: Registry) -> None:
    """Check that plugins register the names in the name of a model, and load none of them.

    Raises:
        UnknownNameError: a name is unknown.

    """
    model, balancer = parts(name)
    if balancer:
        registry.supplier(BALANCERS, balancer)
    if run_of(model) or is_file(model) or model in registry.names(PRESETS):
        return
    space, colon, strategy = model.partition(":")
    registry.supplier(SPACES, space)
    if colon:
        registry.supplier(STRATEGIES, strategy)


def parts(name: str) -> tuple[str, str]:
    """Return the name of a model without its balancer, and the name of the balancer, or an empty string."""
    model, plus, balancer = name.rpartition("+")
    return (model, balancer) if plus and not is_file(name) and not run_of(name) else (name, "")


def is_file(name: str) -> bool:
    """Return whether a model is in a YAML file."""
    return name.endswith((".yaml", ".yml"))


def run_of(name: str) -> tuple[Path, str | None] | None:
    """Return the run directory, and the number of a point of its front or None; None for other models."""
    if Path(name).is_dir():
        return Path(name), None
    path, _, number = name.rpartition("@")
    return (Path(path), number) if path and Path(path).is_dir() else None
