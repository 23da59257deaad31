"""A current folder with modules of the names of libraries: none of them is imported."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from .harness import Harness
from .programme import tried
from .subjects import TRAIN, WORKERS, write_inputs

LIBRARIES = (
    "automtl_core",
    "automtl_cli",
    "duckdb",
    "numpy",
    "pandas",
    "pydantic",
    "safetensors",
    "torch",
    "yaml",
)
SHADOW = "import os; open(os.path.join(os.path.dirname(__file__), 'imported'), 'a').write(__name__ + ' ')\n"
PAGE = Path(__file__).parents[2] / "docs" / "data-parallel.md"


def shadowed(folder: Path) -> Path:
    """Return a folder with a module of each name; each of them notes that it was imported."""
    for name in (*sys.stdlib_module_names, *LIBRARIES):
        (folder / f"{name}.py").write_text(SHADOW)
    return folder


def imported(folder: Path) -> str | None:
    """Return which modules were imported."""
    note = folder / "imported"
    return f"imported: {note.read_text()}" if note.exists() else None


def test_workers(harness: Harness, tmp_path: Path) -> None:
    subject = WORKERS["search random with two workers"]

    def fault(case: str) -> str | None:
        write_inputs(tmp_path)
        shadowed(tmp_path)
        ended = harness.run(tmp_path, *subject.words)
        return imported(tmp_path) or (f"code {ended.code}: {ended.err[-300:]}" if ended.code else None)

    tried("modules of the current folder", ["modules of all names"], fault, subject.name)


def test_commands(tmp_path: Path) -> None:
    """Commands as users start them, also by torchrun as the documentation shows it."""
    start = re.search(r"^\$ (torchrun .*?) train ", PAGE.read_text(), re.MULTILINE)
    assert start
    scripts = Path(sys.executable).parent
    ways = {"automtl": ["automtl"], "torchrun": shlex.split(start[1])}
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}

    def fault(way: str) -> str | None:
        folder = tmp_path / way
        folder.mkdir()
        write_inputs(folder)
        shadowed(folder)
        words = [*ways[way], *TRAIN]
        ended = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, timeout=240
        )
        problem = f"code {ended.returncode}: {ended.stderr[-400:]}" if ended.returncode else None
        return imported(folder) or problem

    tried("modules of the current folder", list(ways), fault, "train")
