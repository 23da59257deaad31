"""The lines of Python in the README run in a notebook, and so does the notebook of the tutorials."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
(CODE,) = re.findall(r"^## From Python\n\n```python\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
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
    return CODE.replace("labels=", f"settings={QUICK!r}, labels=")


def test_the_readme_and_the_tutorial_run_in_a_notebook(lines):
    assert len([line for line in CODE.splitlines() if line]) <= 6
    readme = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(part) for part in (lines, "model")])
    tutorial = nbformat.read(ROOT / "docs" / "tutorials" / "python.ipynb", as_version=4)
    report = "<iframe srcdoc="
    for notebook, shown in (
        (readme, ("validation", report)),
        (tutorial, ("[]", report, "blend of 2", "matters", "like")),
    ):
        cells = NotebookClient(notebook, timeout=300).execute().cells
        outputs = [str(cell.outputs) for cell in cells if cell.cell_type == "code"]
        assert [text in output for text, output in zip(shown, outputs, strict=True)] == [True] * len(shown)
