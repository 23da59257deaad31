"""A process keeps the memory of large tensors that it frees, and its threads sleep soon while they wait."""

import os
import resource
import subprocess
import sys

import pytest

from automtl_core.training import process

FAULTS = """
import resource, sys

from automtl_core.training.process import set_up

if sys.argv[1] == "set up":
    set_up()
for _ in range(5):
    b"x" * (40 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def faults(how):
    done = subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True, text=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the GNU C library alone")
def test_freed_memory_is_used_again():
    whole = 5 * (40 << 20) // resource.getpagesize()
    assert faults("as it is") - faults("set up") > whole / 2


def test_what_the_user_says_of_threads_holds(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    process.set_up()
    assert "GOMP_SPINCOUNT" not in os.environ


RESIDENT = """
import numpy, pathlib
from automtl_core.training.process import return_memory, set_up
set_up()
resident = lambda: int(pathlib.Path("/proc/self/statm").read_text().split()[1])
tables = [numpy.ones(4 << 20) for _ in range(4)]
last = numpy.ones(1 << 17)  # keeps the end of the heap in use
del tables
before = resident()
return_memory()
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the GNU C library alone")
def test_freed_memory_is_returned():
    done = subprocess.run([sys.executable, "-c", RESIDENT], check=True, capture_output=True, text=True)
    assert int(done.stdout) * resource.getpagesize() > 4 * (30 << 20)
