"""Paths in a configuration of another person: nothing is written outside of the folder of the command."""

import shutil
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from .harness import Harness
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
COMMANDS = (
    ("config", "validate", "c.yaml"),
    ("train", "--model", "mmoe", "--config", "c.yaml", "--name", "a"),
)


def entries(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the files and folders below a folder, with the time of their last change."""
    for path in sorted(folder.rglob("*")):
        yield str(path), path.stat().st_mtime_ns


def test_paths_outside(harness: Harness, tmp_path: Path) -> None:
    """Each command succeeds within its folder, or refuses the path with a message."""
    outside, inside, home = (tmp_path / name for name in ("outside", "inside", "home"))
    inside.mkdir()
    write_inputs(inside)
    lines = (inside / "d.csv").read_text().splitlines()
    timed = [f"{line},{n or 'at'}" for n, line in enumerate(lines)]
    (inside / "d.csv").write_text("\n".join(timed) + "\n")

    def fault(case: tuple[str, str, tuple[str, ...]]) -> str | None:
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
        return None if ended.code in (0, 2, 65, 66, 73) else f"code {ended.code}: {ended.err[-300:]}"

    cases = list(product(SETTINGS, PATHS, COMMANDS))
    tried("paths that lead outside", cases, fault, "config validate, train")
