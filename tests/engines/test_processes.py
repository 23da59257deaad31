"""Trials in worker processes: as in this one, whatever is killed."""

import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest

from automtl_core.errors import OutOfMemoryError, PluginError
from automtl_core.run_dir.config import RunConfig, merge
from automtl_core.search.trial import Serial
from automtl_core.training.events import EpochEnded
from automtl_core.workflow.run_trial import run_trial
from automtl_engines import processes
from automtl_engines.processes import Pool, Processes, ProcessesSettings, cores
from automtl_testing.trials import check_engine, sample_trials

FATAL = """
from automtl_core import hookimpl
from automtl_core.training.balancer import WeightedMean
import os

class Killed(WeightedMean):
    def __init__(self, settings, tasks):
        os.kill(os.getpid(), 9)

class Exits(WeightedMean):
    def __init__(self, settings, tasks):
        os._exit(5)

class Raises(WeightedMean):
    def __init__(self, settings, tasks):
        raise LookupError("where")

@hookimpl
def automtl_register_balancers():
    return {"killed": Killed, "exits": Exits, "raises": Raises}
"""


def children():
    """Return the identifiers of the worker processes of this process."""
    found = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True
    )
    return [int(line.split()[0]) for line in found.stdout.splitlines() if "automtl_engines.worker" in line]


def ends(pids):
    """Return whether processes end soon; those that have ended may be zombies."""
    for _ in range(300):
        states = [Path(f"/proc/{pid}/stat") for pid in pids]
        alive = [
            path for path in states if path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"
        ]
        if not alive:
            return True
        time.sleep(0.1)
    return False


def changed(spec, name, **training):
    """Return a trial with other training settings, in a folder of its own."""
    config = RunConfig.parse(merge(spec.config.model_dump(mode="json"), {"training": training}))
    return replace(spec, config=config, folder=f"{spec.folder}-{name}")


def going_on(spec, event):
    return True


@pytest.fixture(scope="module", autouse=True)
def shadows(tmp_path_factory):
    """Start workers in a folder of modules with the names of others, which end a process that imports one."""
    folder = tmp_path_factory.mktemp("shadows")
    for name in {*sys.stdlib_module_names, "numpy", "torch", "automtl_core", "automtl_engines"}:
        (folder / f"{name}.py").write_text("import os; os._exit(9)")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    return sample_trials(tmp_path_factory.mktemp("trials"), 4)


@pytest.fixture(scope="module")
def expected(trials):
    alone = [replace(spec, folder=f"{spec.folder}-alone") for spec in trials]
    return [replace(result, seconds=0.0) for _, result in Serial(run_trial).run(deque(alone), going_on)]


@pytest.fixture(scope="module")
def pool():
    with Processes(ProcessesSettings(), 2).executor(run_trial) as pool:
        assert isinstance(pool, Pool)
        yield pool


def test_the_engine_keeps_its_contract_and_leaves_no_process(tmp_path):
    before = children()
    check_engine(Processes(ProcessesSettings(), 2), tmp_path)
    assert children() == before


def test_killed_workers_lose_no_trial(pool, trials, expected, tmp_path):
    killed = []

    def on_event(spec, event):
        if isinstance(event, EpochEnded) and event.epoch == 1 and not killed:
            killed.append(children()[0])
            os.kill(killed[0], signal.SIGKILL)
        return True

    moved = [spec.below(tmp_path) for spec in trials]
    results = dict(pool.run(deque(moved), on_event))
    assert [replace(results[spec], seconds=0.0) for spec in moved] == expected
    assert killed
    kept = children()
    assert len(kept) == 2, "killed workers are replaced, others are kept"
    os.kill(kept[0], signal.SIGKILL)
    assert ends([kept[0]]), "a worker without a trial may be killed, too"
    assert len(dict(pool.run(deque(moved), going_on))) == len(moved)


def test_errors_of_trials_name_them_and_failed_whole_runs_leave_the_engine_at_work(
    install, trials, tmp_path, monkeypatch
):
    install(FATAL, "fatal")
    raises, killed, exits = (
        changed(trials[0], name, balancer={"name": name}) for name in ("raises", "killed", "exits")
    )
    whole = replace(exits, whole=True, folder=str(tmp_path / "run"))
    monkeypatch.setattr(processes, "ATTEMPTS", 2)
    with Processes(ProcessesSettings(), 1).executor(run_trial) as executor:
        with pytest.raises(PluginError, match="plugin 'fatal' failed: LookupError: where"):
            list(executor.run(deque([raises]), going_on))
        with pytest.raises(OutOfMemoryError, match=f"2 worker .*{killed.folder}, .* by SIGKILL"):
            list(executor.run(deque([killed]), going_on))
        ((spec, result),) = executor.run(deque([whole]), going_on)
    assert (spec, result.state) == (whole, "failed")
    assert re.search(f"2 worker .*{whole.folder}, .* by exit code 5", str(result.error))


def test_an_exception_of_the_caller_ends_running_trials(pool, trials):
    def on_event(spec, event):
        raise KeyboardInterrupt

    running = [replace(spec, folder=f"{spec.folder}-interrupted") for spec in trials[:2]]
    before = children()
    with pytest.raises(KeyboardInterrupt):
        list(pool.run(deque(running), on_event))
    assert ends(before)
    assert len(dict(pool.run(deque(trials[:1]), going_on))) == 1, "others go on"


def test_workers_end_if_the_parent_is_killed(trials):
    program = """
import sys, pickle, subprocess, os
from collections import deque
from automtl_core.workflow.run_trial import run_trial
from automtl_engines.processes import Processes, ProcessesSettings
specs = pickle.loads(bytes.fromhex(sys.stdin.read()))
with Processes(ProcessesSettings(), 2).executor(run_trial) as executor:
    for _ in executor.run(deque(specs), lambda spec, event: print("event", flush=True) or True):
        pass
"""
    specs = [changed(spec, "orphan", epochs=100_000, patience=100_000) for spec in trials[:2]]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-P", "-c", program], stdin=pipe, stdout=pipe, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(pickle.dumps(specs).hex())
        parent.stdin.close()
        assert parent.stdout.readline() == "event\n"
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(parent.pid)], capture_output=True, text=True
        )
        workers = [int(pid) for pid in listed.stdout.split()]
        assert len(workers) == 2
        parent.kill()
    assert ends(workers)


@pytest.mark.parametrize(
    ("setting", "variable", "threads"), [(None, None, cores() // 2 or 1), (None, "3", 3), (2, "3", 2)]
)
def test_threads_are_divided_unless_they_are_set(monkeypatch, setting, variable, threads):
    monkeypatch.delenv("OMP_NUM_THREADS")
    if variable is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
    with Processes(ProcessesSettings(threads=setting), 2).executor(run_trial) as pool:
        assert isinstance(pool, Pool)
        assert pool.environment["OMP_NUM_THREADS"] == str(threads)
