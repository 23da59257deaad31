"""A headless browser that opens a page from disk, and says whether a person could use it."""

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

SIZES = (360, 800, 1600)
SERIOUS = ("serious", "critical")


@dataclass
class Seen:
    """What a browser saw of a page."""

    messages: list[str] = field(default_factory=list)
    """Errors and warnings of the console, and dialogs."""
    requests: list[str] = field(default_factory=list)
    """Addresses of requests besides the page itself."""
    too_wide: list[str] = field(default_factory=list)
    """Sizes at which the page scrolls sideways."""
    findings: list[str] = field(default_factory=list)
    """Serious findings of axe-core."""
    sections: list[str] = field(default_factory=list)
    """Titles of the sections."""

    @property
    def faults(self):
        """The faults by kind."""
        kinds = ("messages", "requests", "too_wide", "findings")
        return {kind: getattr(self, kind) for kind in kinds if getattr(self, kind)}


@contextmanager
def browser():
    """Yield a browser, or skip the test where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no chromium: apt-get install chromium")
    with sync_api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


def seen(opened, file, sizes=SIZES):
    """Return what the browser sees in light and dark, and the page in the last state."""
    from axe_playwright_python.sync_playwright import Axe

    found, page = Seen(), opened.new_page()
    address = file.resolve().as_uri()
    page.on("console", lambda m: found.messages.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.messages.append(str(error)))
    page.on("dialog", lambda dialog: (found.messages.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda r: None if r.url == address else found.requests.append(r.url))
    page.goto(address)
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in sizes:
            page.set_viewport_size({"width": width, "height": 900})
            overflow = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            if overflow > 0:
                found.too_wide.append(f"{scheme}, {width}: by {overflow}")
        result = Axe().run(page)
        for rule in result.response["violations"]:
            if rule["impact"] in SERIOUS:
                found.findings.append(f"{scheme}: {rule['id']}: {rule['nodes'][0]['html'][:200]}")
    found.sections = page.eval_on_selector_all("main h2", "all => all.map(one => one.textContent)")
    return found, page
