"""AGENTS.md is one page, and each path and command that it names exists."""

import re
from pathlib import Path

import pytest

from automtl_core.registry.kinds import KINDS
from automtl_testing.commands import KINDS as EXAMPLES

from .test_site import fault

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"^```bash\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", TEXT, flags=re.DOTALL | re.MULTILINE))
LINES = [line.partition("#")[0].strip() for line in BLOCKS.splitlines()]
COMMANDS = {part.strip() for line in [*LINES, *CODE] for part in line.split("&&")}
MADE = {"compare.json"}
"""Files that commands write."""


def test_it_is_one_page():
    assert 200 < len(TEXT.split()) <= 450


@pytest.mark.parametrize("command", sorted(one for one in COMMANDS if one.startswith("automtl ")))
def test_its_commands_are_valid(command):
    assert fault(command) is None


def test_its_targets_and_programs_exist():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {one.split()[1] for one in COMMANDS if one.startswith("make ")}
    assert named <= targets, named - targets
    assert {"test", "check", "docs", "size"} <= named
    programs = {Path(one).name for one in re.findall(r"\.venv/bin/[\w-]+", TEXT)}
    assert programs == {"activate", "ruff", "mypy", "lint-imports", "pytest"}


def test_its_paths_exist():
    paths = {*(one for one in CODE if "/" in one and " " not in one), *re.findall(r"\]\(([^)]+)\)", TEXT)}
    paths |= {*re.findall(r"pytest -q (\S+)", TEXT)}
    missing = [path for path in paths - MADE if not list(ROOT.glob(path.rstrip("/")))]
    assert len(paths) > 10
    assert not missing


def test_its_settings_and_kinds_exist():
    assert {"op", "metric", "dataset"} <= {*EXAMPLES}
    assert len(EXAMPLES) == 3 + 11
    options = [one for one in CODE if one.startswith("--set") or one.startswith("--dataset")]
    assert len(options) == 3
    for option in options:
        assert fault(f"automtl search {option}".replace("--dataset NAME", "--dataset synthetic")) is None
    assert "ops" in KINDS
