"""Commands touch no network, no files but those that they name, and no code of the current folder."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from .programme import tried
from .stage import unclear
from .subjects import CONFIG, write_inputs

DATASET = yaml.safe_load(CONFIG)["dataset"]
TIMED = {**DATASET, "user": "user", "time": "at", "split": "time"}
SETTINGS: dict[str, Callable[[str], dict[str, Any]]] = {
    "prepared_dir": lambda path: {"prepared_dir": path},
    "data_dir": lambda path: {"data_dir": path},
    "name": lambda path: {"name": path},
    "dataset.files": lambda path: {"dataset": {**DATASET, "files": path}},
    "dataset.history.files": lambda path: {"dataset": {**TIMED, "history": {"files": path}}},
    "dataset.vectors": lambda path: {"dataset": {**DATASET, "vectors": {"item": path}}},
    "dataset.vectors.ids": lambda path: {
        "dataset": {**DATASET, "vectors": {"item": {"file": path, "ids": path}}}
    },
}
PATHS = ("../outside/x.csv", "a/../../outside/x.csv", "{outside}/x.csv", "~/automtl-outside/x.csv")
READERS = (("check", "c.yaml"), ("train", "--model", "mmoe", "c.yaml", "--name", "a"))


def entries(folder):
    """Yield the files and folders below a folder, with the time of their last change."""
    for path in sorted(folder.rglob("*")):
        yield str(path), path.stat().st_mtime_ns


def test_paths_outside(harness, tmp_path):
    """Each command succeeds within its folder, or refuses the path with a message."""
    outside, inside, home = (tmp_path / name for name in ("outside", "inside", "home"))
    inside.mkdir()
    write_inputs(inside)
    lines = (inside / "d.csv").read_text().splitlines()
    (inside / "d.csv").write_text("".join(f"{line},{n or 'at'}\n" for n, line in enumerate(lines)))

    def fault(case):
        setting, path, words = case
        document = {**yaml.safe_load(CONFIG), **SETTINGS[setting](path.format(outside=outside))}
        (inside / "c.yaml").write_text(yaml.safe_dump(document))
        shutil.rmtree(inside / "runs", ignore_errors=True)
        for folder in (outside, home):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        before = [list(entries(folder)) for folder in (outside, home)]
        ended = harness.run(inside, *words, environment={"HOME": str(home)})
        if before != [list(entries(folder)) for folder in (outside, home)]:
            return "something was written outside"
        if problem := unclear(ended):
            return problem
        return None if ended.code in (0, 2, 65, 66, 73, 78) else f"code {ended.code}: {ended.err[-300:]}"

    cases = list(product(SETTINGS, PATHS, READERS))
    tried("paths that lead outside", cases, fault, "check, train")


BIN = Path(sys.executable).parent
FILES = "openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
NAMES = {
    *sys.stdlib_module_names, "duckdb", "numpy", "pandas", "pydantic", "safetensors", "torch", "yaml",
    "automtl", "automtl_core", "automtl_cli",
}  # fmt: skip
SHORT = "--preset quick --set training.epochs=1 --set features=ids log.yaml"
SEARCH = f"{SHORT} --set strategy.epochs=1 --set space.experts=2 --set space.blocks=1"
COMMANDS = {
    "automtl data init log.csv": ["log.yaml"],
    "automtl data describe log.yaml": ["prepared"],
    f"automtl search {SEARCH} --name a": ["runs", "prepared"],
    f"automtl train --model mmoe {SHORT} --name b": ["runs", "prepared"],
    f"automtl compare --models mmoe,ple --seeds 1 --workers 2 --out c {SHORT}": ["c", "prepared"],
    "automtl export runs/a": ["exports"],
    "automtl export runs/a --format torch": ["exports"],
    "python exports/a-onnx/example.py": [],
    "python exports/a-torch/example.py": [],
    "automtl predict runs/a log.csv --out scores.csv": ["scores.csv"],
    "automtl evaluate runs/a": ["prepared"],
    "automtl report runs/a": ["runs"],
    "automtl report c": ["c"],
    "automtl show runs/a": [],
    "automtl list runs": [],
    "automtl show runs/a --follow": [],
    "automtl plugins": [],
    "automtl check log.yaml": ["prepared", "runs"],
}
"""Commands, and what each may write in the current folder."""
TALKING = "automtl check"
"""Start of commands that use the network of this machine alone, for some imports."""
LINE = re.compile(r"(?P<call>\w+)\((?P<arguments>.*)\) += (?P<result>\d+)")
PATH = re.compile(r'(?:AT_FDCWD|\d+)(?:<(?P<folder>[^>]*)>)?, "(?P<path>[^"]*)"|"(?P<alone>[^"]*)"')
FREE = re.compile(r"/dev/(null|tty|shm/)|/proc/self/")
"""Files that are none of a disk, such as the semaphores of the system."""
DRAFT = f"here{os.sep}.automtl."
"""A draft beside what a command writes."""


class Work:
    """A folder in which commands are traced.

    Args:
        root: An empty folder.

    """

    def __init__(self, root: Path) -> None:
        self.here, self.temporary, self.traces = root / "here", root / "temporary", root / "traces"
        for folder in (self.here, self.temporary, root / "home"):
            folder.mkdir()
        for name in NAMES:
            text = f"open({str(root / 'imported')!r}, 'a').write({name + ' '!r})"
            (self.here / f"{name}.py").write_text(text)
        rows = (f"u{n % 7},i{n % 5},{n % 11},{(n * n) % 7 % 2},{(n // 3) % 2}" for n in range(400))
        (self.here / "log.csv").write_text("\n".join(["user_id,item_id,price,click,like", *rows, ""]))
        self.imported = root / "imported"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CI"))}
        self.environment = {
            **kept,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(root / "home"),
            "TMPDIR": str(self.temporary),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        }

    def fault(self, command):
        """Run a command, and return what it did that it must not do."""
        shutil.rmtree(self.traces, ignore_errors=True)
        self.traces.mkdir()
        strace = ["strace", "-ff", "-y", "-qq", "-e", f"trace=network,{FILES}", "-o", str(self.traces / "of")]
        ended = subprocess.run(
            [*strace, *command.split()],
            cwd=self.here,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if ended.returncode:
            return f"code {ended.returncode}: {ended.stderr[-500:]}"
        if self.imported.exists():
            return f"modules of the current folder: {self.imported.read_text()}"
        if left := [path.name for path in self.temporary.iterdir()]:
            return f"left in the temporary folder: {left}"
        if warned := re.findall(r"^.*\w+Warning\b.*$", ended.stdout + ended.stderr, re.MULTILINE):
            return f"warnings of libraries: {warned}"
        lines = [line for file in self.traces.iterdir() for line in file.read_text().splitlines()]
        allowed = [self.temporary, *(self.here / name for name in COMMANDS[command])]
        faults = [*_sockets(lines, command.startswith(TALKING)), *self._files(lines, allowed)]
        return "\n".join(sorted({*faults})) or None

    def _files(self, lines, allowed):
        """Yield the files and folders outside of the allowed ones that were created or opened for writing."""
        for line in lines:
            if not (call := LINE.match(line)) or call["call"] not in FILES.split(","):
                continue
            if call["call"] == "openat" and not re.search("O_CREAT|O_WRONLY|O_RDWR|O_TRUNC", line):
                continue
            for found in list(PATH.finditer(call["arguments"]))[-1:]:  # the new name, of two
                path = self.here / (found["folder"] or "") / (found["path"] or found["alone"] or "")
                path = Path(os.path.normpath(path))
                if DRAFT in str(path) or path.suffix == ".draft" or FREE.match(str(path)):
                    continue
                if not any(path.is_relative_to(place) for place in allowed):
                    yield line


def _sockets(lines, talking):
    """Yield the uses of the network, but for those of this machine alone, if it talks."""
    for line in lines:
        if "AF_INET" in line and not (talking and ("AF_NETLINK" in line or _is_here(line))):
            yield line


def _is_here(line):
    """Return whether a call has no address, or one of this machine."""
    addresses = re.findall(r'inet_addr\("([^"]*)"\)|inet_pton\(AF_INET6, "([^"]*)"', line)
    return all(re.match(r"127\.|0\.0\.0\.0|::1?$|::ffff:127\.", one or other) for one, other in addresses)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_commands_touch_what_they_name(tmp_path):
    about = "all commands"
    tried("calls of the system: network, files, current folder", list(COMMANDS), Work(tmp_path).fault, about)
