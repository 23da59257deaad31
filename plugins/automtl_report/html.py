"""The report of a run or of a comparison: sections as one HTML page without any other file."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from importlib import resources
from itertools import groupby
from pathlib import Path

from markupsafe import Markup

import automtl_core
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Data
from automtl_core.run_dir.record import read_record
from automtl_core.run_dir.run import Run
from automtl_core.system.files import write_atomic
from automtl_core.views.plain import cell
from automtl_core.views.values import (
    Bars,
    Block,
    Curves,
    Drawing,
    Figures,
    Grid,
    Matrix,
    Plot,
    Preformatted,
    Section,
    Text,
)
from automtl_report.charts import LONG, chart, legible, spoken
from automtl_report.drawing import drawn
from automtl_report.run import report

FOLDED, SEARCHED, CARDS = 25, 12, 12
"""Number of rows from which a table is folded, from which it has a search field, and of charts that are shown
unfolded."""
PAGE = Markup("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; img-src data:">
<title>{name}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1><p>{subtitle}</p></header>
<nav aria-label="Sections"><ul>{links}</ul></nav>
<main>{sections}</main>
<footer><p>Written by automtl {version}</p></footer>
<script>{script}</script>
</body>
</html>
""")


def page(title: str, subtitle: str, sections: Iterable[Section], version: str) -> str:
    """Return a page. A section without a title belongs to the one before it."""
    links, parts = [], []
    for number, section in enumerate(_titled(sections), start=1):
        head = Markup('<h2 id="h{}">{}</h2>').format(number, legible(section.title))
        body = Markup("").join(_blocks(section.blocks))
        if section.folded:
            body = body.replace(Markup("<details>"), Markup("<details open>"))
            body = Markup("<details><summary>{}</summary>{}</details>").format(head, body)
        else:
            links.append(Markup('<li><a href="#s{}">{}</a></li>').format(number, legible(section.title)))
            body = head + body
        parts.append(
            Markup('<section id="s{0}" aria-labelledby="h{0}"{1}>{2}</section>').format(
                number, Markup(' class="folded"') if section.folded else "", body
            )
        )
    return PAGE.format(
        name=spoken(title),
        title=legible(title),
        subtitle=legible(subtitle),
        style=Markup(_file("page.css")),  # noqa: S704 - our own file
        script=Markup(_file("page.js")),  # noqa: S704 - our own file
        links=Markup("").join(links),
        sections=Markup("\n").join(parts),
        version=version,
    )


def _titled(sections: Iterable[Section]) -> list[Section]:
    """Return the sections by title; blocks without a title join those before them."""
    titled: list[Section] = []
    for section in sections:
        if titled and not section.title:
            blocks = [*titled[-1].blocks, *section.blocks]
            titled[-1] = replace(titled[-1], blocks=blocks)
        elif section.title or section.blocks:
            titled.append(replace(section, title=_sentence(section.title or "Summary")))
    return titled


def _blocks(blocks: Sequence[Block]) -> Iterator[Markup]:
    """Yield blocks; charts and short tables that follow each other stand side by side."""
    for together, group in groupby(blocks, _beside):
        some = list(group)
        rendered = list(map(_block, some))
        if not together:
            yield from rendered
            continue
        charts = sum(isinstance(block, Curves | Bars | Plot) for block in some)
        beside = min(charts, 3 if charts % 3 == 0 or charts == 5 else 4)
        if charts < min(len(some), 3):  # tables take what they need
            beside = 4
        cards = Markup('<div class="cards" style="--n:{}">{}</div>')
        yield cards.format(beside, Markup("").join(rendered[:CARDS]))
        if more := rendered[CARDS:]:
            yield _folded(f"{len(more)} more", cards.format(beside, Markup("").join(more)))


def _beside(block: Block) -> bool:
    """Return whether a block can stand beside others."""
    short = isinstance(block, Grid) and not block.folded and len(block.rows) <= FOLDED
    return short or isinstance(block, Curves | Bars | Plot | Matrix)


def _block(block: Block) -> Markup:
    match block:
        case Curves() | Bars():
            figure = Markup('<figure class="card"><figcaption>{}</figcaption>{}</figure>')
            return figure.format(legible(block.title), chart(block))
        case Preformatted():
            return Markup('<pre tabindex="0">{}</pre>').format(legible(block.text))
        case Text():
            kind = "note" if block.text.startswith(("warning", "note")) else "text"
            return Markup('<p class="{}">{}</p>').format(kind, _prose(block.text))
        case Plot():
            return Markup('<figure class="card">{}</figure>').format(chart(block))
        case Drawing():
            figure = Markup(
                '<figure class="drawing"><figcaption>{}</figcaption><div class="scroll" tabindex="0">'
            )
            return figure.format(legible(_sentence(block.title))) + drawn(block) + Markup("</div></figure>")
        case Figures():
            return _figures(block)
        case Matrix():
            return _matrix(block)
        case Grid():
            return _grid(block)


