"""What names of models stand for."""

import pytest

from automtl_core.choices import Architecture
from automtl_core.errors import ArtifactError, UnknownNameError, UsageError
from automtl_core.plugins import load_registry
from automtl_core.runs.job import Job
from automtl_core.runs.models import check_answered, layer, model, models
from automtl_core.runs.pipeline import start

REGISTRY = load_registry()


def test_a_space_alone_is_trained_without_a_search():
    assert layer("mmoe", REGISTRY) == {"space": {"name": "mmoe"}, "strategy": {"name": "given"}}


def test_a_space_and_a_strategy():
    assert layer("desan:pd-darts", REGISTRY) == {"space": {"name": "desan"}, "strategy": {"name": "pd-darts"}}


def test_a_preset():
    assert layer("random-architecture", REGISTRY)["strategy"] == {"name": "random", "candidates": 1}


def test_settings_of_the_space_that_is_configured_hold_for_its_models(common):
    job = model("desan:pd-darts", common(), REGISTRY)
    assert job.config.space.settings["experts"] == 2
    assert job.config.strategy.settings["warmup_epochs"] == 1
    assert model("mmoe", common(), REGISTRY).config.space.settings["experts"] == 4


def test_a_file_with_settings_is_named_by_its_file(common, tmp_path):
    (tmp_path / "wide.yaml").write_text("space: {name: mmoe, experts: 9}\nstrategy: {name: given}\n")
    found = models(["mmoe", str(tmp_path / "wide.yaml")], common(), REGISTRY)
    assert list(found) == ["mmoe", "wide.yaml"]
    assert found["wide.yaml"].config.space.settings["experts"] == 9


def test_a_run_is_its_architecture_with_its_space(common, tmp_path):
    job = Job.resolve(common(), REGISTRY)
    prepared = job.prepare()
    space = job.space(prepared)
    architecture = Architecture(space.supernet().architecture().decisions, job.origin(space))
    with start(job, prepared, tmp_path / "found") as run:
        run.write_architecture(architecture)
    found = models([str(run.path)], common(space={"name": "mmoe"}), REGISTRY)["found"]
    assert found.config.space == job.config.space
    decided = found.strategy(found.problem(prepared)).search(None).architecture
    assert decided == architecture
    check_answered(found, prepared)


def test_a_run_that_does_not_know_its_space_is_refused(common, tmp_path):
    job = Job.resolve(common(), REGISTRY)
    with start(job, job.prepare(), tmp_path / "old") as run:
        run.write_architecture(Architecture({}))
    with pytest.raises(ArtifactError, match="does not say which space"):
        layer(str(run.path), REGISTRY)


@pytest.mark.parametrize("name", ["mmo", "desan:pd-dart", "nothing"])
def test_unknown_names(name):
    with pytest.raises(UnknownNameError, match="known: "):
        layer(name, REGISTRY)


def test_what_all_models_share_cannot_be_set_by_one():
    with pytest.raises(UsageError, match="paper sets training, which all models"):
        layer("paper", REGISTRY)


def test_a_name_twice(common):
    with pytest.raises(UsageError, match="two models are called 'mmoe'"):
        models(["mmoe", "mmoe"], common(), REGISTRY)


def test_open_choices_need_a_strategy(common):
    job = model("desan", common(), REGISTRY)
    with pytest.raises(UsageError, match=r"desan leaves \d+ choices open") as error:
        check_answered(job, job.prepare())
    assert "desan:pd-darts" in error.value.fix
