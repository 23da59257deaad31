"""Checks of ops of plugins where they are made: errors name the plugin.

Without them, a plugin's mistake would surface elsewhere, as an error of torch, or not at all: an output of
width one is broadcast silently.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from automtl_core.errors import AutoMTLError, PluginError, one_line

ROWS = 2
"""Number of rows in the trial call of an op."""


@dataclass(eq=False)
class SuppliedOp:
    """A factory of ops from a plugin, with checks."""

    make: Callable[..., object]
    """The registered factory; for a family, with its number bound."""
    name: str
    """Name of the op and the plugin, for messages."""
    fix: str
    """Remedy for a broken plugin."""
    tried: set[tuple[int, int]] = field(default_factory=set)
    """Sizes of inputs and outputs for which the factory was tried."""

    def __call__(self, in_dim: int, out_dim: int, dropout: float, /) -> nn.Module:
        """Return a new op.

        Raises:
            PluginError: the factory raises, or its result does not map `[B, in]` to `[B, out]`.

        """
        if (in_dim, out_dim) not in self.tried:
            self._try(in_dim, out_dim)
            self.tried.add((in_dim, out_dim))
        return self._made(in_dim, out_dim, dropout)

    def _made(self, in_dim: int, out_dim: int, dropout: float) -> nn.Module:
        made = self._guarded(lambda: self.make(in_dim, out_dim, dropout), "cannot be created")
        if not isinstance(made, nn.Module):
            raise self._error(f"is of type {type(made).__name__}, expected a torch.nn.Module")
        return made

    def _try(self, in_dim: int, out_dim: int) -> None:
        """Check an op by a call on the CPU, also where a network without values is made."""
        with torch.no_grad(), torch.random.fork_rng(devices=[]), torch.device("cpu"):
            op = self._made(in_dim, out_dim, 0.0).eval()
            out = self._guarded(lambda: op(torch.zeros(ROWS, in_dim)), "fails when called")
        shape, wanted = [ROWS, in_dim], [ROWS, out_dim]
        if not isinstance(out, Tensor) or [*out.shape] != wanted or out.dtype != torch.get_default_dtype():
            got = f"{list(out.shape)} of {out.dtype}" if isinstance(out, Tensor) else type(out).__name__
            raise self._error(f"maps {shape} to {got}, expected {wanted} of {torch.get_default_dtype()}")

    def _guarded(self, call: Callable[[], object], problem: str) -> object:
        try:
            return call()
        except (AutoMTLError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            raise self._error(f"{problem}: {one_line(error)}") from error

    def _error(self, problem: str) -> PluginError:
        return PluginError(f"the {self.name} {problem}", self.fix)
