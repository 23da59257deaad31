"""Configuration of the documentation site, which `make docs` builds (research/adr/0024-site.md)."""

import html
import json
import re
import runpy
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

import automtl  # noqa: F401  # imported before autodoc, which rewrites annotations that pydantic reads
from automtl_core import __version__

project = "automtl"
author = "the authors of automtl"
copyright = f"{author}. GPL-3.0-or-later"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]

myst_heading_anchors = 4
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

# In docstrings `name` is code, as on the command line.
default_role = "code"
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 110
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

# Inventories of other projects would need the network, so their names are no links.
nitpicky = True
# The property `type` of a task has the name of the built-in `type`, which signatures mean.
suppress_warnings = ["ref.python"]
OTHERS = ("_duckdb", "annotated_types", "collections", "contextlib", "duckdb", "np", "numpy", "pandas",
          "pathlib", "pd", "pydantic", "torch", "types", "typing")  # fmt: skip
INTERNAL = (
    "data.aggregates.Aggregates", "data.part.Coded", "data.store.Prepared", "dataset.dataset.D",
    "dataset.encodings.Aggregate", "dataset.layout.Layout", "fields.lookup.Entries",
    "fields.sparse.BagCounts", "fields.numeric.Sample", "fields.numeric.Scaled", "fields.sparse.Counts",
    "fields.vectors.KnownVectors", "modules.histories.HistoryInputs", "modules.inputs.Numbers",
    "modules.sharing.Sharing", "search.parameters.Suggests",
    "search.relaxed_search.Item",
    "run_dir.run.Run", "search.trial.Trials", "settings.settings.Component",
    "settings.settings.S", "training.compute.Network", "training.events.Planned", "training.events.Resumable",
    "training.loop.Pass", "training.metrics.Annotated", "training.metrics._as_fields",
    "training.loop.StepLosses", "workflow.job.Job", "workflow.trained.Trained",
)  # fmt: skip
"""Types in signatures of the reference that no plugin author needs."""
nitpick_ignore_regex = [
    (r"py:.*", rf"({'|'.join(OTHERS)})\..*"),
    *((r"py:.*", rf"automtl_core\.{name}") for name in INTERNAL),
    (r"py:.*", r"automtl_comparison\.(document|statistics)\..*"),
    (r"py:class", r"FieldInfo|Ge|MinLen|Module|NDArray|NoneType|Number|PydanticUndefined|Tensor|Treatment"),
]

html_theme = "furo"
html_title = "automtl"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sourcelink = False
html_copy_source = False  # excerpts of the search come from the pages themselves
LIGHT = {
    "color-brand-primary": "#0b5cad", "color-brand-content": "#0b5cad", "color-brand-visited": "#6a3fa0",
    "color-foreground-muted": "#5b6470", "color-api-name": "#0b5cad", "color-api-pre-name": "#5b6470",
}  # fmt: skip
DARK = {
    "color-brand-primary": "#79b8ff", "color-brand-content": "#79b8ff", "color-brand-visited": "#c8a6ff",
    "color-foreground-muted": "#9aa4af", "color-api-name": "#79b8ff", "color-api-pre-name": "#9aa4af",
}  # fmt: skip
FONTS = {"font-stack": "system-ui, sans-serif", "font-stack--monospace": "ui-monospace, Consolas, monospace"}
html_theme_options = {"light_css_variables": LIGHT | FONTS, "dark_css_variables": DARK}
UNSEARCHED = ("changelog",)
"""Pages on the past: a reader who searches wants the present."""


def setup(app: Sphinx) -> None:
    """Connect the functions below."""
    app.connect("source-read", links)
    app.connect("doctree-read", marks)
    app.connect("autodoc-process-docstring", sections)
    app.connect("autodoc-process-signature", signatures)
    app.connect("html-page-context", drawings, priority=900)
    app.connect("html-page-context", excerpts, priority=901)
    app.connect("build-finished", write_excerpts)
    app.connect("build-finished", files)


