"""Names and values with code and control characters: no output acts on a terminal or in a browser."""

import csv
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
import yaml

from .programme import CONTROL, tried
from .subjects import ROWS

PAYLOADS = {
    "nothing": "x",
    "terminal": "\x1b[2J\x1b]0;owned\x07",
    "C1 controls": "\x9b31m\x85",
    "direction": "\u202egpj.exe\u2066",
    "lines": "a\nerror: forged\n  fix: rm -rf /",
    "carriage return": "a\rerror: forged",
    "script": "<script>alert(1)</script>",
    "handler": "\"><img src=x onerror=alert(1)>'",
    "end of svg": "</text></svg><script>alert(1)</script>",
    "CDATA": "]]><script>alert(1)</script><!--",
    "Markdown": "![x](http://e/a.png) [y](javascript:alert(1)) `|`",
    "diagram": 'a"]; end; click a "javascript:alert(1)"',
    "formats": "{0.__class__} %s $(id) `id` ${HOME}",
}
SINKS: dict[str, tuple[str, ...]] = {
    "init": ("data", "init", "d.csv", "--out", "init.yaml", "--force"),
    "check": ("check", "c.yaml", "--out", "faulty.csv"),
    "describe": ("data", "describe", "c.yaml"),
    "sample": ("data", "describe", "c.yaml", "--rows", "5"),
    "search": ("search", "c.yaml", "--name", "b"),
    "show": ("show", "runs/a", "--evidence", "--fields"),
    "show --json": ("show", "runs/a", "--json"),
    "report": ("report", "runs/a", "--out", "out.html"),
    "runs": ("list", "runs"),
    "evaluate": ("evaluate", "runs/a"),
    "predict": ("predict", "runs/a", "d.csv", "--out", "out.csv"),
    "missing column": ("predict", "runs/a", "other.csv", "--out", "o.csv"),
    "compare": ("compare", "train.yaml", "--models=shared-bottom,runs/a", "--seeds=1", "--out=c"),
}  # fmt: skip
FORGED = re.compile(r"(?m)^(error: forged| *fix: rm)|\r")
LOADING = frozenset(("img", "image", "iframe", "object", "embed", "link", "base", "form", "foreignobject"))
"""Tags that load something from elsewhere, or send something there."""
LINKS = ("href", "src", "xlink:href", "action", "formaction")


class Tags(HTMLParser):
    """Faults of a page: handlers, links that run code, tags that load something, and its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        if tag in LOADING:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on") or (name in LINKS and not (value or "").startswith("#")):
                self.faults.append(f"{name}={value}")


def in_page(text):
    found = Tags(text)
    if found.scripts != 1:
        return f"{found.scripts} scripts"
    return ", ".join(found.faults) or None


def in_markdown(text):
    return "code or a link" if "<" in text or "](" in text else None


def in_diagram(text):
    return "a line of its own" if re.search(r'(?m)^\s*(click|end)\b|[^\\]"\]; end', text) else None


def in_json(text):
    json.loads(text)
    return None


PRODUCTS: dict[str, Callable[[str], str | None]] = {"dot": in_diagram, "show --json": in_json}
FILES = {
    "report": (("out.html", in_page),),
    "compare": (("c/report.html", in_page), ("c/compare.md", in_markdown)),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload(harness, tmp_path, name):
    write(tmp_path, PAYLOADS[name])
    begun = harness.run(tmp_path, "search", "c.yaml", "--name", "a")
    assert begun.code == 0, begun.err

    def fault(sink):
        ended = harness.run(tmp_path, *SINKS[sink])
        if problem := in_text(ended, sink):
            return problem
        if (look := PRODUCTS.get(sink)) and (problem := look(ended.out)):
            return f"{problem}: {ended.out[:200]!r}"
        for file, look in FILES.get(sink, ()):
            if problem := look((tmp_path / file).read_text()):
                return f"{file}: {problem}"
        return None

    tried("payloads in names and values", list(SINKS), fault, f"commands that print or draw: {name}")


def in_text(ended, sink):
    """Return what is wrong with the output of a command."""
    said = ended.out + ended.err
    if (ended.code != 0) != (sink == "missing column") or "Traceback" in said:
        return f"code {ended.code}: {ended.err[-300:]}"
    if sign := CONTROL.search(said):
        return f"a control character {sign[0]!r}"
    return f"a forged line: {sign[0]!r}" if (sign := FORGED.search(said)) else None


def write(folder, payload):
    """Write a table whose columns and values hold a payload, and its settings."""
    user, item, click = (f"{name}{payload}" for name in ("user", "item", "click"))
    rows = [(f"{payload}{n % 9}", f"{n % 5}{payload}", str(n * n % 7 % 2)) for n in range(ROWS)]
    for name, columns in (("d.csv", (user, item, click)), ("other.csv", (user, "item", click))):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([columns, *rows])
    settings = {
        "dataset": {"name": "table", "files": "d.csv", "sparse": [user, item],
                    "labels": {click: {"column": click}}},
        "data_dir": ".",
        "features": "ids",
        "training": {"epochs": 1, "batch_size": 64, "min_positives": 1},
        "space": {"name": "desan", "embedding_dim": 4, "experts": 2, "blocks": 1, "members": 1,
                  "ops": ["identity", "mlp-8"]},
        "strategy": {"name": "pd-darts", "epochs": 2, "steps": 15, "rounds": 1,
                     "rung_epochs": 1},
    }  # fmt: skip
    (folder / "c.yaml").write_text(yaml.safe_dump(settings))
    without = {key: value for key, value in settings.items() if key not in ("space", "strategy")}
    (folder / "train.yaml").write_text(yaml.safe_dump(without))
