"""Numbers below 2.2e-308 in documents of automtl: they are read as they were written, and are no damage."""

import json
from collections.abc import Callable, Iterator
from itertools import product as pairs
from pathlib import Path
from typing import Any

import pytest
import torch

from automtl_core.system.documents import read_signed, write_signed

from .programme import tried
from .stage import Stage, unclear
from .subjects import EVALUATE, PREDICT, REPORT

P_VALUE = 1.158e-309
"""A p value as of a z score of 37.7."""
COMMANDS = {
    "evaluate": ("evaluate", "runs/a"),
    "evaluate new rows": EVALUATE,
    "predict": PREDICT,
    "report": REPORT,
    "show": ("show", "runs/a"),
}
FORM = 1


def with_small_numbers(value: Any) -> Any:
    """Return JSON with a denormal number in place of each number that is no integer."""
    if isinstance(value, dict):
        return {key: with_small_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_small_numbers(item) for item in value]
    return P_VALUE if isinstance(value, float) else value


def signed(folder: Path) -> Iterator[Path]:
    """Yield the signed documents of a folder that hold numbers."""
    for path in sorted(folder.rglob("*.json")):
        content = json.loads(path.read_text())
        if "sha256" in content and str(P_VALUE) in json.dumps(with_small_numbers(content)):
            yield path


@pytest.fixture
def flushing() -> Iterator[Callable[[bool], object]]:
    """Return the switch of the processor that takes denormal numbers for zero."""
    yield torch.set_flush_denormal
    torch.set_flush_denormal(False)


def test_documents_with_small_numbers(
    stage: Callable[[str], Stage], tmp_path: Path, flushing: Callable[[bool], object]
) -> None:
    """Whether the processor flushes while a document is written or read has no effect."""
    subject = stage("search pd-darts")
    folder = subject.fresh()
    assert subject.disturbed(folder).code == 0
    documents = {str(path.relative_to(folder)): path for path in signed(folder)}

    def fault(case: tuple[str, tuple[bool, bool]]) -> str | None:
        name, (writing, reading) = case
        content = json.loads(documents[name].read_text())
        wanted = with_small_numbers({**content, "format": FORM, "sha256": None})
        del wanted["sha256"]
        copy = tmp_path / "copy.json"
        flushing(writing)
        write_signed(copy, FORM, wanted)
        flushing(reading)
        try:
            found = read_signed(copy, FORM, "restore it")
        except Exception as error:
            return repr(error)
        finally:
            flushing(False)
        return None if repr(found) == repr(wanted) else "other values"

    cases = list(pairs(documents, pairs((False, True), repeat=2)))
    tried("denormal numbers in documents", cases, fault, "search pd-darts", few=4)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_run_with_small_p_values(stage: Callable[[str], Stage], name: str) -> None:
    subject = stage("predict")

    def fault(file: str) -> str | None:
        folder = subject.fresh()
        path = folder / "runs" / "a" / file
        content = json.loads(path.read_text())
        form = content.pop("format")
        del content["sha256"]
        for task in content["baselines"].values():
            task["p_constant"] = P_VALUE
        write_signed(path, form, content)
        ended = subject.harness.run(folder, *COMMANDS[name])
        return unclear(ended) or (f"code {ended.code}: {ended.err[-300:]}" if ended.code else None)

    tried("denormal numbers in documents", ["result.json"], fault, name)
