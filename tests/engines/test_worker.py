"""The protocol of a worker process, seen from its parent."""

import os
import subprocess
import sys
from dataclasses import replace
from multiprocessing import Pipe

from automtl_core.errors import AutoMTLError
from automtl_core.search.trial import TrialResult
from automtl_core.training.events import Event
from automtl_core.workflow.run_trial import run_trial
from automtl_testing.trials import sample_trials


def results(connection):
    """Return the messages of a trial, the last of which is its result."""
    messages = [connection.recv()[1]]
    while isinstance(messages[-1], Event):
        messages.append(connection.recv()[1])
    return messages


def test_a_worker_runs_trials_until_its_pipe_is_closed(tmp_path):
    first, second = sample_trials(tmp_path, 2)
    ours, theirs = Pipe()
    command = [sys.executable, "-m", "automtl_engines.worker", str(theirs.fileno())]
    with theirs:
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=os.environ)
    ours.send(sys.path)
    ours.send(run_trial)
    ours.send((0, first))
    *events, result = results(ours)
    assert events
    assert isinstance(result, TrialResult)
    assert result.state == "done"
    ours.send((1, replace(second, data="missing")))
    assert isinstance(results(ours)[-1], AutoMTLError)
    ours.send((2, second))
    ours.send((2, None))
    ended = results(ours)[-1]
    assert isinstance(ended, TrialResult)
    assert ended.state in ("stopped", "done"), "it may have trained before it was ended"
    ours.send((3, replace(second, folder=f"{second.folder}-cut")))
    ours.close()
    assert process.wait(60) == 0
