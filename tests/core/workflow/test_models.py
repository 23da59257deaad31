"""What names of models stand for, which of them the settings of all go to, and settings of components."""

import pytest

from automtl_core.choices import Architecture, Origin
from automtl_core.errors import ArtifactError, InputMissingError, UnknownNameError, UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import Shared
from automtl_core.run_dir.facts import Search
from automtl_core.search.evidence import Point
from automtl_core.settings.settings import Component
from automtl_core.workflow.components import check_model, parsed, parts, run_of
from automtl_core.workflow.models import layer, models
from automtl_core.workflow.versions import origin

from .lines import REGISTRY, start


@pytest.fixture
def resolve(common):
    """Return a function that resolves models, by default on one small dataset."""

    def resolve(*names, registry=REGISTRY, **settings):
        return models(names, registry, common, settings)

    return resolve


def test_a_name_stands_for_a_space_a_strategy_or_a_preset():
    assert layer("mmoe", REGISTRY) == {"space": {"name": "mmoe"}, "strategy": None}
    assert layer("desan:pd-darts", REGISTRY) == {"space": {"name": "desan"}, "strategy": {"name": "pd-darts"}}
    assert layer("random-architecture", REGISTRY)["strategy"] == {"name": "random", "candidates": 1}


def test_settings_go_to_every_model_that_has_them(resolve):
    jobs = resolve("mmoe", "single-task", "desan:darts", space={"experts": 2, "embedding_dim": 5})
    assert jobs["mmoe"].components["space"].experts == jobs["desan:darts"].components["space"].experts == 2
    assert {job.components["space"].embedding_dim for job in jobs.values()} == {5}
    searches = resolve("mmoe", "desan:darts", strategy={"epochs": 1}, retrain="scratch")
    darts = searches["desan:darts"]
    assert darts.components["strategy"].epochs == darts.config.strategy.settings["epochs"] == 1
    assert (darts.config.retrain, searches["mmoe"].config.retrain) == ("scratch", None)
    jobs = resolve("mmoe", "desan:darts", space={"name": "desan", "experts": 2})
    assert jobs["mmoe"].components["space"].experts == 4
    assert jobs["desan:darts"].components["space"].experts == 2


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        ("desan:darts", {"decisions": {"a": "b"}}, "decisions is not a setting"),
        ("mmoe", {"space": {"name": "desan", "experts": 2}}, "space 'desan' is not .* mmoe"),
    ],
)
def test_a_setting_that_no_model_has_is_an_error(resolve, model, settings, message):
    with pytest.raises(UsageError, match=message):
        resolve(model, **settings)


@pytest.mark.parametrize("plugin", ["desan", "strategies"])
def test_a_model_needs_its_own_plugins_alone(resolve, plugin, monkeypatch):
    monkeypatch.setenv("AUTOMTL_DISABLE_PLUGINS", plugin)
    job = resolve("mmoe", registry=load_registry())["mmoe"]
    assert job.fixed_architecture(job.space(job.prepare())) == Architecture({})


def test_a_file_with_settings_is_named_by_its_file(resolve, tmp_path):
    (tmp_path / "wide.yaml").write_text("space: {name: mmoe, experts: 9}\n")
    (tmp_path / "plain.yaml").write_text("space: mmoe\nstrategy: null\n")
    found = resolve("mmoe", str(tmp_path / "wide.yaml"), str(tmp_path / "plain.yaml"))
    assert list(found) == ["mmoe", "wide.yaml", "plain.yaml"]
    assert found["wide.yaml"].components["space"].experts == 9
    assert found["plain.yaml"].config == found["mmoe"].config


def balancers(jobs):
    return {name: job.config.training.balancer for name, job in jobs.items()}


def test_models_may_differ_in_their_balancers(resolve, tmp_path):
    (tmp_path / "mine.yaml").write_text("space: mmoe\ntraining: {balancer: {name: cagrad, c: 0.3}}\n")
    mine = str(tmp_path / "mine.yaml")
    names = ["mmoe", "mmoe+uncertainty", "desan:darts+mgda", "ple+cagrad", mine, f"{mine}+upgrad"]
    found, own = resolve(*names), {"c": 0.3}
    assert {name: each.name for name, each in balancers(found).items()} == {
        "mmoe": "weighted-mean", "mmoe+uncertainty": "uncertainty", "desan:darts+mgda": "mgda",
        "ple+cagrad": "cagrad", "mine.yaml": "cagrad", "mine.yaml+upgrad": "upgrad",
    }  # fmt: skip
    assert found["mine.yaml"].config.training.balancer.settings == own
    all_have = balancers(resolve(*names[:4], training={"balancer": {"name": "cagrad", **own}}))
    assert [each.settings for each in all_have.values()] == [own, {}, {}, own], "it gives way"
    assert all_have["mmoe"].name == "cagrad"
    assert "strategy" in found["desan:darts+mgda"].components
    rest = [job.config.training.model_copy(update={"balancer": None}) for job in found.values()]
    assert rest == rest[:1] * len(names), "the rest of the recipe is that of all"


def test_models_may_differ_in_their_losses(resolve, tmp_path):
    (tmp_path / "ranks.yaml").write_text("space: mmoe\ntraining: {losses: {click: pairwise}}\n")
    found = resolve("mmoe", str(tmp_path / "ranks.yaml"), training={"losses": "focal"})
    own, other = (job.config.training.losses for job in found.values())
    assert own == {"*": Component.model_validate({"name": "focal", "gamma": 2.0})}
    assert other == {**own, "click": Component(name="pairwise")}


