"""Pages: names cannot change them, long tables are folded, each section has a link."""

import shutil
from collections import Counter
from html.parser import HTMLParser

import pytest

from automtl_core.errors import ArtifactError, InputMissingError
from automtl_core.registry.kinds import REPORT_SECTIONS
from automtl_core.registry.plugins import load_registry
from automtl_inspection.sections import (
    Bar,
    Bars,
    Curves,
    Drawing,
    Edge,
    Figures,
    Grid,
    Matrix,
    Node,
    Section,
    Text,
)
from automtl_report.html import CARDS, FOLDED, SEARCHED, page, write_report
from tests.report.browser import browser, seen

HOSTILE = [
    "<script>alert(1)</script>",
    "a\"b'c&<b>",
    "x\u202egpj.exe",
    "n" * 300,
    "</svg><img src=x onerror=a()>",
    "\x1b[2J",
]


class Tags(HTMLParser):
    """All tags, attributes and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *one) for one in attrs]

    def handle_data(self, data):
        self.texts.append(data)


def everything(names):
    nodes = [Node(name, name, "input", 0, notes=(name,)) for name in names] + [Node("t", names[0], "task", 1)]
    return [
        Section(names[0], [Text(names[1]), Text(f"{names[2]}\n{names[3]}")]),
        Section(names[4], [Grid(names[:2], [[name, 1.0] for name in names], "lr", folded=names[5])]),
        Section("matrix", [Matrix(names[0], names, {name: [True] * len(names) for name in names})]),
        Section("drawing", [Drawing(names[1], nodes, [Edge(name, "t", 0.5, (name,)) for name in names])]),
        Section("charts", [Bars(names[0], names[1], [Bar(name, 1.0, 0.5, 1.5) for name in names])]),
        Section("plot", [Curves(*names[:3], {n: [(k + 1.0, 2.0)] for k, n in enumerate(names)})]),
    ]


POLICY = {
    "default-src": {"'none'"}, "style-src": {"'unsafe-inline'"}, "script-src": {"'unsafe-inline'"},
    "img-src": {"data:"},
}  # fmt: skip
"""What a page may load: nothing from outside of the file."""


def test_a_page_forbids_everything_from_outside_of_the_file():
    made = Tags(page("title", "sub", everything(HOSTILE), "1"))
    metas = [index for index, tag in enumerate(made.tags) if tag == "meta"]
    policies = [value for tag, _, value in made.attributes if tag == "meta" and value.startswith("default-")]
    assert ("meta", "http-equiv", "Content-Security-Policy") in made.attributes
    assert len(policies) == 1
    directives = [directive.split() for directive in policies[0].split(";")]
    assert {name: {*sources} for name, *sources in directives} == POLICY
    assert len(directives) == len(POLICY), "the first of two equal ones counts"
    assert max(metas) < min(made.tags.index(tag) for tag in ("title", "style", "body", "script"))


def test_names_cannot_change_a_page_and_stay_legible():
    plain = Tags(page("title", "sub", everything([f"name {k}" for k in range(6)]), "1"))
    hostile = Tags(page(HOSTILE[0], HOSTILE[1], everything(HOSTILE), "1"))
    one, other = (Counter(tag for tag in page.tags if tag != "wbr") for page in (plain, hostile))
    assert one == other
    handlers = [one for one in hostile.attributes if one[1].startswith("on")]
    assert not handlers
    joined = "".join(hostile.texts)
    assert "\u202e" not in joined
    assert "\x1b" not in joined
    assert "\\u202e" in joined
    assert "<script>alert(1)</script>" in joined.replace("\u200b", "")


def test_nothing_is_loaded_from_elsewhere_and_each_section_has_a_link():
    found = Tags(page("title", "sub", everything([f"name {k}" for k in range(6)]), "1"))
    assert not {"link", "iframe", "object", "img"} & {*found.tags}
    assert all(not value.startswith("http") for _, name, value in found.attributes if name in ("src", "href"))
    assert "<title>a_run: x</title>" in page("a_run: x", "s", [], "1"), "its words are not broken"
    text = page(
        "t", "s", [Section("one", [Text("a")]), Section("", [Text("b")]), Section("two", [Text("c")])], "1"
    )
    found = Tags(text)
    assert [a[2] for a in found.attributes if a[:2] == ("a", "href")] == ["#s1", "#s2"]
    assert text.index(">a<") < text.index(">b<") < text.index(">Two</h2>")


@pytest.mark.parametrize("rows", [SEARCHED - 1, SEARCHED, FOLDED + 1])
def test_long_tables_can_be_searched_and_longer_ones_are_folded(rows):
    text = page("t", "s", [Section("one", [Grid(["a"], [[k] for k in range(rows)])])], "1")
    assert ('class="scroll tools"' in text) == (rows >= SEARCHED)
    assert ("<details>" in text) == (rows > FOLDED)


def test_charts_are_folded_and_matrices_shaded():
    bars = [Bars(f"chart {k}", "m", [Bar("a", 1.0)]) for k in range(CARDS + 3)]
    assert "3 more" in page("t", "s", [Section("one", bars)], "1")
    text = page("t", "s", [Section("one", [Matrix("c", ["x", "y"], {"r": [0.5, None]})])], "1")
    assert '--share:100%">0.50<' in text
    assert "<td>-</td>" in text


LARGEST = 3_000_000


class Plugins:
    """A registry with two more sections, one of which fails."""

    def __init__(self):
        self.own = {"mine": self.mine, "broken": self.broken}
        self.registry = load_registry()

    def __getattr__(self, name):
        return getattr(self.registry, name)

    def names(self, kind):
        return tuple(self.own) if kind is REPORT_SECTIONS else self.registry.names(kind)

    def get(self, kind, name):
        return self.own[name] if kind is REPORT_SECTIONS else self.registry.get(kind, name)

    def mine(self, record):
        yield Section("my section", [Text(f"seed {record.config.seed} & more")])

    def broken(self, record):
        raise ValueError("<oops>")


def test_a_report_of_a_run_opens_in_a_browser_without_fault(recorded, tmp_path):
    file = write_report(recorded, Plugins(), tmp_path / "folder/report.html")
    assert file.stat().st_size < LARGEST
    with browser() as opened:
        found, page = seen(opened, file)
        assert not found.faults
        wanted = ["Verdict", "Learning curves", "My section", "Broken"]
        assert [title for title in found.sections if title in wanted] == wanted
        assert page.locator(".node.task").count() == 4
        readers = page.locator("section", has=page.get_by_role("heading", name="Inputs and readers"))
        name = readers.locator(".tools tbody th").first.text_content()
        readers.locator(".search").first.fill(name)
        assert readers.locator(".tools").first.locator("tbody tr:visible").count() == 1


def test_long_and_strange_names_leave_a_page_within_its_width(tmp_path):
    names = [*HOSTILE, "🎉" * 60, "x" * 200]
    lines = {name: [(1.0, 0.5), (2.0, 0.7)] for name in names}
    more = [Curves(names[0], names[3], names[1], lines, {names[3]: 1.5}), Figures({n: (n, n) for n in names})]
    file = tmp_path / "page.html"
    file.write_text(page(names[3], names[0], [*everything(names), Section("more", more)], "1"))
    with browser() as opened:
        assert not seen(opened, file)[0].faults


def test_the_same_run_has_the_same_report(recorded, tmp_path):
    one, two = (write_report(recorded, load_registry(), tmp_path / name) for name in ("a.html", "b.html"))
    assert one.read_bytes() == two.read_bytes()


def test_a_folder_without_a_finished_run_is_refused_with_the_way_on(recorded, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(recorded, run)
    (run / "result.json").unlink()
    with pytest.raises(ArtifactError, match=r"result\.json: not there"):
        write_report(run, load_registry())
    with pytest.raises(InputMissingError, match="not a run directory"):
        write_report(tmp_path, load_registry())
