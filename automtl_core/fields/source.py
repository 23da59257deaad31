"""Export of encoders: the code that the run used, as one file that needs numpy only."""

import inspect
import runpy
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np

from automtl_core.errors import PluginError
from automtl_core.fields import encode
from automtl_core.fields.encode import FieldEncoder


def source(encoders: Iterable[FieldEncoder]) -> str:
    """Return the source of `fields.encode` with the classes of these encoders appended.

    Raises:
        PluginError: the source of a class is not available.

    """
    used = {part.kind: type(part) for encoder in encoders for part in encoder.parts()}
    classes = dict.fromkeys(base for kind in sorted(used) for base in reversed(used[kind].__mro__))
    own = [each for each in classes if issubclass(each, FieldEncoder) and each is not FieldEncoder]
    table = ", ".join(f'"{kind}": {used[kind].__name__}' for kind in sorted(used))
    return "\n\n".join([inspect.getsource(encode), *map(_of, own), f"KINDS = {{{table}}}\n"])


def exported(code: Path, folder: Path) -> Callable[[Mapping[str, Any]], dict[str, np.ndarray]]:
    """Return the encoder of an exported folder, run from its code: columns -> inputs of the graph."""
    made = runpy.run_path(str(code))  # an import would leave compiled code in the folder
    encoder: Callable[[Mapping[str, Any]], dict[str, np.ndarray]] = made["Encoder"](folder)
    return encoder


def _of(encoder: type[FieldEncoder]) -> str:
    try:
        return dedent(inspect.getsource(encoder))
    except (OSError, TypeError):
        raise PluginError(
            f"the source of {encoder.__qualname__} is not available for export", "define it in a file"
        ) from None
