"""Everything of a run is read from its files."""

import shutil

import pytest

from automtl_core.errors import ArtifactError, InputMissingError
from automtl_core.registry.plugins import load_registry
from automtl_report.record import read_record


def test_a_finished_run_has_all_facts(recorded):
    record = read_record(recorded, load_registry())
    assert record.title == "small: desan on synthetic"
    assert record.behaviour is not None
    assert record.behaviour.expert_use is not None
    assert {task.name for task in record.schema.tasks} == {*record.behaviour.calibration}
    assert "past:last1" in record.schema.history_inputs()
    assert record.landmarks["mmoe"] > 0
    assert [epoch.epoch for epoch in record.epochs] == list(range(1, len(record.epochs) + 1))


def test_a_run_that_is_not_tested_is_refused_with_the_way_on(recorded, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(recorded, run)
    (run / "result.json").unlink()
    with pytest.raises(ArtifactError, match=r"result\.json: not there"):
        read_record(run, load_registry())
    with pytest.raises(InputMissingError, match="not a run directory"):
        read_record(tmp_path, load_registry())
