"""Checks of optional packages and of plugins."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from automtl_cli.doctor.check import Check
from automtl_core.errors import PluginError, one_line
from automtl_core.process_state import library
from automtl_core.registry.kinds import BALANCERS, KINDS, SPACES, Kind
from automtl_core.registry.registry import DISABLE, Registry, remedy

EXTRAS: Mapping[str, Sequence[str]] = {
    "boosting": ("lightgbm",),
    "mlflow": ("mlflow-skinny", "sqlalchemy", "alembic"),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "ray": ("ray",),
    "study": ("optuna",),
    "tensorboard": ("tensorboard",),
    "torchjd": ("torchjd",),
    "zst": ("backports.zstd",),
}
"""Extra of automtl -> its packages."""
USES = {
    "mlflow": "the listener mlflow",
    "onnx": "`automtl export --format onnx`",
    "ray": "`--engine ray`",
    "study": "the strategy study, and `automtl compare --tune`",
    "tensorboard": "the listener tensorboard",
    "zst": "raw files that end in .zst",
}
"""Extra -> its use in the core; plugins declare their libraries."""
BUILT_IN = {"zst": "compression.zstd"}
"""Extra -> module of newer versions of Python that replaces it."""


def extras(registry: Registry) -> Iterator[Check]:
    """Yield a check of each extra: whether its packages can be imported, and their use."""
    for extra, packages in EXTRAS.items():
        use = USES.get(extra) or ", ".join(_users(registry, packages)) or "nothing that is installed"
        yield _extra(extra, packages, use)


def plugins(registry: Registry) -> Iterator[Check]:
    """Yield a check of all plugins together, or of each that is not usable."""
    faults = list(_unusable(registry))
    yield from faults or [Check("plugins", "ok", f"{len(registry.rows)}, all usable")]


def _unusable(registry: Registry) -> Iterator[Check]:
    for row in registry.rows:
        if row.problem == f"disabled by {DISABLE}":
            yield Check(f"plugin {row.name}", "warning", row.problem, f"to use it, remove it from {DISABLE}")
        elif row.problem is not None:
            yield Check(f"plugin {row.name}", "problem", f"not loaded: {row.problem}", remedy(row))
    for kind in KINDS.values():
        for name in registry.names(kind):
            try:
                registry.describe(kind, name)
            except PluginError as error:
                yield Check(f"{kind.name} {name}", "problem", str(error), error.fix)


def _extra(extra: str, packages: Sequence[str], use: str) -> Check:
    name, install = f"extra {extra}", f"pip install 'automtl[{extra}]'"
    if extra in BUILT_IN:
        with suppress(ImportError):
            library(BUILT_IN[extra])
            return Check(name, "ok", f"part of Python; for {use}")
    missing, versions = [], []
    for package in packages:
        try:
            versions.append(f"{package} {version(package)}")
            library({"mlflow-skinny": "mlflow"}.get(package, package))
        except PackageNotFoundError:
            missing.append(package)
        except Exception as error:  # such as a shared library that is missing
            result = f"{package} cannot be imported: {one_line(error)}; for {use}"
            return Check(name, "warning", result, install)
    if missing:
        return Check(name, "ok", f"not installed: {', '.join(missing)}; for {use}", install)
    return Check(name, "ok", f"{', '.join(versions)}; for {use}")


def _users(registry: Registry, packages: Sequence[str]) -> Iterator[str]:
    """Yield the spaces and balancers that need one of the packages, as one text for each kind."""
    kinds: tuple[Kind[Any], ...] = (SPACES, BALANCERS)
    for kind in kinds:
        names = []
        for name in registry.names(kind):
            with suppress(PluginError):
                if {*packages} & {*registry.get(kind, name).libraries}:
                    names.append(name)
        if names:
            yield f"{kind.name if len(names) == 1 else kind.plural} {', '.join(names)}"
