"""A run goes on with what it began with: settings, seed, data; elsewhere only where that is said."""

from dataclasses import replace

import pytest
import torch
import yaml

from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Data, Environment
from automtl_core.run_dir.identity import check_data, check_environment
from automtl_core.run_dir.run import Run
from automtl_core.training.events import EventHandler

from ..workflow.lines import search, start


class Stop(EventHandler):
    def epoch(self, report):
        raise KeyboardInterrupt


@pytest.fixture
def stopped(small, tmp_path):
    """Return a function that makes runs that were stopped after an epoch, each with its job and data."""

    def make(name="stopped", **changes):
        job = small(**changes)
        prepared = job.prepare()
        with pytest.raises(KeyboardInterrupt), start(job, prepared, tmp_path / name) as run:
            search(job, run, prepared, Stop())
        return job, Run.open(tmp_path / name), prepared

    return make


def go_on(job, run, prepared, anyway=False):
    with run.working():
        return search(job, run, prepared, EventHandler(), anyway=anyway)


def change(run, **settings):
    path = run.path / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **settings}))


def test_settings_that_were_edited_are_named(stopped):
    job, run, prepared = stopped()
    training = {**job.config.training.model_dump(), "learning_rate": 0.5, "loss_weights": {"click": 2.0}}
    change(run, seed=9, training=training)
    with pytest.raises(ArtifactError) as refused:
        go_on(job, run, prepared)
    for part in ("config.yaml: changed since", "training.learning_rate was 0.002, is 0.5", "seed was 0, is 9",
                 "training.loss_weights.click was not there, is 2.0"):  # fmt: skip
        assert part in str(refused.value)
    assert "undo the change, or start a new run" in refused.value.fix


def test_where_files_are_may_be_edited(stopped, tmp_path):
    job, run, prepared = stopped()
    change(run, prepared_dir="elsewhere", data_dir=str(tmp_path), device="cpu")
    run.initial_config()
    assert go_on(job, run, prepared).test is not None


def test_the_metrics_may_be_edited(stopped):
    job, run, prepared = stopped()
    change(run, metrics=["pr-auc"])
    run.initial_config()
    assert go_on(job.having(metrics=("pr-auc",)), run, prepared).metrics == ("pr-auc",)


def test_other_data_is_refused_and_what_differs_is_named(stopped):
    _, run, prepared = stopped()
    run.write(
        replace(run.read(Data), raw={name: {"bytes": 1, "sha256": name} for name in ("a.csv", "b.csv")})
    )
    now = {**prepared.manifest, "raw": {name: {"bytes": 1, "sha256": "3"} for name in ("a.csv", "c.csv")}}
    check_data(run, now)
    with pytest.raises(ArtifactError) as refused:
        check_data(run, {**now, "fingerprint": "x", "version": 9})
    for part in ("raw file a.csv is different", "raw file b.csv is not in both", "c.csv", "data.version was"):
        assert part in str(refused.value)


def test_another_environment_is_refused_unless_one_goes_on_anyway(stopped):
    job, run, prepared = stopped()
    began = replace(run.read(Environment), torch="1.0", threads=77)
    run.write(began)
    with pytest.raises(ArtifactError, match=r"torch was 1.0, is .*threads was 77, is 1") as refused:
        go_on(job, run, prepared)
    assert refused.value.fix.endswith(f"automtl search --resume {run.path} --anyway")
    go_on(job, run, prepared, anyway=True)
    now = run.read(Environment)
    assert (now.threads, now.torch) == (1, torch.__version__)
    assert now.earlier == (began,)


def test_all_earlier_environments_are_kept(stopped):
    _, run, _ = stopped()
    first = run.read(Environment)
    for threads in (2, 3):
        check_environment(run, replace(first, threads=threads), anyway=True)
    check_environment(run, replace(first, threads=3), anyway=False)
    assert [one.threads for one in run.read(Environment).earlier] == [1, 2]


def test_a_run_without_the_format_of_rows_does_not_go_on_and_its_encoder_is_written_again(stopped):
    job, run, prepared = stopped()
    rows, encoder = run.path / "rows.json", run.path / "encoder/encoder.json"
    form, whole = rows.read_bytes(), encoder.read_bytes()
    for path in (rows, encoder):
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ArtifactError, match=r"rows.json: "):
        go_on(job, run, prepared)
    rows.write_bytes(form)
    go_on(job, run, prepared)
    assert encoder.read_bytes() == whole
