"""Fault points: where a process reads, writes or steps, and what happens there.

A point is each opening of a file for writing, each rename, removal, new folder and fsync below one folder,
and each event of training. They are seen by an audit hook and by two replaced functions, so that the
program itself knows nothing of them. Writes by libraries that are not Python, such as DuckDB, are no points:
kills at random times reach them.
"""

import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from power import Journal

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
PATHS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")
"""Audit events whose first argument is a path that changes."""


class Points:
    """Counter of the points of this process; it acts at the planned one.

    Args:
        root: Folder below which files are watched.
        plan: `at`, the number of a point, from 1; `do`, one of the actions below; `number` of a signal or an
            error; `path`, a pattern of what another program removes or cuts. Empty to count.

    """

    def __init__(self, root: Path, plan: Mapping[str, Any]) -> None:
        self.root = f"{root}{os.sep}"
        self.names: list[str] = []
        self._root, self._path = root, plan.get("path", "")
        self._at, self._number = plan.get("at"), plan.get("number", 0)
        self._do: Callable[[str], None] = getattr(self, f"_{plan.get('do', 'nothing')}")
        self._journal = Journal(root) if plan.get("do") == "power" else None
        self._busy = False

    def install(self):
        """Watch this process until it ends."""
        from automtl_core.search import trained
        from automtl_core.workflow.work import Recorder

        step = Recorder.__call__
        trained.CHECKPOINT_SECONDS = 0.0

        def synced(descriptor):
            # Not called itself, as it takes milliseconds: the journal knows what a power failure leaves.
            path = os.readlink(f"/proc/self/fd/{getattr(descriptor, 'fileno', lambda: descriptor)()}")
            self.point("fsync", path)
            if self._journal:
                self._journal.synced(path)

        def stepped(recorder, event):
            self.reached(f"step {type(event).__name__}")
            return step(recorder, event)

        os.fsync = synced
        Recorder.__call__ = stepped
        sys.addaudithook(self._heard)

    def _heard(self, event, arguments):
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str) and isinstance(flags, int) and flags & WRITES:
                self.point("open", path)
        elif event in PATHS:
            self.point(event.removeprefix("os."), *map(os.fspath, arguments[: 1 + (event in PATHS[::5])]))

    def point(self, kind, *paths):
        """Count an operation on a path, if it is below the folder."""
        if self._busy:
            return
        whole = [os.path.abspath(path) for path in paths]
        if all(path.startswith(self.root) for path in whole):
            self.reached(f"{kind} {os.path.relpath(whole[-1], self.root)}")
            if self._journal:
                self._busy = True
                self._journal.heard(kind, *whole)
                self._busy = False

    def reached(self, name):
        """Count a point, and act if it is the planned one."""
        self.names.append(name)
        if len(self.names) == self._at:
            self._do(name)

    def _nothing(self, name):
        """Go on."""

    def _kill(self, name):
        """End at once, as `kill -9` does."""
        os.kill(os.getpid(), signal.SIGKILL)

    def _worker(self, name):
        """Kill one of the worker processes, if there are any."""
        for task in os.listdir("/proc/self/task"):
            children = Path(f"/proc/self/task/{task}/children").read_text().split()
            for child in children[: 1 + self._number][-1:]:
                os.kill(int(child), signal.SIGKILL)

    def _signal(self, name):
        """Receive a signal."""
        os.kill(os.getpid(), self._number)

    def _error(self, name):
        """Fail with an error of the system, once."""
        if not name.startswith("step"):
            raise OSError(self._number, os.strerror(self._number), name.partition(" ")[2])
        self._at = len(self.names) + 1  # a step writes nothing itself: the next point fails

    def _full(self, name):
        """Write no file beyond some bytes from now on."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._number, self._number))

    def _remove(self, name):
        """Lose a file or folder, which another program removes."""
        self._busy = True
        for path in self._root.glob(self._path):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._busy = False

    def _rename(self, name):
        """Lose a file or folder, which another program gives another name."""
        self._busy = True
        for path in self._root.glob(self._path):
            path.rename(path.with_name(f"{path.name} renamed"))
        self._busy = False

    def _cut(self, name):
        """Lose the end of a file: a share of it, whose inverse is `number`."""
        self._busy = True
        for path in self._root.glob(self._path):
            size = path.stat().st_size
            os.truncate(path, size - size // (self._number or 2))
        self._busy = False

    def _power(self, name):
        """Lose the power: some of the changes that are not on the disk yet are lost."""
        self._busy = True
        self._journal.lose(self._number)
        os.kill(os.getpid(), signal.SIGKILL)
