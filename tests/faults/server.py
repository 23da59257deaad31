"""A process that has imported automtl once, and forks a child for each command: commands need no imports.

It reads a list of requests as one line of JSON, runs them side by side, and answers with a list of their
ends. A request has the `words` of the command, its `folder`, `environment`, `limits` and modules' `path`, the
`plan` of a fault, a `mutant`, and the `seconds` after which it is killed. Its output goes into pipes, which
no limit of files concerns.
"""

import ctypes
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

PACKAGES = ("core", "cli", "strategies", "desan", "baselines", "datasets")
"""Packages of automtl, without the start of their names."""
LIBRARIES = ["duckdb", "pandas", "optuna", "typer.main", "rich.console"]
"""Libraries that functions import, as far as they are installed."""
if "AUTOMTL_FAULTS" in os.environ:  # exports too
    LIBRARIES += ["torch._dynamo", "torch.export", "onnx", "onnxscript", "onnxruntime"]
PATIENCE = 120
"""Seconds after which a child is killed, unless a request says otherwise."""


def imported():
    """Import what commands import, and build what each of them would build again."""
    for name in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)
    for name in PACKAGES:
        package = importlib.import_module(f"automtl_{name}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                with suppress(ImportError):
                    importlib.import_module(module.name)
    importlib.import_module("automtl_cli.app").program()
    values = importlib.import_module("automtl_core.system.documents")
    for kind in _subclasses(values.Value):
        values.reader(kind)
    importlib.import_module("automtl_core.registry.plugins").load_registry()


def _subclasses(base):
    """Yield all classes below a class."""
    for kind in base.__subclasses__():
        yield kind
        yield from _subclasses(kind)


def child(request, pipes):
    """Become the process of a command."""
    from points import Points

    folder = Path(request["folder"])
    os.setsid()
    os.dup2(pipes["out"], 1)
    os.dup2(pipes["err"], 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    os.environ.update(request["environment"])
    sys.path[:0] = request["path"]
    os.chdir(folder)
    if request["mutant"]:
        from mutants import MUTANTS

        MUTANTS[request["mutant"]]()
    points = Points(folder, request["plan"])
    points.install()
    for name, size in request["limits"].items():
        resource.setrlimit(getattr(resource, name), (size, resource.RLIM_INFINITY))
    if request["plain"]:
        without_capabilities()
    code = 1
    try:
        code = command(request["words"])
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os.write(pipes["points"], "\n".join(points.names).encode())
        os._exit(code)


def without_capabilities():
    """Give up the right of root to write into any folder. Linux only."""
    library = ctypes.CDLL(None, use_errno=True)
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if library.capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")


def command(words):
    """Run a command as `automtl` does, and return its exit code."""
    from automtl_cli.app import run
    from automtl_cli.errors import Stop
    from automtl_cli.output import lenient_streams
    from automtl_core.training.process import set_up

    set_up()
    lenient_streams()
    stop = Stop()
    stop.listen()
    return run(words, stop)


def answered(requests):
    """Run requests in children, side by side, and return how each ended."""
    children = [_forked(request) for request in requests]
    return [_ended(*child, request) for child, request in zip(children, requests, strict=True)]


def _forked(request):
    """Return a new child, and the ends of its pipes to read from."""
    pipes = {name: os.pipe() for name in ("out", "err", "points")}
    pid = os.fork()
    if pid == 0:
        child(request, {name: write for name, (_, write) in pipes.items()})
    for read, write in pipes.values():
        os.close(write)
        os.set_blocking(read, False)
        fcntl.fcntl(read, fcntl.F_SETPIPE_SZ, 1 << 20)
    return pid, {name: read for name, (read, _) in pipes.items()}


def _ended(pid, pipes, request):
    """Wait for a child, and kill it with its processes when its time is over."""
    began, wanted, late = time.monotonic(), request["seconds"], False
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > began + (wanted or PATIENCE):
            late = not wanted
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        time.sleep(0.002)
    texts = {}
    for name, read in pipes.items():
        with open(read, "rb") as file:
            texts[name] = (file.read() or b"").decode(errors="replace")
    return {
        **texts,
        "points": texts["points"].splitlines(),
        "code": os.waitstatus_to_exitcode(status),
        "late": late,
        "seconds": time.monotonic() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
    }


def main():
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing else may write into the answers
    imported()
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
