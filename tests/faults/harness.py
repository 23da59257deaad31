"""Runs commands in forks of one process, with planned faults."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVER = Path(__file__).with_name("server.py")


@dataclass(frozen=True)
class Ended:
    """The end of a command."""

    code: int
    """Exit code; negative for the number of a signal."""
    out: str
    err: str
    points: Sequence[str]
    """Names of the points that were reached; empty for a process that was killed."""
    seconds: float
    cpu: float
    late: bool
    """Whether it was killed because it did not end."""


class Harness:
    """A server of forks."""

    def __init__(self) -> None:
        self._server: Any = subprocess.Popen(
            [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, folder, *words, **others):
        """Run a command in a folder, and wait for its end; `others` are keys of a request."""
        [ended] = self.together(folder, [{"words": words, **others}])
        return ended

    def together(self, folder, requests):
        """Run commands side by side in a folder, and wait for their ends."""
        optional = {"plan": {}, "seconds": None, "mutant": None, "limits": {}, "plain": False}
        optional |= {"environment": {}, "path": [], "folder": str(folder)}
        print(
            json.dumps([{**optional, **request} for request in requests]), file=self._server.stdin, flush=True
        )
        return [Ended(**answer) for answer in json.loads(self._server.stdout.readline())]

    def memory(self):
        """Return the bytes of private data that a command has at its start, which RLIMIT_DATA counts."""
        status = Path(f"/proc/{self._server.pid}/status").read_text()
        [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmData:")]
        return int(kilobytes) << 10

    def close(self):
        """End the server."""
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait()


def copied(folder, to):
    """Return a new copy of a folder; an older one is replaced."""
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(folder, to, symlinks=True))
