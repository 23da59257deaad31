"""The encoder of an export: the source of the encoders of its fields, as one file that needs numpy only."""

import inspect
import re
import runpy
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np

from automtl_core.errors import PluginError
from automtl_core.fields import encode, lookup
from automtl_core.fields.encode import FieldEncoder
from automtl_export import served

OWN_IMPORT = re.compile(r"^from automtl_core[.\w]* import (\([^)]*\)|.*)\n", re.MULTILINE)
"""An import between the modules that an export joins."""


def source(encoders: Iterable[FieldEncoder]) -> str:
    """Return the source of the encoder of an export, with the classes of these encoders appended.

    Raises:
        PluginError: the source of a class is not available.

    """
    used = {part.kind: type(part) for encoder in encoders for part in encoder.parts()}
    classes = dict.fromkeys(base for kind in sorted(used) for base in reversed(used[kind].__mro__))
    own = [each for each in classes if issubclass(each, FieldEncoder) and each is not FieldEncoder]
    texts = [OWN_IMPORT.sub("", inspect.getsource(module)) for module in (encode, lookup, served)]
    for each in own:
        try:
            texts.append(dedent(inspect.getsource(each)))
        except (OSError, TypeError):
            what = f"the source of {each.__qualname__} is not available for export"
            raise PluginError(what, "define it in a file") from None
    table = ", ".join(f'"{kind}": {used[kind].__name__}' for kind in sorted(used))
    return "\n\n".join([*texts, f"KINDS = {{{table}}}\n"])


def exported(code: Path, folder: Path) -> Callable[[Mapping[str, Any]], dict[str, np.ndarray]]:
    """Return the encoder of an exported folder, run from its code: columns -> inputs of the graph."""
    made = runpy.run_path(str(code))  # an import would leave compiled code in the folder
    encoder: Callable[[Mapping[str, Any]], dict[str, np.ndarray]] = made["Encoder"](folder)
    return encoder
