"""All that a plugin imports from automtl: `from automtl_core.plugin import Dataset, hookimpl`.

`plugin.pyi` lists the names and their modules. A name is imported at its first use: datasets load no torch.
"""

import ast
import importlib
from pathlib import Path

_MODULES = {
    alias.name: statement.module
    for statement in ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(statement, ast.ImportFrom) and statement.module
    for alias in statement.names
}

__all__ = sorted(_MODULES)


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    module = importlib.import_module(_MODULES[name])
    if not hasattr(module, name):  # a module: `seeds`
        return importlib.import_module(f"{_MODULES[name]}.{name}")
    return getattr(module, name)
