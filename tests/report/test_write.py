"""Reports as files: whole, small, the same for the same run; sections of plugins are added."""

import json
import shutil

import pytest

from automtl_comparison.views import write
from automtl_core.errors import ArtifactError, InputMissingError
from automtl_core.registry.kinds import REPORT_SECTIONS
from automtl_core.registry.plugins import load_registry
from automtl_core.views.values import Section, Text
from automtl_report.write import write_comparison, write_report
from tests.report.browser import browser, seen

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
        wanted = [
            "Verdict",
            "Architecture",
            "Learning curves",
            "Histories",
            "Calibration",
            "My section",
            "Broken",
        ]
        assert [title for title in found.sections if title in wanted] == wanted
        assert page.locator(".node.task").count() == 4
        readers = page.locator("section", has=page.get_by_role("heading", name="Inputs and readers"))
        readers.locator(".search").first.fill("noise_small")
        assert readers.locator(".tools").first.locator("tbody tr:visible").count() == 1


def test_the_same_run_has_the_same_report(recorded, tmp_path):
    one, two = (write_report(recorded, load_registry(), tmp_path / name) for name in ("a.html", "b.html"))
    assert one.read_bytes() == two.read_bytes()


def test_a_comparison_is_known_by_its_file(compared, tmp_path):
    found = compared("click", "price")
    write(found, tmp_path)
    direct = write_comparison(found, tmp_path).read_text()
    assert (tmp_path / "report.html").read_text() == direct
    assert write_report(tmp_path, load_registry()).read_text() == direct


def test_a_run_that_is_not_tested_is_refused_with_the_way_on(recorded, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(recorded, run)
    (run / "result.json").unlink()
    with pytest.raises(ArtifactError, match=r"result\.json: not there"):
        write_report(run, load_registry())


@pytest.mark.parametrize("content", ["{", json.dumps({"dataset": 1}), "[]"])
def test_a_damaged_comparison_is_named(tmp_path, content):
    (tmp_path / "compare.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"compare\.json"):
        write_report(tmp_path, load_registry())


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(InputMissingError, match="not a run directory"):
        write_report(tmp_path, load_registry())