def marks(app: Sphinx, doctree: Any) -> None:
    """Leave pages on the past out of the search, and the contents of the first page off its side."""
    page = app.env.docname
    if page.startswith(UNSEARCHED):
        app.env.metadata[page]["nosearch"] = True
    if page == "index":
        app.env.metadata[page]["hide-toc"] = True


INCLUDED = {"../CHANGELOG.md": "changelog.md", "../CONTRIBUTING.md": "contributing.md"}
"""Pages outside of this folder -> the pages of the site that include them."""


def links(app: Sphinx, page: str, source: list[str]) -> None:
    """Replace links to pages outside of this folder, which a forge follows, by links inside of the site."""
    for outside, inside in INCLUDED.items():
        source[0] = source[0].replace(f"]({outside}", f"]({inside}")


def sections(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Parse `Args:`, `Returns:` and `Raises:` of a docstring.

    The extension napoleon would take the words before a colon in the docstring of an attribute as a type.
    """
    if what not in ("attribute", "property"):
        lines[:] = GoogleDocstring(lines, Config(), app, what, name, obj, options).lines()


def signatures(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Make the defaults of data classes valid Python, so that their types are links."""
    return signature and signature.replace("<factory>", "..."), returns


def files(app: Sphinx, error: Exception | None) -> None:
    """Write llms.txt beside the pages."""
    contents = runpy.run_path(str(Path(app.srcdir, "make_llms.py")))["page"]()
    Path(app.outdir, "llms.txt").write_text(contents, encoding="utf-8")


def drawings(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Put the SVG files of a page into it, so that they have the colours of its theme."""

    def drawing(image: re.Match[str]) -> str:
        alt, source = image["alt"], next(Path(app.srcdir).glob(f"**/images/{image['name']}"))
        label = f'<svg role="img" aria-label="{html.escape(html.unescape(alt))}"'
        return source.read_text("utf-8").replace("<svg", label, 1)

    pattern = r'<img alt="(?P<alt>[^"]*)" src="[^"]*_images/(?P<name>[\w-]+\.svg)" ?/>'
    if "body" in context:
        body = re.sub(pattern, drawing, context["body"])
        body = re.sub(r'(<img alt="[^"]*" )(src="[^"]*_images/[\w-]+-)light(\.png" ?/>)',
                      r'\1class="only-light" \2light\3\1class="only-dark" \2dark\3', body)  # fmt: skip
        # Parameters on lines of their own have no terms: they are no list of definitions.
        body = re.sub(r"<dl>\n((?:<dd>.*?</dd>\n)+)</dl>", parameters, body)
        # Boxes that scroll are reached by the keyboard.
        context["body"] = re.sub(r'<(pre|div class="table-wrapper[^"]*")>', r'<\1 tabindex="0">', body)
    if tree := context.get("furo_navigation_tree"):
        context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')


def parameters(lines: re.Match[str]) -> str:
    """Return the lines of parameters of a signature as lines, and not as a list of definitions."""
    return re.sub("<dd>(.*?)</dd>", r'<span class="sig-line">\1</span>', lines[1])


TEXTS: dict[str, str] = {}
"""Pages -> their HTML, for excerpts."""


def excerpts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Collect the pages, and load their texts where the search is opened from disk."""
    if doctree is not None and not page.startswith(UNSEARCHED):
        TEXTS[page] = re.sub(r"<svg.*?</svg>", "", context["body"], flags=re.DOTALL)
    if page == "search":
        app.add_js_file("excerpts.js", loading_method="defer")


def write_excerpts(app: Sphinx, error: Exception | None) -> None:
    """Write the texts of the pages as a script: a browser reads no other page from disk."""
    if not error:
        script = f"window.texts = {json.dumps(TEXTS)};\n"
        Path(app.outdir, "_static", "texts.js").write_text(script, encoding="utf-8")
