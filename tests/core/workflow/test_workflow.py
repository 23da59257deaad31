"""The top of the line by itself: searched, stopped, resumed and tested without a command line."""

import json
from dataclasses import replace

import pytest
import yaml
from stopping import StopAfter

from automtl_core.dataset.dataset import BIT, TEXT, Dataset, Label, RawFile, Sparse
from automtl_core.errors import ArtifactError, AutoMTLError
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Result, Status
from automtl_core.training.events import SILENT
from automtl_core.workflow.workflow import Workflow
from automtl_inspection.plan import plan
from automtl_report.record import read_record


class Shop(Dataset):
    """Clicks of users on items."""

    version = 1
    fields = (Sparse("user"), Sparse("item"))
    labels = (Label("click"),)

    def files(self):
        return {"log": RawFile("log.csv", {"user": TEXT, "item": TEXT, "click": BIT})}

    def rows(self, db):
        return db.table("log")


REGISTRY = load_registry().adding(DATASETS, "shop", Shop)
SMALL = {
    "dataset": "shop",
    "space": {"name": "desan", "experts": 1, "blocks": 1, "ops": ["identity", "mlp-4"], "embedding_dim": 2},
    "strategy": {"name": "pd-darts-entropy", "warmup_epochs": 1, "search_epochs": 1},
    "training": {"epochs": 2, "batch_size": 50, "min_positives": 5},
}


@pytest.fixture
def line(tmp_path, monkeypatch):
    """Return a function that gives the line in a folder of its own, with raw files."""
    monkeypatch.chdir(tmp_path)
    for name in ("AUTOMTL_DATA", "AUTOMTL_PREPARED"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "data" / "shop"
    folder.mkdir(parents=True)
    rows = [f"u{n % 7},i{n % 5},{int(n % 7 < n % 5)}" for n in range(200)]
    (folder / "log.csv").write_text("user,item,click\n" + "\n".join(rows) + "\n")
    return lambda listener=SILENT: Workflow(REGISTRY, listener)


@pytest.fixture
def stopped(line, tmp_path):
    """Return a run that was stopped after its first epoch."""
    with pytest.raises(KeyboardInterrupt) as stop:
        search(line(StopAfter(1)), tmp_path, "cut")
    assert stop.value.__notes__ == [f"resume it: automtl search --resume {tmp_path / 'runs' / 'cut'}"]
    return tmp_path / "runs" / "cut"


def search(line, folder, name=None):
    return line.search(line.job([SMALL]), folder / "runs", name)


def test_a_script_searches_resumes_and_tests(line, stopped, tmp_path):
    whole = search(line(), tmp_path, "whole")
    resumed = line().resume(stopped)
    assert resumed.read(Result) == whole.read(Result)
    assert resumed.architecture() == whole.architecture()
    evaluation = line().evaluate(stopped)
    assert (evaluation.repeats, evaluation.changed) == (True, ())
    assert evaluation.test == whole.read(Result).test


def test_the_plan_counts_the_epochs_of_search_and_training_apart(line):
    job = line().job([SMALL])
    found = plan(job, line().prepare(job))
    assert (found.most_search_epochs, found.most_training_epochs, found.tasks) == (2, 2, ("click",))
    assert json.loads(json.dumps(found.to_json()))["rows"] == {"train": 160, "validation": 20, "test": 20}


def test_a_network_whose_epochs_ended_too_soon_is_told(line, tmp_path):
    settings = {"training": {**SMALL["training"], "patience": 1, "learning_rate": 1e-6}}
    settings["space"] = {**SMALL["space"], "members": 1}  # with which each epoch is better
    job = line().job([SMALL, settings])
    found = line().search(job, tmp_path / "runs")
    result = found.read(Result)
    assert (result.best_epoch, result.cut_short) == (4, True)  # two of them in the search
    (told,) = read_record(found.path, REGISTRY).remarks
    assert told.endswith("more epochs may be better, such as --set training.epochs=4")
    patient = search(line(), tmp_path)  # with more patience than epochs nobody waits
    assert read_record(patient.path, REGISTRY).remarks == []


EARLY = {
    "op": ("desan:random", {"space": {"ops": ["mlp64"]}}, "no op is called 'mlp64'"),
    "library": ("boosting", {}, "boosting needs lightgbm"),
    "task": ("mmoe", {"training": {"loss_weights": {"buy": 2}}}, "names 'buy', which is not a task"),
    "run to start with": ("desan:random", {"warm_start": "nothing"}, "a search begins with no other run"),
    "name": ("mmoe", {}, "runs/taken: exists already"),
}


@pytest.mark.parametrize(("model", "settings", "told"), EARLY.values(), ids=EARLY.keys())
def test_what_is_wrong_is_told_before_anything_is_trained(line, tmp_path, monkeypatch, model, settings, told):
    monkeypatch.setattr("automtl_baselines.boosting.find_spec", lambda name: None)
    monkeypatch.setattr(
        "automtl_core.workflow.resolve_auto.search_encodings", lambda *given: pytest.fail("trains")
    )
    (tmp_path / "runs" / "taken").mkdir(parents=True)
    name = "taken" if "taken" in told else "mine"
    with pytest.raises(AutoMTLError, match=told):
        line().search(line().model(model, [{"dataset": "shop"}, settings]), tmp_path / "runs", name)
    assert not (tmp_path / "runs" / "mine").exists()


def test_other_raw_data_is_refused_before_anything_is_prepared(line, stopped, tmp_path):
    log = tmp_path / "data" / "shop" / "log.csv"
    before, text = sorted((tmp_path / "prepared").iterdir()), log.read_text()
    log.write_text(text.replace(",0\n", ",2\n").replace(",1\n", ",0\n").replace(",2\n", ",1\n"))
    with pytest.raises(ArtifactError, match=r"raw file log\.csv is different"):
        line().resume(stopped)
    assert sorted((tmp_path / "prepared").iterdir()) == before
    log.write_text(text)
    assert line().resume(stopped).read(Result).test is not None


def edit(run, **values):
    path = run / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **values}))


