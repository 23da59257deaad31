"""A search starts with what a run found, on data whose vocabularies have grown."""

import pytest

from automtl_core.errors import ArtifactError, UsageError
from automtl_core.run_dir.facts import Search
from automtl_core.workflow.warm_start import read_warm_start, seen_test_rows
from automtl_testing.samples import plain_schema, sample_encoder

from .lines import REGISTRY, begin, go_on, make_job, stopped

RANDOM = {"strategy": {"name": "random", "candidates": 2, "rung_epochs": 1}, "training": {"epochs": 2}}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    return begin(make_job(folder, RANDOM), folder / "run")


def test_equal_values_have_their_ids_and_fields_that_are_new_none(first, tmp_path):
    grown = make_job(tmp_path, {"dataset": {"rows": 2000, "seed": 1}}).prepare()
    found, old = read_warm_start(first.path, grown.encoder, REGISTRY), first.encoder()
    assert found.architecture == first.architecture()
    assert found.schema == old.schema
    for name, (there, here) in found.known.items():
        assert (there[0], here[0]) == (0, 0)
        values = [[None, *encoder.fields[name].values] for encoder in (old, grown.encoder)]
        assert [values[0][k] for k in there] == [values[1][k] for k in here]
    assert len(found.known["user_id"][0]) > 2


@pytest.mark.parametrize(
    "strategy",
    [{"name": "pd-darts", "epochs": 1, "rounds": 1, "landmarks": 1, "rung_epochs": 1}, RANDOM["strategy"]],
    ids=lambda s: s["name"],
)
def test_what_was_found_takes_part_in_the_last_round(first, tmp_path, strategy):
    layers = {**RANDOM, "strategy": strategy, "warm_start": first.path}
    run = begin(make_job(tmp_path, layers), tmp_path / "run")
    points = {point.name: point for point in run.read(Search).front if point.trained}
    mine = [point for name, point in points.items() if name.startswith("start")]
    assert dict(first.architecture().decisions) in [dict(point.decisions) for point in mine]


def test_a_stopped_search_goes_on_to_the_same_bytes(first, tmp_path):
    short = {"strategy": {"search_epochs": 1}, "training": {"epochs": 1}}
    job = make_job(tmp_path, short, {"warm_start": first.path})
    whole = begin(job, tmp_path / "whole")
    half = stopped(job, tmp_path / "half", 2)
    go_on(job, half)
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (whole.path / name).read_bytes() == (half.path / name).read_bytes()
    cold = stopped(make_job(tmp_path, short), tmp_path / "cold", 1)
    assert cold.reports()[0]["losses"] != whole.reports()[0]["losses"]


@pytest.mark.parametrize(
    ("dataset", "changed"),
    [
        ({}, None),
        ({"split_seed": 1}, "dataset.split_seed"),
        ({"split_seed": 1, "test_fraction": 0.2}, "dataset.split_seed, dataset.test_fraction"),
        ({"split_seed": 1, "seed": 1}, None),  # other rows
    ],
)
def test_a_warm_start_that_has_seen_test_rows_is_told(first, tmp_path, dataset, changed):
    warning = seen_test_rows(first.path, make_job(tmp_path, {"dataset": dataset}).prepare())
    if changed is None:
        assert warning is None
    else:
        assert f"with another {changed}: it has seen test rows" in warning


def test_it_has_to_be_a_finished_run_of_common_fields(first, tmp_path):
    half = stopped(make_job(tmp_path, RANDOM), tmp_path / "half", 1)
    with pytest.raises(ArtifactError):
        read_warm_start(half.path, first.encoder(), REGISTRY)
    with pytest.raises(UsageError, match="no field in common"):
        read_warm_start(first.path, sample_encoder(plain_schema()), REGISTRY)
