"""The references, the glossary and the paper map agree with the code."""

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


def test_the_reference_of_settings_is_up_to_date():
    made = runpy.run_path(str(DOCS / "make_settings_reference.py"))["page"]()
    assert (DOCS / "settings.md").read_text() == made, "run `make docs`"


@pytest.mark.parametrize(("kind", "name"), ALL, ids="-".join)
def test_every_setting_says_what_it_is(kind, name):
    for setting in explained(REGISTRY, kind, name).settings:
        assert setting.description, f"{setting.name} has no docstring below it"


ROOT = Path(__file__).parents[2]
ROWS = [line for line in (ROOT / "docs/paper-map.md").read_text().splitlines() if re.search(r"\.py:\w", line)]
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


def test_the_paper_map_has_rows():
    assert len(ROWS) > 10


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_rows_of_the_paper_map_name_code_and_tests(row):
    path, name = re.search(r"`([\w/]+\.py):(\w+)`", row).groups()
    defined = {getattr(node, "name", None) for node in ast.walk(ast.parse((ROOT / path).read_text()))}
    assert name in defined, f"{path} defines no {name}"
    test = re.search(r"`(test_\w+)`", row).group(1)
    assert f"def {test}(" in TESTS, f"no test is called {test}"


TERMS = re.findall(r"^\| ([^|]+?) \| [^|]+ \|$", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.M)
TERMS = [term for term in TERMS if term not in ("term", "---")]
PAGES = [*(page for page in DOCS.glob("*.md") if page.name != "glossary.md"), DOCS.parent / "README.md"]
"""docs/cli.md and docs/settings.md hold the help and the descriptions of settings."""
TEXT = " ".join(" ".join(page.read_text(encoding="utf-8").split()) for page in PAGES)


def used(term, text):
    """Return whether a text has a term, in singular or plural, with a hyphen or a blank."""
    words = [re.escape(word) for word in re.split(r"[ -]", term)]
    stem = r"[ -]".join(words).removesuffix("y")
    return bool(re.search(rf"\b{stem}(y|ies|s|es)?\b", text, re.IGNORECASE))


def test_the_glossary_has_terms():
    assert len(TERMS) > 50
    assert len(TERMS) == len(set(TERMS))


@pytest.mark.parametrize("term", TERMS)
def test_each_term_is_used(term):
    assert used(term, TEXT), f"docs/glossary.md defines {term!r}, which no page uses"


def test_a_term_that_no_page_has_is_not_used():
    assert not used("stochastic parrot", TEXT)
    assert used("feature cross", "All feature crosses.")
    assert used("vocabulary", "Two vocabularies.")
