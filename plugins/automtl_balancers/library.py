"""TorchJD, which may not be installed."""

from importlib import import_module
from typing import Any

from automtl_core.errors import UsageError

LIBRARIES = ("torchjd",)


def torchjd(module: str, name: str, **arguments: Any) -> Any:
    """Return a new object of a class of TorchJD.

    Raises:
        UsageError: TorchJD is not installed, or what this class needs besides.

    """
    try:
        return getattr(import_module(f"torchjd.{module}"), name)(**arguments)
    except ImportError as error:
        raise UsageError(
            f"training.balancer: {name} needs TorchJD and what it depends on: {error}",
            "install them: pip install 'automtl[torchjd]'",
        ) from None
