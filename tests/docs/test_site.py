"""The pages of the site: contents, references, glossary and paper map, and commands that no test runs.

`make docs` builds the site itself, with every warning as an error.
"""

import ast
import re
import runpy
import shlex
from importlib.metadata import version

import pytest
import yaml

from automtl_cli.app import program, run
from automtl_cli.configuration import check
from automtl_cli.errors import Stop
from automtl_core.errors import UsageError
from automtl_core.run_dir.config import Shared

from .test_shown import PROJECTS, ROOT, SHOWN, blocks, commands

DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
RUN = {*(f"{name}.md" for name in SHOWN), *(f"tutorials/{name}.md" for name in PROJECTS)}
"""Pages whose commands are run by `test_shown`."""
OTHER = {"pip", "python", "make", "MODEL=served", "curl", "tensorboard"}
"""Programs besides automtl; what the pages ask of them is shown only, unless a page of `RUN` has it."""
SETTINGS = set(re.findall(r"^\| `([\w.]+)` \|", (DOCS / "settings.md").read_text("utf-8"), re.MULTILINE))
WORDS = re.findall(r"^## automtl(.*)$", (DOCS / "cli.md").read_text("utf-8"), re.MULTILINE)
"""Words of all commands and groups."""
TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def contents(page):
    """Yield a page and the pages of its tables of contents, recursively."""
    yield page
    for block in TOCTREE.findall(page.read_text("utf-8")):
        lines = [line for line in block.splitlines() if line and not line.startswith(":")]
        for line in lines:
            below = page.parent.glob(f"{line}.md") if ":glob:" in block else [page.parent / f"{line}.md"]
            for each in sorted(below):
                yield from contents(each.resolve())


def test_each_page_is_in_the_contents_once():
    found = list(contents(DOCS / "index.md"))
    assert sorted(found) == PAGES


def test_configuration_files_are_valid():
    shown = [text for page in PAGES for text in blocks(page.read_text("utf-8"), "yaml")]
    assert len(shown) > 10
    faults = []
    for text in shown:
        try:
            check([{"dataset": "table"}, Shared(yaml.safe_load(text))])
        except UsageError as error:  # what is shown may lack a setting that another one needs
            faults += [fault for fault in str(error).splitlines() if " needs " not in fault]
    assert not faults


@pytest.mark.parametrize("line", WORDS)
def test_help_has_forty_lines_and_examples_that_are_valid(line, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*line.split(), "--help"], Stop()) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 40
    assert not re.search(r"<\w+>|x>=|\brequired\b|list\[|\{[A-Z]", text), "texts of the parser"
    examples = re.findall(r"^  (automtl .*)$", text, re.MULTILINE)
    assert len(examples) >= 2 or line not in (" search", " compare", " predict")
    assert not [found for command in examples if (found := fault(command))]


def fault(command):
    """Return what is wrong with a command of automtl, or None."""
    name, *arguments = shlex.split(command)
    if name != "automtl":
        return None if name in OTHER else f"{name} is no program that pages show"
    parser, context = program(), None  # its own: a command keeps its first help option
    try:
        while below := getattr(parser, "commands", None):
            name, *arguments = arguments
            parser = below[name]
        context = parser.make_context(name, arguments)
    except Exception as error:
        return f"{type(error).__name__} {error}"
    keys = [each.partition("=")[0] for each in context.params.get("settings") or ()]
    unknown = [key for key in keys if not any(each == key or each.startswith(f"{key}.") for each in SETTINGS)]
    return f"no setting is called {unknown}" if unknown else None


def test_commands_that_are_not_run_are_valid():
    for page in PAGES:
        if page.relative_to(DOCS).as_posix() not in RUN:
            wrong = {command: fault(command) for command in commands(page.read_text("utf-8"))}
            assert not {command: why for command, why in wrong.items() if why}, page


def test_a_wrong_command_is_a_fault():
    assert fault("automtl serch")
    assert fault("automtl search --modle mmoe")
    assert fault("automtl train --set training.epoch=1")
    assert fault("automtl export")
    assert fault("rm -r runs")


@pytest.mark.skipif(
    tuple(map(int, version("typer").split(".")[:2])) < (0, 29), reason="typer before 0.29 prints no types"
)
def test_the_reference_of_commands_is_up_to_date():
    made = runpy.run_path(str(DOCS / "make_cli_reference.py"))["page"]()
    assert (DOCS / "cli.md").read_text() == made, "run `make docs`"


@pytest.mark.parametrize(
    ("file", "by"), [("settings.md", "settings_reference"), ("images/first-screen.svg", "picture")]
)
def test_what_make_docs_writes_is_up_to_date(file, by):
    made = runpy.run_path(str(DOCS / f"make_{by}.py"))["page"]()
    assert (DOCS / file).read_text() == made, "run `make docs`"


def test_every_setting_says_what_it_is():
    rows = re.findall(r"^\| `[\w.]+` \|.*$", (DOCS / "settings.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) > 100
    assert not [row for row in rows if row.endswith("|  |")], "it has no docstring below it"


ROWS = [line for line in (ROOT / "research/paper-map.md").read_text().splitlines() if ".py:" in line]
SOURCES = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


def test_rows_of_the_paper_map_name_code_and_tests():
    assert len(ROWS) > 5
    for row in ROWS:
        path, name = re.search(r"`([\w/]+\.py):(\w+)`", row).groups()
        defined = {getattr(node, "name", None) for node in ast.walk(ast.parse((ROOT / path).read_text()))}
        assert name in defined, f"{path} defines no {name}"
        test = re.search(r"`(test_\w+)`", row).group(1)
        assert f"def {test}(" in SOURCES, f"no test is called {test}"


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
