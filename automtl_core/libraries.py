"""The import of libraries that reach beyond the process: they send no statistics, and share no folder."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

OFF = {"MLFLOW_DISABLE_TELEMETRY": "true", "ORT_DISABLE_TELEMETRY": "1", "RAY_USAGE_STATS_ENABLED": "0"}
"""Environment variables that turn off the statistics of MLflow, onnxruntime and Ray."""
CACHE = "TORCHINDUCTOR_CACHE_DIR"
"""Environment variable with the cache folder of torch's compiler."""


def library(name: str) -> Any:
    """Return an imported module; it sends statistics only if the environment asks for them.

    Raises:
        ImportError: it is not installed.

    """
    for variable, value in OFF.items():
        os.environ.setdefault(variable, value)
    return import_module(name)


@contextmanager
def own_cache() -> Iterator[None]:
    """Give torch's compiler a cache folder of its own in a block.

    By default the folder has the same name for all processes of a user, and may be a file, or belong to
    someone else.
    """
    before = os.environ.get(CACHE)
    try:
        with TemporaryDirectory(prefix="automtl-") as folder:
            os.environ[CACHE] = folder
            yield
    finally:
        os.environ.pop(CACHE, None)
        if before is not None:
            os.environ[CACHE] = before


def importing_compiler() -> AbstractContextManager[None]:
    """Return the context of calls by which torch imports its compiler, which creates the cache folder."""
    return nullcontext() if "torch._dynamo" in sys.modules else own_cache()