def _figures(figures: Figures) -> Markup:
    one = Markup("<div><dt>{}</dt><dd><strong>{}</strong> {}</dd></div>")
    values = figures.values.items()
    return Markup('<dl class="figures">{}</dl>').format(
        Markup("").join(
            one.format(legible(_sentence(name)), legible(value), _prose(note))
            for name, (value, note) in values
        )
    )


def _grid(grid: Grid) -> Markup:
    letters = grid.letters()
    heads = [
        Markup('<{0} class="{1}">{2}</{3}>').format(
            Markup('th scope="col"') if name else "td", letter, legible(name), "th" if name else "td"
        )
        for name, letter in zip(grid.header, letters, strict=False)
    ]
    rows = [
        Markup("<tr>{}</tr>").format(
            Markup("").join(_cell(value, letter) for value, letter in zip(row, letters, strict=False))
        )
        for row in grid.rows
    ]
    head = Markup("<thead><tr>{}</tr></thead>").format(Markup("").join(heads)) if any(grid.header) else ""
    return _table(head, rows, "data", grid.folded)


def _cell(value: object, letter: str) -> Markup:
    order = Markup(' data-v="{}"').format(value) if isinstance(value, int | float) else ""
    text = cell(value)
    kind = " n" if re.match(r"[-+<.]?[\d. ]", text) else " long" * (len(text) > LONG)
    return Markup('<td class="{}{}"{}>{}</td>').format(letter, kind, order, legible(text))


def _matrix(matrix: Matrix) -> Markup:
    """Return a table with a mark, or a colour, in each cell."""
    numbers = [v for row in matrix.rows.values() for v in row if v is not None and not isinstance(v, bool)]
    most = max(map(abs, numbers), default=0.0) or 1.0
    heads = [Markup('<th scope="col"><span>{}</span></th>').format(legible(name)) for name in matrix.columns]
    corner = (
        Markup('<th scope="col">{}</th>').format(legible(matrix.corner))
        if matrix.corner
        else Markup("<td></td>")
    )
    head = Markup("<thead><tr>{}{}</tr></thead>").format(corner, Markup("").join(heads))
    rows = [
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            legible(name), Markup("").join(_mark(value, most, matrix.form) for value in row)
        )
        for name, row in matrix.rows.items()
    ]
    return _table(head, rows, "matrix")


def _mark(value: bool | float | None, most: float, form: str) -> Markup:
    if value is True:
        return Markup('<td class="on">●<i>read</i></td>')
    if value is False:
        return Markup('<td class="off">·<i>not read</i></td>')
    if value is None:
        return Markup("<td>-</td>")
    return Markup('<td class="heat" style="--share:{:.0f}%">{}</td>').format(
        100 * abs(value) / most, f"{value:{form}}"
    )


def _table(head: Markup | str, rows: Sequence[Markup], kind: str, folded: str = "") -> Markup:
    """Return a table that scrolls by itself; a long one is folded, and can be searched and sorted."""
    tools = " tools" if len(rows) >= SEARCHED and head else ""
    body = Markup(
        '<div class="scroll{}" tabindex="0"><table class="{}">{}<tbody>{}</tbody></table></div>'
    ).format(tools, kind, head, Markup("").join(rows))
    count = f"{len(rows):,} rows"
    if folded or len(rows) > FOLDED:
        return _folded(f"{_sentence(folded)} ({count})" if folded else count, body)
    return body


def _folded(title: str, body: Markup) -> Markup:
    return Markup("<details><summary>{}</summary>{}</details>").format(legible(title), body)


def _sentence(title: str) -> str:
    return title[:1].upper() + title[1:]


def _prose(text: str) -> Markup:
    """Return a sentence as HTML, with names and commands between backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(legible(text))))  # noqa: S704 - its text is escaped


def _file(name: str) -> str:
    return (resources.files("automtl_report") / name).read_text(encoding="utf-8")


def write_report(path: Path, registry: Registry, out: Path | None = None) -> Path:
    """Write the report of a run, and return its path.

    Raises:
        InputMissingError: there is no run at `path`.
        ArtifactError: it is not finished, or a file is damaged.

    """
    Run.open(path).tested()
    record = read_record(path, registry)
    config, data = record.config, record.read(Data)
    how = f"searched by {config.strategy.name}" if config.strategy else "trained without a search"
    counts = ", ".join(f"{part} {count:,}" for part, count in data.rows.items())
    title = f"{path.resolve().name}: {config.space.name} on {data.dataset}"
    subtitle = f"{how}, seed {config.seed}; rows: {counts}"
    return write_page(title, subtitle, report(record, registry), out or path / "report.html")


def write_page(title: str, subtitle: str, sections: Iterable[Section], out: Path) -> Path:
    """Write sections as one HTML file, and return its path."""
    text = page(title, subtitle, sections, automtl_core.__version__)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, text.encode("utf-8", "backslashreplace"))
    return out
