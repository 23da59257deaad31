"""The folder of a comparison belongs to its settings and data."""

import pytest

from automtl_comparison.folder import FILE, take
from automtl_core.errors import ArtifactError, RunExistsError


def test_models_seeds_and_splits_are_added(tiny, both_splits, tmp_path):
    jobs = tiny()
    take(tmp_path, {"one.yaml": jobs["one.yaml"]}, {0: both_splits[0]})
    take(tmp_path, {"two.yaml": tiny(seed=5, time_budget=9.0)["two.yaml"]}, both_splits)
    take(tmp_path, jobs, {1: both_splits[1]})


@pytest.mark.parametrize("changed", [{"training": {"epochs": 9}}, {"precision": "bf16"}])
def test_other_settings_are_refused_also_for_other_models(tiny, both_splits, tmp_path, changed):
    take(tmp_path, {"one.yaml": tiny()["one.yaml"]}, both_splits)
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(RunExistsError, match=r"(epochs|precision) was"):
        take(tmp_path, {"two.yaml": tiny(**changed)["two.yaml"]}, both_splits)
    assert (tmp_path / FILE).read_bytes() == before


def test_other_data_is_refused(tiny, both_splits, tmp_path):
    take(tmp_path, tiny(), both_splits)
    with pytest.raises(RunExistsError, match=r"data of split 0 was [0-9a-f]{12}, is"):
        take(tmp_path, tiny(), {0: both_splits[1]})


def test_a_damaged_record_is_an_error_with_a_remedy(tiny, both_splits, tmp_path):
    take(tmp_path, tiny(), both_splits)
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(ArtifactError) as error:
        take(tmp_path, tiny(), both_splits)
    assert "--out FOLDER" in error.value.fix
