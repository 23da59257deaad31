"""From Python: a frame is searched, and what was found predicts frames as they were given."""

import copy
import pickle
import shutil
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

import automtl
from automtl_core.data.encoder import Encoder
from automtl_core.run_dir.facts import Data
from automtl_core.run_dir.run import Run
from automtl_core.workflow.workflow import Workflow

SETTINGS = {
    "dataset": {"bad_rows": "skip"},  # of the files of a run, not of new rows
    "space": {"experts": 2, "embedding_dim": 4, "expert_width": 8, "ops": ["identity", "mlp-8"]},
    "strategy": {"name": "random", "candidates": 2, "rung_epochs": 1},
    "training": {"epochs": 2, "min_positives": 10},
}

RECIPE = {"features": "ids", "training": {"min_positives": 10}}


def shop(rows=1500):
    random = np.random.default_rng(0)
    user, price = random.integers(0, 40, rows), random.normal(size=rows)
    click = random.random(rows) < 1 / (1 + np.exp(-np.sin(user) - price))
    return pd.DataFrame(
        {
            "user_id": user,
            "tags": ["|".join("abc"[: k % 4]) for k in user],
            "price": np.where(user % 5, price, np.nan),
            "click": np.where(click, "yes", "no"),
            "bought": (click & (random.random(rows) < 0.4)).astype(int),
            "rating": (3 + price).round(2),
        }
    )


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTOMTL_PREPARED", raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A run on the frame, and the epochs that were heard of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("found"))
        frame, heard = shop(), []
        model = automtl.Model(["click", "rating"], settings=SETTINGS)
        run = model.fit(frame, name="mine", progress=heard.append)
        pd.testing.assert_frame_equal(frame, shop())
        yield automtl.load(Path(run.path).absolute()), heard


def test_a_run_tells_what_it_found(found, tmp_path):
    run, heard = found
    assert list(run.metrics.index) == list(run.validation.index) == ["click", "rating"]
    assert run.metrics.loc["click", "auc"] > 0.55
    assert {"user_id", "tags", "price"} <= set(run.sharing.columns)
    assert run.sharing.dtypes.eq(bool).all()
    importance = run.importance()
    assert list(importance.columns) == ["measure", "drop", "low", "high", "p", "verdict"]
    assert importance.index.names == ["field", "task"]
    assert set(importance.loc["price", "measure"]) == {"AUC", "R2"}
    assert (importance["low"] <= importance["high"]).all()
    assert [report.epoch for report in heard] == sorted(report.epoch for report in heard) != []
    assert "bought" not in str(run.architecture.origin), "a label that is not named is no field"
    other = automtl.load(shutil.copytree(run.path, tmp_path / "copy"))
    (other.path / "importance.json").unlink()
    assert other.importance().empty
    shown = [one._repr_html_().count("if a field is permuted") for one in (run, other)]
    assert (shown[0] > 0, shown[1]) == (True, 0)


def test_it_predicts_frames_as_they_were_given(found):
    run, _ = found
    frame = shop()
    frame.index = frame.index[::-1]
    predicted = run.predict(frame.drop(columns=["click", "rating"]))
    assert list(predicted.columns) == ["click", "rating"]
    assert list(predicted.index) == list(frame.index)
    assert predicted["click"].between(0, 1).all()
    assert abs(predicted["rating"].mean() - 3) < 1
    pd.testing.assert_frame_equal(run.predict(frame.head(3)), predicted.head(3), atol=1e-6)
    assert run.predict({name: list(frame[name].head(2)) for name in frame}).shape == (2, 2)
    pd.testing.assert_frame_equal(run.predict(frame.head(0)), predicted.head(0))
    with pytest.warns(UserWarning, match=r"1,350 of 1,500 rows are left out: .* has seen them"):
        metrics = run.evaluate(frame)
    assert metrics.loc["click", "rows"] == 150
    assert run.evaluate().equals(run.metrics)


def test_a_model_that_has_predicted_is_copied_and_sent_to_other_processes_as_its_path(found):
    run, _ = found
    said = run.predict(shop(40))
    for other in (copy.deepcopy(run), pickle.loads(pickle.dumps(run))):  # noqa: S301 - of this test
        assert other.path == run.path
        pd.testing.assert_frame_equal(other.predict(shop(40)), said)
    assert len(pickle.dumps(run)) < 1000


