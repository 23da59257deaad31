"""docs/paper-map.md points at code and tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [line for line in (ROOT / "docs/paper-map.md").read_text().splitlines() if re.search(r"\.py:\w", line)]
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


def test_there_are_rows():
    assert len(ROWS) > 10


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_row(row):
    path, name = re.search(r"`([\w/]+\.py):(\w+)`", row).groups()
    defined = {getattr(node, "name", None) for node in ast.walk(ast.parse((ROOT / path).read_text()))}
    assert name in defined, f"{path} defines no {name}"
    test = re.search(r"`(test_\w+)`", row).group(1)
    assert f"def {test}(" in TESTS, f"no test is called {test}"
