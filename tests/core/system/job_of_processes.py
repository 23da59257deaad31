"""Runs a function in the processes of a data-parallel job, as torchrun does, for tests."""

import multiprocessing
import os
import socket
import traceback

import torch

from automtl_core.system.distributed import joined


def results_of(work, processes):
    """Return the result of the function in each process."""
    context = multiprocessing.get_context("fork")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    pipes = [context.Pipe(duplex=False) for _ in range(processes)]
    jobs = [
        context.Process(target=_run, args=(work, rank, processes, port, pipe[1]), daemon=True)
        for rank, pipe in enumerate(pipes)
    ]
    for job in jobs:
        job.start()
    outcomes = [receive.recv() if receive.poll(300) else "no result" for receive, _ in pipes]
    for job in jobs:
        job.join(10)
    faults = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert not faults, "\n".join(faults)
    return [outcome[0] for outcome in outcomes]


def _run(work, rank, processes, port, pipe):
    os.environ.update(
        RANK=str(rank), WORLD_SIZE=str(processes), MASTER_ADDR="localhost", MASTER_PORT=str(port)
    )
    torch.set_num_threads(1)
    try:
        with joined():
            outcome = work()
        pipe.send((outcome,))
    except BaseException:
        pipe.send(traceback.format_exc())
