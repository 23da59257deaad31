"""Each term of the glossary is used in README, the documentation, the help or a description of a setting."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
TERMS = re.findall(r"^\| ([^|]+?) \| [^|]+ \|$", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.M)
TERMS = [term for term in TERMS if term not in ("term", "---")]
PAGES = [*(page for page in DOCS.glob("*.md") if page.name != "glossary.md"), DOCS.parent / "README.md"]
"""docs/cli.md and docs/settings.md hold the help and the descriptions of settings."""
TEXT = " ".join(" ".join(page.read_text(encoding="utf-8").split()) for page in PAGES)


def used(term: str, text: str) -> bool:
    """Return whether a text has a term, in singular or plural, with a hyphen or a blank."""
    words = [re.escape(word) for word in re.split(r"[ -]", term)]
    stem = r"[ -]".join(words).removesuffix("y")
    return bool(re.search(rf"\b{stem}(y|ies|s|es)?\b", text, re.IGNORECASE))


def test_the_glossary_has_terms() -> None:
    assert len(TERMS) > 50
    assert len(TERMS) == len(set(TERMS))


@pytest.mark.parametrize("term", TERMS)
def test_each_term_is_used(term: str) -> None:
    assert used(term, TEXT), f"docs/glossary.md defines {term!r}, which no page uses"


def test_a_term_that_no_page_has_is_not_used() -> None:
    assert not used("stochastic parrot", TEXT)
    assert used("feature cross", "All feature crosses.")
    assert used("vocabulary", "Two vocabularies.")
