"""A worker process: it runs the trials that come through its pipe, and ends when the pipe is closed.

The parent sends its `sys.path` and the function that runs a trial, then each trial after the result of the
one before, and None to end the current one in order. The worker sends each event, then the result or the
error of the trial.
"""

import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from automtl_core.plugin import set_up

if TYPE_CHECKING:
    from automtl_core.plugin import RunTrial, Training


class Worker:
    """Runs one trial after the other.

    Args:
        connection: The pipe to the parent.
        run_trial: Runs one trial.

    """

    def __init__(self, connection: "Connection[Any, Any]", run_trial: "RunTrial") -> None:
        self._connection = connection
        self._run_trial = run_trial
        self._trials: SimpleQueue[Training] = SimpleQueue()
        self._going = True  # the current trial

    def work(self) -> None:
        """Run trials until the pipe is closed."""
        threading.Thread(target=self._receive, daemon=True).start()
        while True:
            try:
                result: object = self._run_trial(self._trials.get(), self._send)
            except Exception as error:
                result = error
            self._send(result)

    def _send(self, message: object) -> bool:
        """Send an event or a result; return whether the trial shall continue."""
        try:
            self._connection.send(message)
        except OSError:  # the parent has ended
            raise KeyboardInterrupt from None
        return self._going

    def _receive(self) -> None:
        """Receive trials in a thread of its own, so that a closed pipe also interrupts a trial."""
        try:
            while True:
                spec = self._connection.recv()
                self._going = spec is not None
                if self._going:
                    self._trials.put(spec)
        except (EOFError, OSError):
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10.0)
        os._exit(1)  # the trial is in code that does not return


def main(descriptor: int) -> None:
    """Run the worker of the pipe with a file descriptor."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        connection: Connection[Any, Any] = Connection(descriptor)
        sys.path[:] = connection.recv()  # plugins may be in folders that the parent has added
        set_up()  # before torch is imported, also by the next line
        Worker(connection, connection.recv()).work()
    except (KeyboardInterrupt, EOFError, OSError):
        return


if __name__ == "__main__":
    main(int(sys.argv[1]))
    sys.stderr.flush()
    os._exit(0)  # at once: libraries may take seconds to shut down, and all files are written
