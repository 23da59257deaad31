"""A device in software: tensors on it compute on the CPU, and mix with others no more than those of a GPU.

torch lets Python code register a device (`PrivateUse1`). A tensor of this one holds a tensor on the CPU. As
on a GPU, an operation on tensors of both devices is an error unless those of the CPU are scalars, and so is
`numpy()`. Reading a number makes the CPU wait, and so does a copy that is not asynchronous, or a shape that
depends on values; `waits` records this. Kernels, streams, precision and memory of a GPU are not simulated.
"""

import traceback
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

aten = torch.ops.aten
NAME = "simulated"
COPIES = {aten.copy_.default, aten._to_copy.default}
"""Operations between devices."""
READS = {
    aten._local_scalar_dense.default,
    aten._unique2.default,
    aten.nonzero.default,
    aten.masked_select.default,
}
"""Operations that read a number, or whose result has a shape that depends on values."""

waits: list[str] = []
"""The operations so far for which the CPU waited, each with the line that called it."""


class OnDevice(Tensor):
    """A tensor of the device, with the tensor on the CPU that holds its values."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Self:
        layout = {}
        if held.layout == torch.strided:
            layout = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        made = Tensor._make_wrapper_subclass(
            cls, held.shape, dtype=held.dtype, layout=held.layout, device=f"{NAME}:0", **layout
        )
        made.held = held
        return made

    def __repr__(self, **_):
        return f"OnDevice({self.held})"

    def tolist(self):
        """Return the values, as a tensor of a GPU does and a subclass of tensors does not."""
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        tensors = [t for t in pytree.tree_leaves((args, given)) if isinstance(t, Tensor)]
        strange = [t for t in tensors if not isinstance(t, OnDevice) and t.dim()]
        if strange and func not in COPIES:
            raise RuntimeError(f"{func}: some tensors are on the device, others on the CPU")
        to_cpu = given.get("device") is not None and torch.device(given["device"]).type == "cpu"
        blocks = (strange or (to_cpu and func in COPIES)) and not _is_asynchronous(args, given)
        if func in READS or blocks or _is_mask(func, args) or _is_unsized(func, given):
            _waited(str(func))
        if given.get("device") is not None:
            given["device"] = "cpu"
        computed = func(*pytree.tree_map_only(OnDevice, _held, args), **_unwrapped(given))
        if func is aten.copy_.default:
            return args[0]
        known = {id(_held(t)): t for t in tensors}  # an operation in place returns the tensor that it changed
        return pytree.tree_map_only(
            Tensor, lambda t: known.get(id(t), t if to_cpu else OnDevice(t)), computed
        )


def _waited(operation):
    caller = next(
        frame
        for frame in reversed(traceback.extract_stack())
        if frame.filename != __file__ and "/torch/" not in frame.filename
    )
    waits.append(f"{operation} at {caller.filename}:{caller.lineno}")


def _is_mask(func, args):
    """Return whether an operation selects values by a mask."""
    selects = func in (aten.index.Tensor, aten.index_put.default, aten.index_put_.default)
    return selects and any(t is not None and t.dtype == torch.bool for t in args[1])


def _is_unsized(func, given):
    """Return whether an operation repeats values without being told the size of its result."""
    return func is aten.repeat_interleave.Tensor and given.get("output_size") is None


def _is_asynchronous(args, given):
    """Return whether a copy between devices is asynchronous; the parameter is the third one of `copy_`."""
    return bool(given.get("non_blocking") or (len(args) > 2 and args[2]))


def _held(tensor):
    return tensor.held if isinstance(tensor, OnDevice) else tensor


def _unwrapped(given):
    return pytree.tree_map_only(OnDevice, _held, given)


def _empty(size, *, dtype=None, **_):
    return OnDevice(torch.empty(size, dtype=dtype))


def _empty_strided(size, stride, *, dtype=None, **_):
    return OnDevice(torch.empty_strided(size, stride, dtype=dtype))


def _copy_from(source, target, non_blocking=False):
    if not non_blocking and type(source) is not type(target) and source.dim():
        _waited("aten._copy_from")
    _held(target).copy_(_held(source))
    return target


class _Module:
    """The module `torch.simulated`, as torch expects it of a device."""

    def is_initialized(self):
        return True

    def is_available(self):
        return True

    def current_device(self):
        return 0

    def device_count(self):
        return 1

    def _is_in_bad_fork(self):
        return False

    def manual_seed_all(self, seed):
        """Seed nothing: the device draws from the generator of the CPU."""

    def get_amp_supported_dtype(self):
        return [torch.bfloat16]


library = torch.library.Library("aten", "IMPL")


def register():
    """Register the device, before torch differentiates for the first time in this process; return it."""
    from torch.utils import backend_registration

    backend_registration._setup_privateuseone_for_python_backend(NAME, _Module())
    kernels = {"empty.memory_format": _empty, "empty_strided": _empty_strided, "_copy_from": _copy_from}
    for name, kernel in kernels.items():
        library.impl(name, kernel, "PrivateUse1")
    return torch.device(NAME)
