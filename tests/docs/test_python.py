"""The Python code of the README, of the notebook of the tutorials and of docs/hooks.md works."""

import re

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

from automtl_core.dataset.dataset import DatasetSettings
from automtl_core.registry.kinds import KINDS
from automtl_core.registry.plugins import load_registry
from automtl_testing.datasets import check_dataset

from .test_shown import README, ROOT, blocks

(README_CODE,) = blocks(README.split("\n## From Python\n")[1].split("\n## ")[0], "python")
QUICK = {
    "space": {"experts": 2, "embedding_dim": 4, "ops": ["identity", "mlp-8"]},
    "strategy": {"name": "random", "candidates": 2, "rung_epochs": 1},
    "training": {"epochs": 1},
}


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """Give the lines with small settings, in a folder with the file that they read."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    click = random.integers(0, 2, 1000)
    user, like = random.integers(0, 30, 1000), click * random.integers(0, 2, 1000)
    pd.DataFrame({"user_id": user, "click": click, "like": like}).to_csv("feed.csv", index=False)
    return README_CODE.replace("labels=", f"settings={QUICK!r}, labels=")


def test_the_readme_and_the_tutorial_run_in_a_notebook(lines):
    assert len([line for line in README_CODE.splitlines() if line]) <= 6
    readme = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(part) for part in (lines, "model")])
    tutorial = nbformat.read(ROOT / "docs" / "tutorials" / "python.ipynb", as_version=4)
    report = "<iframe srcdoc="
    for notebook, shown in (
        (readme, ("validation", report)),
        (tutorial, ("[]", report, "blend of", "matters", "like")),
    ):
        cells = NotebookClient(notebook, timeout=300).execute().cells
        outputs = [str(cell.outputs) for cell in cells if cell.cell_type == "code"]
        assert [text in output for text, output in zip(shown, outputs, strict=True)] == [True] * len(shown)


PAGE = (ROOT / "docs" / "hooks.md").read_text()
BLOCKS = blocks(PAGE, "python")
EXAMPLES = [block for block in BLOCKS if "@hookimpl" in block]
OTHERS = [block for block in BLOCKS if block not in EXAMPLES and "def test_" not in block]
"""What a script does."""


def test_every_hook_has_its_section_and_an_example():
    for hook in (kind.hook for kind in KINDS.values()):
        section = PAGE.split(f"\n## {hook}\n")[1].split("\n## ")[0]
        assert "literalinclude" in section or f"@hookimpl\ndef {hook}():" in section


def test_files_that_are_shown_are_examples_and_linked():
    for file in re.findall(r"^```\{literalinclude\} (\S+)$", PAGE, flags=re.MULTILINE):
        path = (ROOT / "docs" / file).resolve()
        assert f"[`{path.name}`]({file})" in PAGE, "a forge shows the link alone"
        assert path.is_file()
        assert path.parents[1] == ROOT / "examples"


def test_every_example_loads(install):
    for k, example in enumerate(EXAMPLES):
        install(example, f"docs-{k}")
    problems = {row.name: row.problem for row in load_registry().rows if row.name.startswith("docs-")}
    assert problems == {"docs-0": None, "docs-1": None, "docs-2": None}


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
