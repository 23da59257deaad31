"""Requirements that several contracts share. A message of an error names the violated one."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from automtl_core.system.state import State, load_state, save_state
from automtl_core.training.events import EpochEnded, EventHandler, StepEnded

TOLERANCE = 1e-12
"""Largest difference, in float64, between two ways to compute the same function."""


def close(values: Tensor, expected: Tensor, requirement: str, tolerance: float = TOLERANCE) -> None:
    """Check that two ways to compute the same function agree."""
    difference = (values - expected).abs().max()
    assert difference < tolerance, f"{requirement}: off by {difference}"


def check_output(module: nn.Module, inputs: Sequence[Tensor], shape: tuple[int, ...], form: str) -> None:
    """Check shape, type and gradients of the output of a module, and that it leaves its inputs as they are.

    Args:
        module: Module in float64; it is trained for one step.
        inputs: Its inputs; the output has the type of the first one.
        shape: Expected shape of the output.
        form: The contract of shapes, such as `[B, in] -> [B, out]`.

    """
    copies = [values.clone() for values in inputs]
    out: object = module.train()(*inputs)
    assert isinstance(out, Tensor), f"an output must be a tensor, got {type(out).__name__}"
    assert out.shape == shape, f"{form}: expected {shape}, got {tuple(out.shape)}"
    assert out.dtype == inputs[0].dtype, f"the dtype of the input must be kept, got {out.dtype}"
    assert all(map(torch.equal, inputs, copies)), "the input must not be changed in place"
    assert out.isfinite().all(), "outputs must be finite for finite inputs"
    if out.requires_grad:
        out.square().sum().backward()  # type: ignore[no-untyped-call]
        grads = [p.grad for p in module.parameters() if p.grad is not None]
        assert all(grad.isfinite().all() for grad in grads), "gradients must be finite"


@torch.no_grad()
def check_evaluation(module: nn.Module, inputs: Sequence[Tensor], tolerance: float = TOLERANCE) -> None:
    """Check that evaluation is finite and deterministic, and that no row depends on another one."""
    module.train()(*inputs)  # so that statistics of batches are not the initial ones
    out: Tensor = module.eval()(*inputs)
    assert out.isfinite().all(), "outputs must be finite for finite inputs"
    assert torch.equal(out, module(*inputs)), "evaluation must be deterministic"
    some = module(*(values[2:4] for values in inputs))
    close(out[2:4], some, "in evaluation rows must not depend on each other", tolerance)


@torch.no_grad()
def check_saving(make: Callable[[], nn.Module], inputs: Sequence[Tensor]) -> None:
    """Check that the state of a module holds all that it learned."""
    module, fresh = make(), make()
    module.train()(*inputs)
    fresh.load_state_dict(module.state_dict())
    same = torch.equal(fresh.eval()(*inputs), module.eval()(*inputs))
    assert same, "state_dict must hold all that the module learned"


class Killed(Exception):  # noqa: N818 - not an error
    """Ends a loop, as a kill of its process does."""


class Watch(EventHandler):
    """Saves the state of each epoch to a file, and reads it back.

    Args:
        state: Function that returns the state of the loop.
        continues: Function that returns whether the loop shall continue after an event, or raises `Killed`.

    """

    def __init__(
        self, state: Callable[[], State], continues: Callable[["Watch"], bool] = lambda watch: True
    ) -> None:
        self._state, self._continues = state, continues
        self.reports: list[EpochEnded] = []
        self.steps = 0
        self.state: State = {}

    def step(self, event: StepEnded) -> bool:
        """Count a step."""
        self.steps += 1
        return self._continues(self)

    def epoch(self, report: EpochEnded) -> bool:
        """Keep the report and the state of an epoch."""
        self.reports.append(report)
        with tempfile.TemporaryDirectory() as folder:
            save_state(Path(folder) / "state", self._state())
            self.state = load_state(Path(folder) / "state")
        return self._continues(self)


def same_weights(left: State, right: State) -> bool:
    """Return whether two states have the same tensors."""
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
