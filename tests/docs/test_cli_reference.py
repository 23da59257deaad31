"""docs/cli.md is what `--help` says."""

import runpy
from importlib.metadata import version
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.skipif(
    tuple(map(int, version("typer").split(".")[:2])) < (0, 29), reason="typer before 0.29 prints no types"
)
def test_the_reference_is_up_to_date() -> None:
    made = runpy.run_path(str(DOCS / "make_cli_reference.py"))["page"]()
    assert (DOCS / "cli.md").read_text() == made, "run `make docs`"
