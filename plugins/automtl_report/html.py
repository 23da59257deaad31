"""The report of a run or of a comparison: sections as one HTML page without any other file."""

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from itertools import groupby
from pathlib import Path

from markupsafe import Markup, escape

import automtl_core
from automtl_core.errors import printable
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Data
from automtl_core.run_dir.record import read_record
from automtl_core.run_dir.run import Run
from automtl_core.system.files import make_folder, write_atomic
from automtl_core.views.plain import cell, plain
from automtl_core.views.values import (
    Bars,
    Block,
    Curves,
    Drawing,
    Grid,
    Matrix,
    Plot,
    Preformatted,
    Section,
    Text,
)
from automtl_report.charts import chart
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
<title>{title}</title>
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
    for number, (heading, blocks) in enumerate(_titled(sections), start=1):
        links.append(Markup('<li><a href="#s{}">{}</a></li>').format(number, _text(heading)))
        parts.append(
            Markup('<section id="s{0}" aria-labelledby="h{0}"><h2 id="h{0}">{1}</h2>{2}</section>').format(
                number, _text(heading), Markup("").join(_blocks(blocks))
            )
        )
    return PAGE.format(
        title=_text(title),
        subtitle=_text(subtitle),
        style=Markup(_file("page.css")),  # noqa: S704 - our own file
        script=Markup(_file("page.js")),  # noqa: S704 - our own file
        links=Markup("").join(links),
        sections=Markup("\n").join(parts),
        version=version,
    )


def _titled(sections: Iterable[Section]) -> list[tuple[str, list[Block]]]:
    """Return the sections by title; blocks without a title join those before them."""
    titled: list[tuple[str, list[Block]]] = []
    for section in sections:
        if titled and not section.title:
            titled[-1][1].extend(section.blocks)
        elif section.title or section.blocks:
            titled.append((_sentence(section.title or "Summary"), list(section.blocks)))
    return titled


def _blocks(blocks: Sequence[Block]) -> Iterator[Markup]:
    """Yield blocks; charts that follow each other stand side by side."""
    for together, some in groupby(blocks, lambda block: isinstance(block, Curves | Bars)):
        rendered = list(map(_block, some))
        if not together:
            yield from rendered
            continue
        cards = Markup('<div class="cards">{}</div>')
        yield cards.format(Markup("").join(rendered[:CARDS]))
        if more := rendered[CARDS:]:
            yield _folded(f"{len(more)} more", cards.format(Markup("").join(more)))


def _block(block: Block) -> Markup:
    match block:
        case Curves() | Bars():
            figure = Markup('<figure class="card"><figcaption>{}</figcaption>{}</figure>')
            return figure.format(_text(block.title), chart(block))
        case Preformatted():
            return Markup('<pre tabindex="0">{}</pre>').format(_text(block.text))
        case Text():
            kind = "note" if block.text.startswith(("warning", "note")) else "text"
            return Markup('<p class="{}">{}</p>').format(kind, _text(block.text))
        case Plot():
            return Markup('<figure class="wide">{}</figure>').format(chart(block))
        case Drawing():
            return Markup('<figure class="scroll drawing" tabindex="0">{}</figure>').format(drawn(block))
        case Matrix():
            return _matrix(block)
        case Grid():
            return _grid(block)
    return _block(plain(block))


def _grid(grid: Grid) -> Markup:
    letters = grid.letters()
    heads = [
        Markup('<th scope="col" class="{}">{}</th>').format(letter, _text(name))
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
    return Markup('<td class="{}"{}>{}</td>').format(letter, order, _text(cell(value)))


def _matrix(matrix: Matrix) -> Markup:
    """Return a table with a mark, or a colour, in each cell."""
    numbers = [v for row in matrix.rows.values() for v in row if v is not None and not isinstance(v, bool)]
    most = max(map(abs, numbers), default=0.0) or 1.0
    heads = [Markup('<th scope="col"><span>{}</span></th>').format(_text(name)) for name in matrix.columns]
    head = Markup('<thead><tr><th scope="col">{}</th>{}</tr></thead>').format(
        _text(matrix.corner), Markup("").join(heads)
    )
    rows = [
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            _text(name), Markup("").join(_mark(value, most, matrix.form) for value in row)
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
    return Markup("<details><summary>{}</summary>{}</details>").format(_text(title), body)


def _sentence(title: str) -> str:
    return title[:1].upper() + title[1:]


def _text(text: str) -> Markup:
    """Return a text as HTML: it cannot change the page, and its control characters are visible."""
    safe = str(escape(printable(text)))
    return Markup(re.sub(r"[_/:*](?=\w)", r"\g<0><wbr>", safe))  # noqa: S704 - long names may break there


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
    make_folder(out.parent)
    write_atomic(out, text.encode("utf-8", "backslashreplace"))
    return out
