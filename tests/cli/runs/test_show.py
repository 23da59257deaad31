"""What a search found, why, and what else there was; another point is picked."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from automtl_core.choices import Architecture
from automtl_core.run_dir.facts import Search
from automtl_core.run_dir.run import Run
from automtl_core.search.evidence import Evidence, Point

EVIDENCE = (
    Evidence("layer0/expert1/block0", "mlp-4", "chosen", "better", "identity", -1.2e-3, 3e-4, epoch=4),
    Evidence("layer1/expert0/block0", "identity", "chosen", "at chance", certainty=0.001, epoch=5),
)


@pytest.fixture
def told(finished, here):
    """Return a finished run whose search has told what it could.

    Experts 1 of both layers lead nowhere, and expert0 sees all but what is noise.
    """
    shutil.copytree(finished, here, dirs_exist_ok=True)
    run = Run.open(Path("runs/done"))
    fields = [f["name"] for f in json.loads((run.path / "data.json").read_text())["schema"]["sparse"]]
    seen = tuple(field for field in fields if not field.startswith("noise"))
    found = dict(run.architecture().decisions)
    found |= {name: ("expert0",) for name in found if name.endswith("/experts")}
    found |= {"layer0/expert0/single": seen, "layer0/expert0/interaction": ()}
    (run.path / "result.json").unlink()  # which holds the digest of the architecture that was
    run.write_architecture(Architecture(found, run.architecture().origin))
    taken = Point("evolution 3", found, 0.5, 0.0, 0.8210, 40_000, 90_000, trained=True, chosen=True)
    closed = found | {"layer0/expert0/single": ()}
    cheap = Point("shared-bottom", closed, 0.52, 0.001, 0.8105, 9_000, 70_000, trained=False)
    dear = replace(taken, name="mmoe", loss=0.49, score=0.8310, flops_per_row=70_000, chosen=False)
    run.write(Search(EVIDENCE, (cheap, taken, dear)))
    return run


def test_what_is_shown_as_json(automtl, told):
    found = automtl("show", told.path, "--json").json()
    architecture = json.loads((told.path / "architecture.json").read_text())
    assert {key: found[key] for key in architecture} == architecture
    assert found["sharing"]["closed"] == ["noise_small", "noise_large"]
    assert found["sharing"]["reads"]["layer1/expert0"] == ["layer0/expert0"]
    assert [one["verdict"] for one in found["evidence"]] == [one.verdict for one in EVIDENCE]
    assert [point["name"] for point in found["front"]] == ["shared-bottom", "evolution 3", "mmoe"]


def test_a_file_is_shown_as_far_as_it_tells(automtl, told):
    whole, alone = automtl("show", told.path).out, automtl("show", told.path / "architecture.json").out
    assert {*alone.partition("Fields that are always read")[0].splitlines()} <= {*whole.splitlines()}
    assert "decisions:" not in alone
    assert "at chance" not in alone


def test_a_point_is_picked_by_its_number_a_preference_or_a_bound(automtl, told):
    def picked(which):
        return automtl("train", "--model", f"{told.path}@{which}", "--dry-run", "--json")

    assert picked(1).json()["config"]["decisions"]["layer0/expert0/single"] == []
    best = picked("accuracy").json()
    trained = [k for k, point in enumerate(told.read(Search).front, 1) if point.trained]
    assert best in [picked(k).json() for k in trained]
    assert picked("1000000ms").json() == best, "every point is fast enough"
    for which in ("4", "1flops", "0ms"):
        wrong = picked(which)
        assert (wrong.code, f"runs/done@{which}: the run has no such point" in wrong.err) == (2, True)
    assert "1 (shared-bottom, 9,000 FLOPs per row), 2 (evolution 3, 40,000" in wrong.err
    assert (picked("speed").code, "accuracy, balanced" in picked("speed").err) == (2, True)
    assert automtl("train", "--resume", told.path, "--model", "mmoe").code == 2


def test_a_run_comes_with_its_data_and_recipe_which_options_change(automtl, told):
    train = ("train", "--model", told.path, "--dry-run", "--json")
    then, now = told.config(), automtl(*train).json()["config"]
    assert now["dataset"]["rows"] == then.dataset.settings["rows"] == 1000
    assert (now["seed"], now["training"]["batch_size"]) == (then.seed, then.training.batch_size) == (3, 200)
    other = automtl(*train, "--seed", "5", "--set", "training.epochs=1").json()["config"]
    assert (other["seed"], other["training"]["epochs"], other["training"]["batch_size"]) == (5, 1, 200)


def test_without_a_name_the_newest_run_is_shown_and_a_run_is_checked(told, automtl, monkeypatch):
    assert automtl("show", "--json").json()["path"] == "runs/done"
    assert "runs/done" in automtl("report").err  # has no result to draw
    checks = {check["name"]: check for check in automtl("check", "runs/done", "--json").json()}
    assert checks["configuration runs/done"]["result"].startswith("valid: synthetic, desan, pd-darts")
    monkeypatch.setenv("AUTOMTL_RUNS", "elsewhere")
    assert automtl("show").err.startswith("error: elsewhere: there is no run")
