"""A faulty cell of a comparison: the rows of the others stand, and the message names the folder to delete."""

import json
import random
from collections.abc import Callable
from pathlib import Path

from .programme import tried
from .stage import Stage, unclear
from .test_damage import DAMAGES

FAILED = 79
FILES = ("result.json", "config.yaml", "architecture.json", "weights.safetensors", "data.json")


def test_a_damaged_cell(stage: Callable[[str], Stage]) -> None:
    """The comparison is written without the cell, or with its result as it was; the others are as before."""
    subject = stage("compare")
    folder = subject.fresh()
    assert subject.disturbed(folder).code == 0
    whole = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    wanted = models(folder)

    def fault(case: tuple[int, str]) -> str | None:
        seed, file = case
        for path, content in whole.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for name in ("compare.json", "compare.csv", "compare.md", "report.html"):
            (folder / "cmp" / name).unlink()
        draw = random.Random(seed)
        cell = draw.choice(sorted((folder / "cmp" / "cells").iterdir()))
        draw.choice(DAMAGES)(cell / file, draw)
        ended = subject.run(folder, subject.subject.words)
        about = f"{cell.name}/{file}: code {ended.code}: {ended.err[-400:]}"
        if problem := unclear(ended):
            return problem
        if ended.code not in (0, FAILED):
            return about
        if ended.code == FAILED and cell.name not in ended.out + ended.err:
            return f"the folder of the cell is not named: {about}"
        found = models(folder)
        others = {name for name in wanted if not cell.name.startswith(name)}
        differ = [name for name in (wanted if ended.code == 0 else others) if found.get(name) != wanted[name]]
        return f"other rows of {differ}: {about}" if differ else None

    cases = [(seed, file) for file in FILES for seed in range(4)]
    tried("a faulty cell of a comparison", cases, fault, "compare")


def models(folder: Path) -> dict[str, object]:
    """Return the test metrics of the cells of each model."""
    document = json.loads((folder / "cmp" / "compare.json").read_text())
    return {name: [cell.get("test") for cell in model["cells"]] for name, model in document["models"].items()}
