"""A champion and challengers on rows that none of them has seen."""

import re

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_comparison.on_rows import on_rows
from automtl_comparison.views import sections
from automtl_core.errors import DataError, UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.workflow.workflow import Workflow
from automtl_report.plain import markdown

DAYS, EACH = 8, 900
TABLE = {
    "labels": {"click": {}, "buy": {"after": "click"}, "stay": {"kind": "regression"}},
    "sparse": {"user": "text", "item": "text"},
    "user": "user",
    "time": "when",
    "split": "time",
}


def log():
    """Return rows of eight days, whose labels follow from the item and, since the fifth day, its group."""
    random = np.random.default_rng(0)
    n = DAYS * EACH
    item, day = random.integers(0, 40, n), np.arange(n) // EACH
    worth = random.standard_normal(40)
    moved = np.roll(worth, 20)
    chance = 1 / (1 + np.exp(-np.where(day < 4, worth[item], moved[item]) * 1.5))
    click = random.random(n) < chance
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) / EACH, unit="D")
    return pd.DataFrame(
        {
            "row": np.arange(n),
            "user": random.integers(0, 150, n).astype(str),
            "item": item.astype(str),
            "when": when.strftime("%Y-%m-%d %H:%M:%S"),
            "click": click.astype(int),
            "buy": (click & (random.random(n) < 0.5)).astype(int),
            "stay": chance * 10 + random.standard_normal(n),
        }
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Return a folder with an old run, one of today, one of a random split, and the rows of tomorrow."""
    folder, frame = tmp_path_factory.mktemp("challenge"), log()
    flow = Workflow(load_registry())
    for name, last, split in (("old", 4, "time"), ("today", 7, "time"), ("drawn", 7, "random")):
        frame[frame["row"] < last * EACH].to_csv(folder / f"{name}.csv", index=False)
        layer = {
            "dataset": {"name": "table", "files": f"{name}.csv", **TABLE, "split": split},
            "data_dir": str(folder),
            "prepared_dir": str(folder / "prepared"),
            "features": "ids",
            "refit": True,
        }
        flow.search(flow.model("linear", [layer]), folder / "runs", name)
    frame[frame["row"] >= 7 * EACH].to_csv(folder / "new.csv", index=False)
    frame.to_csv(folder / "all.csv", index=False)
    return folder


@pytest.fixture(autouse=True)
def no_earlier_looks(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def compared(folder, *names, files="new.csv", margin=0.001):
    named = [str(folder / name) for name in names]
    return on_rows(Workflow(load_registry()), folder / files, named, None, margin)


def gained(found):
    """Return the gains of each challenger over the champion."""
    return list(found.differences(found.reference).values())


def predictions(folder, name, columns, order=None, run="today"):
    """Write the predictions of a run as those of another system; return the name of the file."""
    flow = Workflow(load_registry())
    flow.predict(folder / "runs" / run, folder / "new.csv", folder / "made.csv", columns)
    made = pd.read_csv(folder / "made.csv")
    (made if order is None else made.iloc[order]).to_csv(folder / name, index=False)
    (folder / "made.csv").unlink()
    return name


def test_a_model_of_newer_rows_is_better_and_an_older_one_worse(trained):
    found = compared(trained, "runs/old", "runs/today")
    (champion, base), (today, scores) = ((name, found.main_scores(name)) for name in found.models)
    assert (found.splits[0].rows, found.verdict) == ({"test": EACH}, "ahead")
    assert found.standings() == {today: "ahead"}
    gains = found.differences(champion)[today]
    assert gains["click"].mean == pytest.approx(scores["click"][0, 0] - base["click"][0, 0])
    assert gains["mean"].low > 0.05
    assert gains["stay"].mean > 0, "a smaller error is a gain"
    assert not found.notes[1:]
    back = compared(trained, "runs/today", "runs/old")
    assert back.verdict == "behind"
    assert gained(back)[0]["mean"].mean == pytest.approx(-gains["mean"].mean)
    text = markdown("", sections(found))
    assert re.search(rf"{EACH} rows of 1(4[89]|5[0-2]) users", text)
    assert "ahead" in text


def test_equal_models_are_level_and_a_large_margin_levels_all(trained):
    assert compared(trained, "runs/today", predictions(trained, "same.csv", [])).verdict == "level"
    assert compared(trained, "runs/old", "runs/today", margin=0.9).verdict == "level"


@pytest.mark.parametrize("order", ["as rows", "shuffled"])
def test_predictions_of_another_system_are_a_model(trained, order):
    shuffled = np.random.default_rng(0).permutation(EACH) if order == "shuffled" else None
    name = predictions(trained, f"other {order}.csv", ["row"], shuffled)
    found = compared(trained, "runs/old", "runs/today", name)
    run, other = gained(found)
    assert list(found.standings().values()) == ["ahead", "ahead"]
    for task, gain in run.items():
        assert other[task].mean == pytest.approx(gain.mean, abs=1e-6)
        assert other[task].low == pytest.approx(gain.low, abs=1e-6)
    assert compared(trained, name, "runs/today").verdict == "level"


def test_columns_that_identify_rows_are_read_as_runs_read_them(trained):
    rows = pd.read_csv(trained / "new.csv").assign(note=[f'a "quoted" {n}, é' for n in range(EACH)])
    rows.to_csv(trained / "quoted.tsv", sep="\t", index=False)
    name = predictions(trained, "keyed.csv", ["row"])
    theirs = pd.read_csv(trained / name).assign(note=rows["note"]).drop(columns="row")
    theirs.sample(frac=1, random_state=0).to_csv(trained / name, index=False)
    assert compared(trained, "runs/today", name, files="quoted.tsv").verdict == "level"
    assert compared(trained, "runs/today", name, files="quoted.tsv").notes[1:] == ()


@pytest.mark.parametrize("step", [1, -1], ids=["as rows", "swapped"])
def test_columns_that_do_not_tell_rows_apart_are_refused_in_any_order(trained, tmp_path, step):
    rows = pd.read_csv(trained / "new.csv").sort_values("user", kind="stable")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    made = pd.read_csv(trained / predictions(trained, "by user.csv", ["row", "user"]))
    made = made.set_index("row").loc[rows["row"]][::step].sort_values("user", kind="stable")
    made.to_csv(tmp_path / "theirs.csv", index=False)
    [(user, times), *_] = rows["user"].value_counts().sort_index().items()
    what = f"rows are not told apart by user: in the rows, user {user} is there {times} times"
    with pytest.raises(DataError, match=what) as error:
        compared(trained, "runs/today", tmp_path / "theirs.csv", files=tmp_path / "rows.csv")
    assert error.value.fix == "add a column that does it to both, or leave out user: then the order counts"


def written(frame, path):
    """Write a table as CSV or Parquet; return the path."""
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        duckdb.from_df(frame).write_parquet(str(path))
    return path


@pytest.mark.parametrize(
    ("suffix", "names"),
    [
        (".csv", {"click": "Click", "row": "ROW", "stay": "STAY"}),
        (".parquet", {"click": " click", "row": "row ", "buy": " Buy "}),
    ],
    ids=["another case", "blanks around"],
)
def test_names_are_taken_without_case_and_blanks(trained, tmp_path, suffix, names):
    made = pd.read_csv(trained / predictions(trained, "named.csv", ["row"])).rename(columns=names)
    theirs = written(made.iloc[::-1], tmp_path / f"theirs{suffix}")
    rows = pd.read_csv(trained / "new.csv").rename(columns={"row": "Row"})
    found = compared(trained, "runs/today", theirs, files=written(rows, tmp_path / f"rows{suffix}"))
    assert not found.notes[1:]
    gains = {task: gain.mean for task, gain in gained(found)[0].items()}
    assert gains == pytest.approx(dict.fromkeys(["click", "buy", "stay", "mean"], 0.0), abs=1e-6)


def test_a_column_beside_a_task_in_another_case_is_no_prediction(trained, tmp_path):
    made = pd.read_csv(trained / predictions(trained, "named.csv", ["row"]))
    made["Click"] = pd.read_csv(trained / "new.csv")["click"]
    made.to_csv(tmp_path / "theirs.csv", index=False)
    found = compared(trained, "runs/today", tmp_path / "theirs.csv")
    assert (found.verdict, found.notes[1:]) == ("level", ())
    made[["row", "Click", "click", "buy", "stay"]].to_csv(tmp_path / "theirs.csv", index=False)
    with pytest.raises(DataError, match=r"theirs.csv: two columns are called 'click'"):
        compared(trained, "runs/today", tmp_path / "theirs.csv")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_numbers_that_identify_rows_may_have_a_decimal_point(trained, tmp_path, suffix):
    made = pd.read_csv(trained / predictions(trained, "floats.csv", ["row", "user"]))
    made = made.assign(row=made["row"].astype(float), user=made["user"].astype(float)).iloc[::-1]
    found = compared(trained, "runs/today", written(made, tmp_path / f"theirs{suffix}"))
    assert not found.notes[1:]
    assert gained(found)[0]["click"].mean == pytest.approx(0, abs=1e-6)


def test_a_file_without_a_header_has_no_further_columns(trained, tmp_path):
    frame = log()
    for name, of in (("before", frame["row"] < 7 * EACH), ("after", frame["row"] >= 7 * EACH)):
        frame[of].to_csv(tmp_path / f"{name}.csv", index=False, header=False)
    dataset = {"name": "table", "files": "before.csv", **TABLE, "columns": list(frame)}
    flow = Workflow(load_registry())
    layer = {"dataset": dataset, "data_dir": str(tmp_path), "features": "ids", "refit": False}
    flow.search(flow.model("linear", [layer]), tmp_path / "runs", "run")
    made = pd.read_csv(trained / predictions(trained, "named.csv", ["row"]))
    made.assign(version=3).iloc[::-1].to_csv(tmp_path / "theirs.csv", index=False)
    found = compared(
        trained, tmp_path / "runs" / "run", tmp_path / "theirs.csv", files=tmp_path / "after.csv"
    )
    assert not found.notes[1:]
    assert abs(gained(found)[0]["click"].mean) < 0.05


def test_values_that_are_written_otherwise_are_named(trained, tmp_path):
    rows = pd.read_csv(trained / "new.csv")
    since = pd.to_datetime(rows["when"]) - pd.Timestamp("1970-01-01")
    rows.assign(at=since // pd.Timedelta("1s")).to_csv(tmp_path / "rows.csv", index=False)
    made = pd.read_csv(trained / predictions(trained, "at.csv", [])).assign(at=since // pd.Timedelta("1ms"))
    made.to_csv(tmp_path / "theirs.csv", index=False)
    what = (
        r"900 of 900 rows have no prediction, .*: at 1704\d{6} is 1704\d{6}000 there, in another unit or form"
    )
    with pytest.raises(DataError, match=what):
        compared(trained, "runs/today", tmp_path / "theirs.csv", files=tmp_path / "rows.csv")
    made.assign(at=range(EACH)).to_csv(tmp_path / "theirs.csv", index=False)
    with pytest.raises(
        DataError, match=r"such as that of at 1704672000; the first one there is that of at 0"
    ):
        compared(trained, "runs/today", tmp_path / "theirs.csv", files=tmp_path / "rows.csv")


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda made: made, None),
        (
            lambda made: made.assign(click=1 - made["click"]),
            r"AUC of click is 0\.3\d*: are its .* of class 0",
        ),
        (
            lambda made: made.assign(click=made["click"] ** 8),
            r"are the predictions of click probabilities\? .* mean is 0\.\d+, that of the labels 0\.45",
        ),
        (
            lambda made: made.assign(stay=made["stay"] * 60),
            r"are the predictions of stay in the unit of the label\? .* mean is 2\d\d\.\d, that of the",
        ),
    ],
    ids=["as they are", "of class 0", "no probabilities", "seconds"],
)
def test_predictions_of_another_class_or_unit_are_noted(trained, tmp_path, change, note):
    made = pd.read_csv(trained / predictions(trained, "plain.csv", ["row"]))
    change(made).to_csv(tmp_path / "theirs.csv", index=False)
    found = compared(trained, "runs/today", tmp_path / "theirs.csv")
    assert len(found.notes) == 1 + (note is not None)
    assert note is None or re.search(note, found.notes[1])


def test_number_labels_decide_too(trained, tmp_path):
    today = pd.read_csv(trained / predictions(trained, "today.csv", ["row"]))
    old = pd.read_csv(trained / predictions(trained, "old.csv", ["row"], run="old"))
    today.assign(stay=old["stay"]).to_csv(tmp_path / "stay.csv", index=False)
    old.assign(stay=today["stay"]).to_csv(tmp_path / "clicks.csv", index=False)
    assert compared(trained, "runs/today", tmp_path / "stay.csv").verdict == "behind"
    assert compared(trained, tmp_path / "stay.csv", "runs/today").verdict == "ahead"
    mixed = compared(trained, tmp_path / "stay.csv", tmp_path / "clicks.csv", "runs/old")
    assert next(iter(mixed.standings().values())) == "level", "better in stay, and worse in the mean"
    assert re.search(
        r"the whole interval is beyond 0.001 of mean or 0.00\d+ of stay", markdown("", sections(mixed))
    )


def test_the_margin_of_a_number_does_not_depend_on_its_unit(trained, tmp_path):
    today = pd.read_csv(trained / predictions(trained, "today.csv", ["row"]))
    noisy = today.assign(stay=today["stay"] + np.where(today["row"] % 2, 2.0, -2.0))
    noisy.to_csv(tmp_path / "noisy.csv", index=False)
    for margin, verdict in ((0.1, "behind"), (0.6, "level")):  # RMSE is .8 worse, and the deviation 3
        assert compared(trained, "runs/today", tmp_path / "noisy.csv", margin=margin).verdict == verdict


def test_rows_that_a_model_has_seen_are_left_out(trained):
    found = compared(trained, "runs/today", "runs/old", files="all.csv")
    assert (found.splits[0].rows["test"], found.notes[1:]) == (
        1530,
        ("5,670 of 7,200 rows are left out: a model has seen them",),
    )
    drawn = compared(trained, "runs/drawn", "runs/old", files="drawn.csv")
    assert 250 < drawn.splits[0].rows["test"] < 360, (
        "the tenth of its rows that is its test part, where it is later than those of `old`"
    )


def test_tasks_that_a_file_does_not_predict_are_left_out(trained):
    made = pd.read_csv(trained / predictions(trained, "two.csv", ["row"]))
    made.drop(columns="buy").to_csv(trained / "two.csv", index=False)
    found = compared(trained, "runs/old", "two.csv")
    assert list(found.tasks) == ["click", "stay"]
    assert found.notes[1:] == ("left out, since not all models predict it: buy",)
    made[["row", "buy"]].rename(columns={"buy": "bought"}).to_csv(trained / "none.csv", index=False)
    with pytest.raises(UsageError, match=r"no common task; .*none.csv has bought, row"):
        compared(trained, "runs/old", "none.csv")


@pytest.mark.parametrize("names", [[], ["runs/today"], ["a.csv", "b.csv"]])
def test_what_cannot_be_compared(trained, names):
    with pytest.raises(UsageError, match="at least two models, one of them a run"):
        compared(trained, *names)
    with pytest.raises(UsageError, match="runs/today is named twice"):
        compared(trained, "runs/today", "runs/today")
