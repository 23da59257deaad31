"""Import of TorchJD, an optional library."""

from importlib import import_module
from typing import Any

from automtl_core.errors import UsageError

LIBRARIES = ("torchjd",)


def torchjd(module: str, name: str, **arguments: Any) -> Any:
    """Return a new object of a class of TorchJD.

    Raises:
        UsageError: TorchJD, or a further dependency of this class, is not installed.

    """
    try:
        return getattr(import_module(f"torchjd.{module}"), name)(**arguments)
    except ImportError as error:
        raise UsageError(
            f"training.balancer: {name} needs TorchJD and its dependencies: {error}",
            "install them: pip install 'automtl[torchjd]'",
        ) from None