@pytest.mark.filterwarnings("ignore:.* rows are left out")
def test_scikit_learn_takes_a_model_as_an_estimator(here):
    """Slow: cross-validation fits a model for each fold."""
    model = automtl.Model({"click": None, "rating": None}, model="linear", seed=1, settings=RECIPE)
    assert clone(model).get_params() == model.get_params()
    whole, fields, labels = shop(900), shop(900)[["user_id", "price"]], shop(900)[["click", "rating"]]
    scores = cross_val_score(model, whole[["user_id", "price", "click", "rating"]], cv=3)
    assert (scores > 0.5).all()
    assert np.allclose(cross_val_score(model, fields, labels, cv=3), scores)
    searched = GridSearchCV(model, {"seed": [1, 2]}, cv=2).fit(fields, labels)
    joblib.dump(searched.best_estimator_, here / "model.joblib")
    fitted = joblib.load(here / "model.joblib")
    assert list(fitted.predict_proba(fields)) == ["click"]
    assert clone(fitted).fit(fields, labels).path != fitted.path
    one = automtl.Model("click", model="linear", settings=RECIPE).fit(fields, labels["click"].to_numpy())
    assert list(one.leaderboard()["model"]) == ["linear"]
    with pytest.raises(automtl.AutoMTLError, match="the model is not fitted"):
        clone(fitted).predict(fields)
    with pytest.raises(automtl.AutoMTLError, match=r"'sed' is no argument of a model .did you mean 'seed'"):
        model.set_params(sed=3)


