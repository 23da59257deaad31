"""A run is exported by the command line; tests/export has what is in the folder."""

import pytest


@pytest.fixture
def done(finished, here):
    (here / "runs").symlink_to(finished / "runs")
    return here


def test_a_folder_is_written_and_what_to_do_with_it_told(automtl, done):
    told = automtl("export", "runs/done", "--format", "torch", "--json").json()
    assert told["folder"] == "exports/done-torch"
    assert told["largest_difference"] < 1e-5
    assert (done / "exports" / "done-torch" / "example.py").exists()
    ended = automtl("export", "runs/done", "--format", "torch", "--out", "my net")
    assert ended.out.endswith("next: python 'my net/example.py'\n")
    assert automtl("export", "runs/done", "--format", "torch", "--out", "my net").code == 73


def test_a_format_that_is_none_is_told(automtl, done):
    ended = automtl("export", "runs/done", "--format", "onxx")
    assert ended.code == 2
    assert "no exporter is called 'onxx' (did you mean 'onnx'?); known: onnx, torch" in ended.err


@pytest.mark.needs_extra("onnx")
def test_an_ensemble_is_exported(automtl, ensembled, here):
    (here / "runs").symlink_to(ensembled / "runs")
    told = automtl("export", "runs/done", "--json").json()
    assert told["folder"] == "exports/done-onnx"
    assert told["largest_difference"] < 1e-5
