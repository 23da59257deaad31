"""Help, settings and README are plain English: none of the turns in `HABITS` occurs in them."""

import ast
import re
from pathlib import Path

import pytest

from automtl_cli.app import program
from automtl_cli.settings import NAMED, PARTS, explained
from automtl_core.registry.kinds import KINDS
from automtl_core.registry.plugins import load_registry

ROOT = Path(__file__).parents[2]
REGISTRY = load_registry()
HABITS = (
    r"\btold\b", r"\btell(s|ing)?\b", r"\bsaid\b", r"\bsays?\b", r"\bgiven\b", r"\bfound\b", r"\bwhat\b",
    r"\blook(s|ed|ing)? (up|at|through)\b", r"\banew\b", r"\bdear(er|est)?\b", r"\bshelf\b", r"\bnobody\b",
    r"\bof (which|whom)\b", r"\bthe same of\b", r"\bof (its|their|one's) own\b", r"\bone's\b",
    r"\bstands? (for|by)\b", r"\bas (it|they) (stands?|is|are)\b", r"\basks?\b", r"\bgo(es|ing)? on with\b",
    r"\bat most\b", r"\bhow (much|many|far)\b", r"\bwhere (nothing|nobody|not|null|none|there)\b",
    r"\b(so|as) many\b", r"\bby (it|them)sel(f|ves)\b", r"\bseldom\b", r"\bnext to no\b", r"\byardstick\b",
    r"\ba (row|task|step|model|layer) (a|one) \b", r"\boperations a row\b", r"\bdispensed\b",
    r"^(of|whether it|from which|as) ",
)  # fmt: skip
"""Turns of a private style, as regular expressions, whatever the case."""
ANY = re.compile("|".join(HABITS), re.IGNORECASE)
NAMES = re.compile(r"`[^`]*`|'[^']*'|\bgiven or searched\b|\$?[\w.]+[_/][\w.]+")
"""Names of settings, values and files, which are no prose."""


def faults(text):
    """Return each sentence of a text that has a habit, with the habit."""
    prose = NAMES.sub("-", " ".join(text.split()))
    sentences = re.split(r"(?<=[.:;!?]) ", prose)
    return [f"{found.group()!r} in {each!r}" for each in sentences for found in ANY.finditer(each)]


def helps(command, path):
    """Yield the texts of the help of a command and of those below it, by their place."""
    yield path, command.help or ""
    for parameter in command.params:
        yield f"{path} {parameter.name}", getattr(parameter, "help", None) or ""
    for name, below in getattr(command, "commands", {}).items():
        yield from helps(below, f"{path} {name}")


def settings():
    """Yield the descriptions of all settings, and of the components that have them, by their place."""
    components = [(k, n) for k, (_, kind) in NAMED.items() for n in REGISTRY.names(kind)]
    for kind, name in [*((part, "") for part in PARTS), *components]:
        of = explained(REGISTRY, kind, name)
        yield f"{kind} {name}".strip(), of.description
        yield from ((f"{kind} {name} {each.name}", each.description) for each in of.settings)


def listed():
    """Yield the descriptions that `automtl list` prints, by their place."""
    for kind in KINDS.values():
        yield from ((f"{kind.plural} {name}", REGISTRY.describe(kind, name)) for name in REGISTRY.names(kind))


def readme():
    """Yield the paragraphs of the README without code."""
    text = re.sub(r"```.*?```", "", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    yield from ((f"README.md {number}", part) for number, part in enumerate(text.split("\n\n"), start=1))


TEXTS = {
    "help": list(helps(program(), "automtl")),
    "settings": list(settings()),
    "lists": list(listed()),
    "README": list(readme()),
}


@pytest.mark.parametrize("source", TEXTS)
def test_texts_for_users_have_no_habits(source):
    texts = TEXTS[source]
    assert len(texts) > 20, "the texts are not all there"
    wrong = [f"{place}: {fault}" for place, text in texts for fault in faults(text)]
    assert not wrong, "write plain English:\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "Rows that are looked at.",
        "What a field tells.",
        "The dearest candidate. Is fine.",
        "A folder of its own.",
        "Epochs at most.",
        "The same of decay.",
        "Trees that nobody needs.",
    ],
)
def test_a_habit_is_a_fault(text):
    assert faults(text)


def test_names_are_no_prose():
    assert not faults("Feature encoding, `given` or `searched`, see dataset.labels.click_given.")


WORDS = {"anew", "dear", "dearest", "found", "given", "heard", "looked", "nobody", "said", "shelf", "taken",
         "tell", "tells", "told", "wanted", "what"}  # fmt: skip
"""Words that are no part of a public name."""
ALLOWED = {"Label.given", "Task.given", "LabelColumn.given", "tell"}
"""Labels that are conditional on another one; `ask` and `tell` are the terms of schedulers."""


def public_names(tree):
    """Yield the public classes and functions of a module, with their arguments and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            fields = (each.target for each in node.body if isinstance(each, ast.AnnAssign))
            yield node.name
            yield from (f"{node.name}.{each.id}" for each in fields if isinstance(each, ast.Name))
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name
            yield from (f"{node.name}({each.arg}" for each in node.args.args)


def words_of(name):
    """Return the words of the last part of a name."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+", re.split(r"[(.]", name)[-1])}


@pytest.mark.parametrize("folder", ["automtl_core", "plugins", "cli", "api"])
def test_public_names_have_no_habits(folder):
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in public_names(ast.parse(path.read_text("utf-8")))
        if words_of(name) & WORDS and name not in ALLOWED
    ]
    assert not wrong, wrong


def test_a_name_with_a_habit_is_seen():
    tree = ast.parse("class Told:\n    x: int\ndef price(found): ...\ndef _told(): ...")
    assert [name for name in public_names(tree) if words_of(name) & WORDS] == ["Told", "price(found"]
