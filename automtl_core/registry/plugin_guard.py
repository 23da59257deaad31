"""Checks of plugin objects at their use: errors name the plugin.

Without them, a plugin's mistake would surface elsewhere, as an error of torch, or not at all: an output of
width one is broadcast silently.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from automtl_core.errors import AutoMTLError, PluginError, one_line
from automtl_core.modules.cost import meta
from automtl_core.system.process_state import plugin_code

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
        op = self._made(in_dim, out_dim, dropout)
        # A hook leaves the names of the parameters as they are, which a module around the op would change.
        op.register_forward_hook(partial(self._check_call, out_dim))
        return op

    def _check_call(self, out_dim: int, op: nn.Module, inputs: tuple[Tensor, ...], out: object) -> None:
        if not torch.compiler.is_compiling():  # which also stands for an export
            self.check(out, inputs[0], out_dim)

    def check(self, out: object, x: Tensor, out_dim: int) -> None:
        """Check the output of an op.

        Args:
            out: The output.
            x: The input, `[..., in]`.
            out_dim: Expected size of the last dimension of the output.

        Raises:
            PluginError: the output is no tensor of the shape and type that is expected, or without gradients.

        """
        shape = torch.Size([*x.shape[:-1], out_dim])
        if not isinstance(out, Tensor) or out.shape != shape or out.dtype not in _types_of_results(x):
            got = f"{list(out.shape)} of {out.dtype}" if isinstance(out, Tensor) else type(out).__name__
            raise self._error(f"maps {list(x.shape)} to {got}, expected {list(shape)} of {x.dtype}")
        if x.requires_grad and not torch.is_grad_enabled():
            raise self._error("turns gradients off, and leaves them off")

    def _made(self, in_dim: int, out_dim: int, dropout: float) -> nn.Module:
        made = self._guarded(lambda: self.make(in_dim, out_dim, dropout), "cannot be created")
        if not isinstance(made, nn.Module):
            raise self._error(f"is of type {type(made).__name__}, expected a torch.nn.Module")
        return made

    def _try(self, in_dim: int, out_dim: int) -> None:
        """Call an op once with real weights; a large one on the meta device, if that works."""
        with torch.no_grad(), torch.random.fork_rng(devices=[]), plugin_code():
            try:
                with meta() if in_dim * out_dim > 1 << 20 else torch.device("cpu"):
                    out: object = self._made(in_dim, out_dim, 0.0).eval()(torch.zeros(ROWS, in_dim))
            except PluginError:
                raise
            except Exception:
                with torch.device("cpu"):
                    op = self._made(in_dim, out_dim, 0.0).eval()
                    out = self._guarded(lambda: op(torch.zeros(ROWS, in_dim)), "fails when called")
        self.check(out, torch.zeros(ROWS, in_dim), out_dim)

    def _guarded(self, call: Callable[[], object], problem: str) -> object:
        try:
            with plugin_code():
                return call()
        except (AutoMTLError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            raise self._error(f"{problem}: {one_line(error)}") from error

    def _error(self, problem: str) -> PluginError:
        return PluginError(f"the {self.name} {problem}", self.fix)


def _types_of_results(x: Tensor) -> tuple[torch.dtype, ...]:
    """Return the types of what a layer may make of an input; mixed precision leaves some in float32."""
    kind = x.device.type
    if kind in ("cpu", "cuda") and torch.is_autocast_enabled(kind):
        return x.dtype, torch.get_autocast_dtype(kind), torch.float32
    return (x.dtype,)