def test_a_run_is_its_architecture_with_its_space_and_a_point_of_its_front_is_another(
    small, resolve, tmp_path
):
    job = small()
    prepared = job.prepare()
    space = job.space(prepared)
    found = Architecture(
        space.supernet().architecture().decisions, origin(job.registry, job.config.space, space)
    )
    other = dict(found.decisions) | {"layer0/expert0/single": ()}
    with start(job, prepared, tmp_path / "found") as run:
        run.write_architecture(found)
        run.write(Search((), (Point("small", other, 0.6, 0.1, None, 1000, 10, trained=False),)))
    jobs = resolve(str(run.path), f"{run.path}@1")
    assert list(jobs) == ["found", "found@1"]
    for made, decisions in zip(jobs.values(), (found.decisions, other), strict=True):
        assert made.config.space == job.config.space
        assert made.fixed_architecture(made.space(prepared)).decisions == decisions
    assert jobs["found"].fixed_architecture(space) == found
    assert jobs["found"].retrain() == "scratch"
    run.write(Search())
    with pytest.raises(UsageError) as error:
        layer(f"{run.path}@1", REGISTRY)
    assert "no Pareto front" in error.value.fix


@pytest.mark.parametrize(
    ("origin", "error", "message"),
    [
        (None, ArtifactError, "does not name its search space"),
        (Origin("gone", {}, {}, {"vanished": "1.5"}), UnknownNameError, r"called 'gone'.* vanished 1\.5"),
    ],
)
def test_a_run_whose_space_is_unknown_is_refused(small, tmp_path, origin, error, message):
    job = small()
    with start(job, job.prepare(), tmp_path / "found") as run:
        run.write_architecture(Architecture({}, origin))
    with pytest.raises(error, match=message):
        layer(str(run.path), REGISTRY)


def test_what_all_models_share_cannot_be_set_by_one(tmp_path):
    (tmp_path / "own.yaml").write_text("space: mmoe\ntraining: {balancer: mgda, epochs: 3}\n")
    with pytest.raises(UsageError, match="sets training, which all models of a comparison share"):
        layer(str(tmp_path / "own.yaml"), REGISTRY)
    with pytest.raises(InputMissingError):
        layer(str(tmp_path / "none.yaml"), REGISTRY)
    (tmp_path / "empty.yaml").write_text("strategy: darts\n")
    with pytest.raises(UsageError, match="no space is named"):
        layer(str(tmp_path / "empty.yaml"), REGISTRY)


def test_of_a_preset_each_model_takes_what_it_knows():
    settings = {"space": {"name": "desan", "layers": 2}, "strategy": {"name": "pd-darts", "rounds": 2}}
    preset = Shared(training={"epochs": 7}, **settings)
    layers = (preset, {"dataset": "synthetic"}, {"training": {"patience": 2}})
    found = models(["mmoe", "desan:random", "desan:pd-darts"], REGISTRY, *layers)
    recipes = [job.config.training for job in found.values()]
    assert [(recipe.epochs, recipe.patience) for recipe in recipes] == [(7, 2)] * 3
    assert [found[name].components["space"].layers for name in ("desan:random", "desan:pd-darts")] == [2, 2]
    assert found["desan:pd-darts"].components["strategy"].rounds == 2
    stronger = models(["desan:pd-darts"], REGISTRY, *layers, {"space": {"layers": 1}})
    assert stronger["desan:pd-darts"].components["space"].layers == 1


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"space": {"layers": 2}, "strategy": {"ensemble": 5}, "retrain": "scratch"}, None),
        ({"space": {"name": "desan", "layers": 2}, "strategy": {"name": "pd-darts", "rounds": 2}}, None),
        ({"space": {"layrs": 2}}, "space.layrs"),
        ({"strategy": {"name": "pd-darts", "ensembl": 5}}, "strategy.ensembl of the strategy 'pd-darts'"),
    ],
)
def test_a_shared_layer_may_hold_settings_of_other_models_but_none_that_nothing_has(settings, wrong):
    data = {"dataset": "synthetic"}
    with pytest.raises(UsageError, match="is not a setting of mmoe"):
        models(["mmoe"], REGISTRY, data, settings)
    if wrong is None:
        assert models(["mmoe"], REGISTRY, Shared(settings), data)["mmoe"].config.space.name == "mmoe"
        return
    with pytest.raises(UsageError, match=f"{wrong} is not a setting of mmoe"):
        models(["mmoe"], REGISTRY, Shared(settings), data)


def test_the_dataset_adds_the_errors_that_only_it_knows():
    _, (error,) = parsed({"dataset": {"name": "table", "split": "user"}}, REGISTRY)
    assert "dataset.split: user needs a column" in str(error)
    assert parsed({"dataset": "synthetic"}, REGISTRY)[1] == parsed({}, REGISTRY)[1] == []


@pytest.mark.parametrize(
    "name", ["mmoe", "mmoe+uncertainty", "desan:pd-darts", "random-architecture", "a.yaml"]
)
def test_known_names_pass(name):
    check_model(name, load_registry())


@pytest.mark.parametrize("name", ["mmoee", "mmoe+x", "desan:x", "x:pd-darts", "a.yml+x"])
def test_unknown_names_are_errors(name):
    with pytest.raises(UnknownNameError, match=r"is called '(mmoee|x)'"):
        check_model(name, load_registry())


def test_a_run_is_a_model_of_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a+b").mkdir()
    check_model("a+b", load_registry())
    check_model("a+b+uncertainty", load_registry())
    assert parts("a+b") == ("a+b", "")
    assert parts("a+b+uncertainty") == ("a+b", "uncertainty")
    assert [path and path[1] for path in map(run_of, ("a+b", "a+b@2", "mmoe"))] == [None, "2", None]
