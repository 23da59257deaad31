"""All that a plugin imports from automtl: `from automtl_core.plugin import Dataset, hookimpl`.

`plugin.pyi` lists the names and their modules. A name is imported at its first use: datasets load no torch.
"""

from automtl_core.system.lazy import names_of_stub

__getattr__, __all__ = names_of_stub(__file__)


def __dir__() -> list[str]:
    return __all__
