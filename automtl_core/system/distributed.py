"""The processes of a data-parallel job, which `torchrun` starts: all run one program, on different rows.

Every process takes the same decisions, because it computes them from the same numbers. Clocks and files
could differ, so only the first process reads clocks, writes files and calls listeners; `first` and `agreed`
pass its results to all others. Files change inside of `first` alone: between two calls, all processes read
the same.

Without such a job there is one process, and every function here costs nothing.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from typing import Any, TypeVar

from automtl_core.errors import AutoMTLError, OutOfMemoryError, ProcessLostError, UsageError, picklable

T = TypeVar("T")
E = TypeVar("E")


class _Job:
    """The job of this process."""

    rank = 0
    processes = 1
    alone = False
    """Whether the first process does something that the others do not."""
    passed_on: Exception | None = None
    """The last error of the first process, as the others have raised it."""


def rank() -> int:
    """Return the number of this process, from 0."""
    return _Job.rank


def processes() -> int:
    """Return the number of processes of the job."""
    return _Job.processes


def local_rank() -> int:
    """Return the number of this process on its machine, from 0: the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def asked() -> bool:
    """Return whether `torchrun` started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


@contextmanager
def joined() -> Iterator[None]:
    """Join the other processes of the job, if `torchrun` started this process as one of several.

    Raises:
        ProcessLostError: another process of the job ended.
        UsageError: the processes cannot find each other.

    """
    if not asked():
        yield
        return
    import torch
    import torch.distributed as dist

    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        # A process waits for the preparation of data by the first one; `torchrun` ends all if one ends.
        dist.init_process_group(backend, timeout=timedelta(days=7))
        # A process that ends at once would close its connections while another one still connects.
        dist.barrier()
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"the processes of the job do not find each other: {error}", "start the command by torchrun"
        ) from None
    _Job.rank, _Job.processes = dist.get_rank(), dist.get_world_size()
    try:
        yield
    except RuntimeError as error:
        lost = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer", "Broken pipe")
        if any(word in str(error) for word in lost):
            raise ProcessLostError(
                "another process of the job ended",
                "see its error above; repeat the command, or resume the run",
            ) from error
        raise
    finally:
        _Job.rank, _Job.processes = 0, 1
        dist.destroy_process_group()


def first(act: Callable[[], T]) -> T:
    """Call a function in the first process alone; return its result, or raise its error, in all processes.

    The call begins when all processes have arrived. Within the function, the first process is on its own. The
    result and the error are pickled, if there are several processes.
    """
    if _Job.processes == 1 or _Job.alone:
        return act()
    import torch.distributed as dist

    dist.barrier()
    outcome: list[Any] = [None, None]
    if _Job.rank == 0:
        try:
            with alone():
                outcome[0] = act()
        except Exception as error:
            outcome[1] = picklable(error)
            dist.broadcast_object_list(outcome)
            raise
    dist.broadcast_object_list(outcome)
    if outcome[1] is not None:
        _Job.passed_on = outcome[1]
        raise outcome[1]
    result: T = outcome[0]
    return result


def agreed(value: T) -> T:
    """Return the value of the first process, such as a time, in all processes; it is pickled."""
    if _Job.processes == 1 or _Job.alone:
        return value
    import torch.distributed as dist

    values = [value]
    dist.broadcast_object_list(values)
    return values[0]


def shared_listener(listener: Callable[[E], bool]) -> Callable[[E], bool]:
    """Return a listener that only the first process calls; its answer holds for all processes.

    All processes must send it the same events.
    """
    if _Job.processes == 1:
        return listener
    import torch
    import torch.distributed as dist

    def ask(event: E) -> bool:
        if _Job.alone:
            return listener(event)
        answer = torch.ones((), dtype=torch.uint8)
        if _Job.rank == 0:
            with alone():
                answer.fill_(listener(event))
        dist.broadcast(answer, 0)
        return bool(answer)

    return ask


@contextmanager
def alone() -> Iterator[None]:
    """Let this process act without the others."""
    before, _Job.alone = _Job.alone, True
    try:
        yield
    finally:
        _Job.alone = before


def is_first() -> bool:
    """Return whether this process writes files and output."""
    return _Job.rank == 0


@contextmanager
def muted() -> Iterator[None]:
    """Discard the output of all processes but the first, which prints for all.

    Errors that a process may have alone, such as too little memory, are printed.
    """
    if is_first():
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, ExitStack() as stack:
        stack.enter_context(redirect_stdout(nowhere))
        stack.enter_context(redirect_stderr(nowhere))
        try:
            yield
        except Exception as error:
            if error is _Job.passed_on:
                raise SystemExit(getattr(error, "exit_code", 1)) from None
            if isinstance(error, AutoMTLError) and not isinstance(error, OutOfMemoryError):
                raise SystemExit(error.exit_code) from None
            raise
