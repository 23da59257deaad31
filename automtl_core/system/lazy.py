"""Modules that list names of other modules, and import each of them at its first use."""

import ast
import importlib
from collections.abc import Callable
from pathlib import Path


def names_of_stub(file: str) -> tuple[Callable[[str], object], list[str]]:
    """Return the `__getattr__` and the names of a module whose stub, beside it, imports these names.

    A type checker reads the stub, and so knows the names without their import.
    """
    places = {
        alias.name: statement.module
        for statement in ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8")).body
        if isinstance(statement, ast.ImportFrom) and statement.module
        for alias in statement.names
    }

    def get(name: str) -> object:
        if name not in places:
            raise AttributeError(f"module {Path(file).stem} has no attribute {name}")
        module = importlib.import_module(places[name])
        if not hasattr(module, name):  # a module: `seeds`
            return importlib.import_module(f"{places[name]}.{name}")
        return getattr(module, name)

    return get, sorted(places)
