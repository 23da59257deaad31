"""The report of a run or of a comparison: sections as one HTML page without any other file."""

import re
from collections.abc import Iterable
from dataclasses import replace
from importlib import resources
from itertools import groupby
from pathlib import Path

from markupsafe import Markup

import automtl_core
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Costs, Data
from automtl_core.run_dir.run import Run
from automtl_core.system.files import write_atomic
from automtl_inspection.sections import Bars, Block, Curves, Grid, Matrix, Section
from automtl_report.charts import LONG, chart, legend, legible, template
from automtl_report.drawing import drawn
from automtl_report.numbers import elapsed
from automtl_report.plain import cell
from automtl_report.record import read_record
from automtl_report.run import report

FOLDED, SEARCHED, CARDS = 25, 12, 12
"""Number of rows from which a table is folded, from which it has a search field, and of charts that are shown
unfolded."""
LIMITS = {"most": FOLDED, "searched": SEARCHED, "cards": CARDS}


def page(title: str, subtitle: str, sections: Iterable[Section], version: str) -> str:
    """Return a page. A section without a title belongs to the one before it."""
    made = template(
        "page.html",
        cell=cell,
        chart=chart,
        groups=lambda blocks: [(small, list(group)) for small, group in groupby(blocks, _is_small)],
        drawn=drawn,
        kind=lambda block: type(block).__name__,
        legend=legend,
        prose=_prose,
        sentence=_sentence,
        width=lambda text: " n" if re.match(r"[-+<.]?[\d. ]", text) else " long" * (len(text) > LONG),
    )
    own = resources.files("automtl_report")
    style, script = (Markup((own / name).read_text("utf-8")) for name in ("page.css", "page.js"))  # noqa: S704
    about = {"title": title, "subtitle": subtitle, "version": version, "style": style, "script": script}
    return made.render(about, sections=_titled(sections), **LIMITS)


def _titled(sections: Iterable[Section]) -> list[Section]:
    """Return the sections by title; blocks without a title join those before them."""
    titled: list[Section] = []
    for section in sections:
        blocks = sorted([*section.blocks, *section.more], key=lambda one: bool(getattr(one, "folded", "")))
        if titled and not section.title:
            titled[-1] = replace(titled[-1], blocks=[*titled[-1].blocks, *blocks])
        elif section.title or blocks:
            titled.append(replace(section, title=_sentence(section.title or "Verdict"), blocks=blocks))
    return titled


def _is_small(block: Block) -> bool:
    """Return whether a block can stand beside others."""
    short = isinstance(block, Grid) and not block.folded and len(block.rows) <= FOLDED
    return short or isinstance(block, Curves | Bars | Matrix)


def _sentence(title: str) -> str:
    return title[:1].upper() + title[1:]


def _prose(text: str) -> Markup:
    """Return a sentence as HTML, with names and commands between backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(legible(text))))  # noqa: S704 - its text is escaped


def write_report(path: Path, registry: Registry, out: Path | None = None) -> Path:
    """Write the report of a run, and return its path; raises as `page_of`."""
    return write_page(*page_of(path, registry), out or path / "report.html")


def page_of(path: Path, registry: Registry) -> tuple[str, str, Iterable[Section]]:
    """Return the title, the subtitle and the sections of the report of a run.

    Raises:
        InputMissingError: there is no run at `path`.
        ArtifactError: it is not finished, or a file is damaged.

    """
    Run.open(path).tested()
    record = read_record(path, registry)
    rows, schema, seconds = sum(record.read(Data).rows.values()), record.schema, record.read(Costs).seconds
    of = f"{len(schema.fields())} fields, {len(schema.tasks)} tasks" if schema else record.config.dataset.name
    about = f"{rows:,} rows, {of} · seed {record.config.seed} · {elapsed(sum(seconds.values()))}"
    return path.resolve().name, about, report(record, registry)


def write_page(title: str, subtitle: str, sections: Iterable[Section], out: Path) -> Path:
    """Write sections as one HTML file, and return its path."""
    text = page(title, subtitle, sections, automtl_core.__version__)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, text.encode("utf-8", "backslashreplace"))
    return out
