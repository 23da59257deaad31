"""The model card tells what there is to know, from the files of a run."""

import shutil
from dataclasses import replace

import pytest

from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Importance, Result
from automtl_core.run_dir.run import Run
from automtl_core.views.card import card
from automtl_core.views.importance import sentences


def test_it_tells_tasks_inputs_data_costs_and_limits(finished):
    _, run = finished
    text, result = card(run), run.read(Result)
    assert text.startswith("# found: click, like, skip, hide\n\n## Tasks\n")
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == [f"## {h}" for h in ("Tasks", "Inputs", "Data", "Origin", "Costs", "Limits")]
    assert f"| probability of 1 | AUC {result.test['click'].auc:.4f} (" in text
    assert "| user_id | one value, vocabulary of " in text
    assert "- space `desan`, searched by `random`, seed 0; best epoch " in text
    assert f"- {result.flops_per_row:,} FLOPs per row in prediction" in text


def test_it_has_the_strongest_fields_where_they_are_known(finished, tmp_path):
    run = Run.open(shutil.copytree(finished[1].path, tmp_path / "run"))
    importance = run.read(Importance)
    (sentence, *_) = (text.text for text in sentences(importance))
    assert sentence in card(run)
    (run.path / "importance.json").unlink()
    assert sentence not in card(run)


def test_a_run_that_is_not_tested_has_no_card(finished, tmp_path):
    run = Run.open(shutil.copytree(finished[1].path, tmp_path / "run"))
    run.write(replace(run.read(Result), test=None))
    with pytest.raises(ArtifactError, match="not tested yet"):
        card(run)