def content(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_nothing_is_written_where_the_configuration_of_a_run_says(line, stopped, tmp_path, monkeypatch):
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    (theirs / ".automtl.old").mkdir(parents=True)
    (theirs / ".automtl.old.lock").touch()
    edit(stopped, prepared_dir=str(theirs))
    monkeypatch.setenv("AUTOMTL_PREPARED", str(mine))
    before = sorted(theirs.rglob("*"))
    line().resume(stopped)
    assert line().evaluate(stopped).repeats
    assert sorted(theirs.rglob("*")) == before
    assert {path.name.partition("-")[0] for path in mine.iterdir()} == {"shop"}
    edit(stopped, prepared_dir=str(tmp_path / "none" / "below"))
    line().evaluate(stopped)
    assert not (tmp_path / "none").exists()


def test_prepared_data_is_found_where_the_run_had_it(line, stopped, tmp_path, monkeypatch):
    edit(stopped, prepared_dir=str(tmp_path / "prepared"))
    monkeypatch.setenv("AUTOMTL_PREPARED", str(tmp_path / "mine"))
    line().resume(stopped)
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("name", ["log.txt", ".lock", ".config.yaml.draft", "encoder/log.txt"])
def test_a_run_that_holds_a_link_is_not_written_to(line, stopped, tmp_path, name):
    target = tmp_path / "target"
    target.write_text("theirs")
    (stopped / name).unlink(missing_ok=True)
    (stopped / name).symlink_to(target)
    with pytest.raises(ArtifactError, match="a link, or no plain file"):
        line().resume(stopped)
    assert target.read_text() == "theirs"


def test_a_network_that_is_not_tested_is_not_evaluated(line, tmp_path):
    run = search(line(), tmp_path)
    run.write(replace(run.read(Result), test=None))
    run.write(Status("stopped", "SIGKILL"))
    with pytest.raises(ArtifactError, match="trained, but not tested yet") as refused:
        line().evaluate(run.path)
    assert refused.value.fix == f"resume the run: automtl search --resume {run.path}"
    assert line().resume(run.path).read(Result).test is not None
