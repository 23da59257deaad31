"""The references, the glossary and the paper map agree with the code, and users meet no private words."""

import ast
import re
import runpy
from importlib.metadata import version
from pathlib import Path

import pytest

from automtl_cli.settings import NAMED, PARTS, explained
from automtl_core.registry.plugins import load_registry

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.skipif(
    tuple(map(int, version("typer").split(".")[:2])) < (0, 29), reason="typer before 0.29 prints no types"
)
def test_the_reference_of_commands_is_up_to_date():
    made = runpy.run_path(str(DOCS / "make_cli_reference.py"))["page"]()
    assert (DOCS / "cli.md").read_text() == made, "run `make docs`"


REGISTRY = load_registry()
ALL = [
    *((part, "") for part in PARTS),
    *((name, n) for name, (_, kind) in NAMED.items() for n in REGISTRY.names(kind)),
]


@pytest.mark.parametrize(
    ("file", "by"), [("settings.md", "settings_reference"), ("images/first-screen.svg", "picture")]
)
def test_what_make_docs_writes_is_up_to_date(file, by):
    made = runpy.run_path(str(DOCS / f"make_{by}.py"))["page"]()
    assert (DOCS / file).read_text() == made, "run `make docs`"


@pytest.mark.parametrize(("kind", "name"), ALL, ids="-".join)
def test_every_setting_says_what_it_is(kind, name):
    for setting in explained(REGISTRY, kind, name).settings:
        assert setting.description, f"{setting.name} has no docstring below it"


ROOT = Path(__file__).parents[2]
ROWS = [line for line in (ROOT / "research/paper-map.md").read_text().splitlines() if ".py:" in line]
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_rows_of_the_paper_map_name_code_and_tests(row):
    path, name = re.search(r"`([\w/]+\.py):(\w+)`", row).groups()
    defined = {getattr(node, "name", None) for node in ast.walk(ast.parse((ROOT / path).read_text()))}
    assert name in defined, f"{path} defines no {name}"
    test = re.search(r"`(test_\w+)`", row).group(1)
    assert f"def {test}(" in TESTS, f"no test is called {test}"


PRIVATE = r"searched with|mean of \S+ \+ |entrant|contest|unit of looks|optimism|dispensable|winner"
PRIVATE += "|level with|aggregates by|trained in part"
"""Words of this project alone, most of them of earlier versions."""


def test_outcome_readme_help_and_report_have_no_private_words_and_the_glossary_40_terms():
    golden = [path for room in ("cli", "report") for path in (ROOT / "tests" / room / "golden").iterdir()]
    for page in (ROOT / "README.md", DOCS / "cli.md", *golden):
        assert not re.findall(PRIVATE, page.read_text("utf-8"), re.IGNORECASE), page
    terms = re.findall(r"^\| ([A-Za-z].*?) \| [A-Z]", (DOCS / "glossary.md").read_text("utf-8"), re.MULTILINE)
    used = " ".join(page.read_text("utf-8") for page in DOCS.rglob("*.md") if page.name != "glossary.md")
    assert len(terms) <= 40
    assert not [term for term in terms if term.lower() not in used.lower()]