def test_frames_for_validation_and_test_are_those_of_the_user(here):
    rows = shop(1500).assign(at=range(1500))
    train, valid, test = rows[:1000], rows[1000:1200], rows[1200:]
    valid.to_csv("valid.csv", index=False)
    model = automtl.Model(["click", "rating"], time="at", settings={**SETTINGS, "refit": False})
    model.fit(train, valid="valid.csv", test=test)
    assert Run.open(model.path).read(Data).rows == {"train": 1000, "validation": 200, "test": 300}
    settings = Run.open(model.path).config().dataset.settings
    assert (settings["time"], model.metrics["rows"].max()) == ("at", 300)
    board, evidence = model.leaderboard(timed=True), model.evidence()
    assert list(board["verdict"]).count("chosen") == 1
    assert board["validation"].dropna().is_monotonic_decreasing
    assert board.loc[board["test"].notna(), "ms"].gt(0).all()
    assert board["seconds"].sum() > 0
    assert {"choice", "verdict"} <= set(evidence.columns)
    assert set(model.importance().loc["price", "measure"]) == {"AUC", "R2"}
    history = rows if settings.get("history") is not None else None
    chances = model.predict_proba(test, history=history)
    assert list(chances) == ["click"]
    assert list(chances.index) == list(test.index)
    assert model.export(form="torch") == Path(f"exports/{model.path.name}-torch")
    other = automtl.train(pd.concat([train, valid]), ["click", "rating"], model="linear", settings=RECIPE)
    new = shop(1800)[1500:].assign(at=range(1500, 1800))
    assert list(automtl.compare([model, other], new).scores["model"]) == [str(model.path), str(other.path)]
    again = automtl.load(other.path).fit(rows.assign(user_id=np.arange(1500) // 3))
    user = next(f for f in Encoder.load(again.path / "encoder").schema.sparse if f.name == "user_id")
    assert user.size > 300, "its vocabularies are those of the new rows"
    assert again.leaderboard()["model"].to_list() == ["linear"]


def test_it_warns_of_new_rows_without_a_known_user(found):
    run, _ = found
    frame = shop(200).assign(user_id=lambda shop: shop.user_id + 1000)
    for call in (run.predict, run.evaluate):
        with pytest.warns(UserWarning, match="none of the 200 values occurs in the training rows") as warned:
            call(frame)
        assert warned[0].filename == __file__


def test_rows_that_are_at_fault_are_named_or_left_out(found):
    run, _ = found
    frame = shop(4).astype({"price": object})
    frame.index = list("abcd")
    frame.loc["c", "price"] = "dear"
    with pytest.raises(automtl.AutoMTLError, match=r'row 2 .*price: expected a number, found "dear"'):
        run.predict(frame)
    for table, kept in ((frame, ["a", "b", "d"]), (dict(frame), [0, 1, 3])):
        with pytest.warns(UserWarning, match='skipped faulty rows: 1\nrow 2 .*found "dear"'):
            assert list(run.predict(table, max_bad_rows=3).index) == kept


def test_models_are_compared_on_a_frame(here):
    models = ["shared-bottom", "mmoe"]
    settings = {"space": {"embedding_dim": 4, "experts": 2}, "training": {"epochs": 1, "min_positives": 10}}
    outcome = automtl.compare(models, shop(600), ["click", "rating"], seeds=2, settings=settings)
    assert list(outcome.scores["model"]) == ["shared-bottom"] * 2 + ["mmoe"] * 2
    assert {"seed", "split", "click", "mean", "rating"} <= set(outcome.scores.columns)
    assert "shared-bottom" in outcome.differences.loc["mmoe", "verdict"]
    assert outcome.path == Path("comparisons/table")
    assert outcome._repr_markdown_() == str(outcome) == (here / outcome.path / "compare.md").read_text()
    assert len(repr(outcome)) < 200


@pytest.mark.filterwarnings("ignore:.* of the test rows have values")
def test_a_callback_ends_a_training_in_order(here):
    run = automtl.train(
        "synthetic",
        settings={"dataset": {"rows": 600}, "training": {"min_positives": 1}},
        progress=lambda report: False,
    )
    assert run.metrics["auc"].notna().all()
    assert run.path == Path("runs/synthetic-1")


def test_settings_of_what_an_argument_names_are_kept(found, monkeypatch):
    run, jobs = Run.open(found[0].path), []
    monkeypatch.setattr(Workflow, "search", lambda flow, job, *others: jobs.append(job) or run)
    for given in ({"candidates": 2}, {"name": "darts", "epochs": 2}):
        automtl.search(shop(50), ["click"], strategy="random", settings={"strategy": given})
    assert jobs[0].components["strategy"].candidates == 2
    assert jobs[1].config.strategy.name == "random"


def test_columns_that_may_be_labels_are_told_and_can_be_inputs(here):
    from automtl.frames import data_layers

    frame = shop(50).assign(vip=lambda frame: frame["user_id"] % 2)
    frame["long"] = (frame["click"] == "yes") * frame["vip"]  # never without a click
    with pytest.warns(UserWarning, match="vip: taken as categorical|long: left out"):
        layer, _ = data_layers(frame, ["click"], None)
    assert {"vip", "long"}.intersection(layer["dataset"]["sparse"]) == {"vip"}
    chosen = {"dataset": {"sparse": {"long": "text"}}}
    with pytest.warns(UserWarning, match="vip"):
        assert data_layers(frame, ["click"], chosen)[1] == chosen


def test_columns_of_a_file_without_a_header_are_named_by_settings(tmp_path):
    from automtl.frames import data_layers

    (tmp_path / "log.csv").write_text("".join(f"{n % 30},{n % 7 / 2},{n % 2}\n" for n in range(200)))
    names = ["user_id", "price", "click"]
    layer, _ = data_layers(tmp_path / "log.csv", [], {"dataset": {"columns": names}})
    chosen = layer["dataset"]
    assert (chosen["columns"], chosen["user"], chosen["labels"]) == (names, "user_id", {"click": {}})


def test_what_a_time_budget_gives_up_is_a_warning(here):
    training = {"epochs": 1000, "patience": 1000, "min_positives": 10}
    settings = {"dataset": {"rows": 2000}, "training": training}
    with pytest.warns(UserWarning, match="time budget: time ended phase 'train' in epoch"):
        run = automtl.train("synthetic", model="shared-bottom", settings=settings, time_budget="2s")
    assert run.metrics["auc"].notna().all()


def test_equal_frames_are_one_file(here):
    from automtl.frames import written

    assert written(shop(50)) == written(shop(50)) != written(shop(51))
    assert len(list((here / "prepared" / "frames").iterdir())) == 2


def test_wrong_arguments_of_a_run_are_named(found):
    run, _ = found
    for call, problem in (
        (lambda: run.report(5), "file: expected a text, a path or None"),
        (lambda: run.evaluate(shop(), metrics=[5]), "metrics: expected a list of texts"),
        (lambda: run.evaluate(metrics="auc"), "metrics: expected a list of texts"),
        (lambda: run.export("there", form="nope"), "no exporter is called 'nope'; known: onnx, torch"),
        (lambda: run.predict(None), r"^NoneType is not a readable table\n"),
        (lambda: run.predict(np.zeros((3, 2))), "^the data frame: lacks 'user_id'"),
        (lambda: run.predict(shop(), history=shop()), "the network reads no history"),
    ):
        with pytest.raises(automtl.AutoMTLError, match=problem):
            call()
