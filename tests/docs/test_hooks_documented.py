"""docs/hooks.md documents every hook, and its examples are plugins that work."""

import re
from pathlib import Path

import pytest

from automtl_core.dataset.dataset import DatasetSettings
from automtl_core.registry.kinds import KINDS
from automtl_core.registry.plugins import load_registry
from automtl_testing.datasets import check_dataset

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "hooks.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
EXAMPLES = [block for block in BLOCKS if "@hookimpl" in block]
OTHERS = [block for block in BLOCKS if block not in EXAMPLES and "def test_" not in block]
"""What a script does."""
FILES = re.findall(r"^```\{literalinclude\} (\S+)$", PAGE, flags=re.MULTILINE)
HOOKS = [kind.hook for kind in KINDS.values()]


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Install every example of the page itself as a plugin of its own."""
    info = tmp_path / "automtl_docs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: automtl-docs\nVersion: 1.0\n")
    points = "".join(f"docs-{k} = automtl_docs_example_{k}\n" for k in range(len(EXAMPLES)))
    (info / "entry_points.txt").write_text("[automtl]\n" + points)
    for k, example in enumerate(EXAMPLES):
        (tmp_path / f"automtl_docs_example_{k}.py").write_text(example)
    monkeypatch.syspath_prepend(tmp_path)
    return load_registry()


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_its_section_and_an_example(hook):
    section = PAGE.split(f"\n## {hook}\n")[1].split("\n## ")[0]
    assert "literalinclude" in section or f"@hookimpl\ndef {hook}():" in section


@pytest.mark.parametrize("file", FILES)
def test_files_that_are_shown_are_examples_and_linked(file):
    path = (ROOT / "docs" / file).resolve()
    assert f"[`{path.name}`]({file})" in PAGE, "a forge shows the link alone"
    assert path.is_file()
    assert path.parents[1] == ROOT / "examples"


def test_every_example_loads(registry):
    problems = {row.name: row.problem for row in registry.rows if row.distribution == "automtl-docs"}
    assert problems == {f"docs-{k}": None for k in range(len(EXAMPLES))}
    assert len(EXAMPLES) == 3


def test_a_script_runs_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    strategy = {"name": "pd-darts-entropy", "warmup_epochs": 0, "search_epochs": 1}
    assert len(OTHERS) == 2
    for block in OTHERS:
        quick = block.replace('{"rows": 1000}}', '{"rows": 500}, "training": {"epochs": 1}, **SMALL}')
        exec(quick, {"SMALL": {"strategy": strategy}})  # noqa: S102
    assert (tmp_path / "runs" / "synthetic-1" / "result.json").exists()


def test_the_dataset_without_files_is_prepared(tmp_path):
    (code,) = [block for block in BLOCKS if "def content(" in block]
    names = {}
    exec(code, names)  # noqa: S102
    check_dataset(names["Notebook"](DatasetSettings()), None, tmp_path)
