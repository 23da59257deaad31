"""The contents of the site for language models (https://llmstxt.org); `make docs` writes it as llms.txt."""

import re
from collections.abc import Iterator
from os.path import normpath
from pathlib import Path

DOCS = Path(__file__).parent
TOCTREE = re.compile(r"^```\{toctree\}\n:caption: (.*?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LISTED = re.compile(r"^```\{toctree\}\n(?!:caption|:glob)(.*?)^```$", re.DOTALL | re.MULTILINE)
REPOSITORY = "In a copy of the repository, `AGENTS.md` describes how to build, test and extend it."


def page() -> str:
    """Return the text of docs/llms.txt: title, summary, and the pages by their captions."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    lead = re.search(r'<div class="lead">(.*?)</div>', index, re.DOTALL)
    summary = " ".join(lead[1].split()) if lead else ""
    sections = "\n".join(_section(caption, lines) for caption, lines in TOCTREE.findall(index))
    return f"# automtl\n\n> {summary}\n\n{REPOSITORY}\n\n{sections}"


def _section(caption: str, lines: str) -> str:
    return "\n".join([f"## {caption}", "", *(line for name in _names(lines) for line in _links(name)), ""])


def _names(lines: str) -> list[str]:
    return [line for line in lines.splitlines() if line and not line.startswith(":")]


def _links(name: str) -> Iterator[str]:
    """Yield the link to a page with its first sentence, and those to the pages that it lists by name."""
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    title = re.search(r"^# (.*)$", text, re.MULTILINE)  # a page that includes a file has none
    first = re.match(r"[A-Z][^\n]*?(?:\n[^\n]+?)*?\.(?=\s)", text.partition("\n\n")[2])
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(first[0].split())) if first else ""
    yield f"- [{title[1] if title else name.capitalize()}]({name}.html)" + (f": {plain}" if plain else "")
    for below in LISTED.findall(text):
        yield from (link for one in _names(below) for link in _links(normpath(Path(name).parent / one)))
