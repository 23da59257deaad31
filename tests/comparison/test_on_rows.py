"""A champion and challengers on rows that none of them has seen."""

import numpy as np
import pandas as pd
import pytest

from automtl_comparison.on_rows import Gain, _verdict, on_rows
from automtl_comparison.views import standing
from automtl_core.errors import UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.looks import ScoredBefore
from automtl_core.views.plain import markdown
from automtl_core.workflow.workflow import Workflow

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
    """Work in an empty folder, whose ledgers have no look at the rows."""
    monkeypatch.chdir(tmp_path)


def compared(folder, *names, files="new.csv", margin=0.001):
    named = [str(folder / name) for name in names]
    return on_rows(Workflow(load_registry()), folder / files, named, None, margin)


def predictions(folder, name, columns, order=None):
    """Write the predictions of `today` as those of another system; return the name of the file."""
    flow = Workflow(load_registry())
    flow.predict(folder / "runs" / "today", folder / "new.csv", folder / "made.csv", columns)
    made = pd.read_csv(folder / "made.csv")
    (made if order is None else made.iloc[order]).to_csv(folder / name, index=False)
    (folder / "made.csv").unlink()
    return name


def test_a_model_of_newer_rows_is_better_and_an_older_one_worse(trained):
    found = compared(trained, "runs/old", "runs/today")
    champion, today = found.entrants
    assert (found.rows, found.verdict, champion.verdict, today.verdict) == (EACH, "better", None, "better")
    assert found.units == pytest.approx(150, abs=2)
    assert today.gains["click"].mean == pytest.approx(
        today.test["click"].score - champion.test["click"].score
    )
    assert today.gains["mean"].low > 0.05
    assert today.gains["stay"].mean > 0, "a smaller error is a gain"
    assert not champion.gains
    assert found.notes == ()
    back = compared(trained, "runs/today", "runs/old")
    assert back.verdict == "worse"
    assert back.entrants[1].gains["mean"].mean == pytest.approx(-today.gains["mean"].mean)
    text = markdown("", standing(found))
    assert f"{EACH} rows of {found.units} users" in text
    assert "better" in text


def test_equal_models_are_level_and_a_large_margin_levels_all(trained):
    assert compared(trained, "runs/today", predictions(trained, "same.csv", [])).verdict == "level"
    assert compared(trained, "runs/old", "runs/today", margin=0.9).verdict == "level"


@pytest.mark.parametrize("order", ["as rows", "shuffled"])
def test_predictions_of_another_system_are_a_model(trained, order):
    shuffled = np.random.default_rng(0).permutation(EACH) if order == "shuffled" else None
    name = predictions(trained, f"other {order}.csv", ["row"], shuffled)
    found = compared(trained, "runs/old", "runs/today", name)
    _, run, other = found.entrants
    assert other.verdict == "better"
    for task, gain in run.gains.items():
        assert other.gains[task].mean == pytest.approx(gain.mean, abs=1e-6)
        assert other.gains[task].low == pytest.approx(gain.low, abs=1e-6)
    assert compared(trained, name, "runs/today").verdict == "level"


def test_columns_that_identify_rows_are_read_as_runs_read_them(trained):
    rows = pd.read_csv(trained / "new.csv").assign(note=[f'a "quoted" {n}, é' for n in range(EACH)])
    rows.to_csv(trained / "quoted.tsv", sep="\t", index=False)
    name = predictions(trained, "keyed.csv", ["row"])
    theirs = pd.read_csv(trained / name).assign(note=rows["note"]).drop(columns="row")
    theirs.sample(frac=1, random_state=0).to_csv(trained / name, index=False)
    assert compared(trained, "runs/today", name, files="quoted.tsv").verdict == "level"
    assert compared(trained, "runs/today", name, files="quoted.tsv").notes == ()


def test_intervals_are_wider_for_more_challengers(trained):
    one = compared(trained, "runs/old", "runs/today").entrants[1].gains["mean"]
    two = compared(trained, "runs/old", "runs/today", "runs/drawn").entrants[1].gains["mean"]
    assert two.mean == one.mean
    assert two.low < one.low


def test_intervals_are_wider_for_models_that_were_scored_on_the_rows_before(trained):
    first = compared(trained, "runs/today", "runs/old")
    assert first.scored_before == ScoredBefore()
    file = predictions(trained, "b.csv", ["row"])
    with_file = compared(trained, "runs/today", file)
    assert with_file.scored_before == ScoredBefore(1, 1)
    again = compared(trained, "runs/today", "runs/old")
    assert again == first  # the predictions came later
    both = compared(trained, "runs/today", "runs/old", file)
    assert both.scored_before == ScoredBefore()
    assert with_file.entrants[1].gains == both.entrants[2].gains  # corrected for two challengers
    text = markdown("", standing(with_file))
    words = "1 other model was scored on these test rows before (1 training), and the intervals are corrected"
    assert words in text
    assert "scored on these" not in markdown("", standing(first))


def test_rows_that_a_model_has_seen_are_left_out(trained):
    found = compared(trained, "runs/today", "runs/old", files="all.csv")
    assert (found.rows, found.notes) == (1530, ("5,670 of 7,200 rows are left out: a model has seen them",))
    drawn = compared(trained, "runs/drawn", "runs/old", files="drawn.csv")
    assert 250 < drawn.rows < 360, (
        "the tenth of its rows that is its test part, where it is later than those of `old`"
    )


def test_tasks_that_a_file_does_not_predict_are_left_out(trained):
    made = pd.read_csv(trained / predictions(trained, "two.csv", ["row"]))
    made.drop(columns="buy").to_csv(trained / "two.csv", index=False)
    found = compared(trained, "runs/old", "two.csv")
    assert list(found.entrants[1].test) == ["click", "stay"]
    assert found.notes == ("left out, since not all models predict it: buy",)
    made.rename(columns=str.upper).to_csv(trained / "upper.csv", index=False)
    with pytest.raises(UsageError, match=r"no common task; .*upper.csv has BUY, CLICK, ROW, STAY"):
        compared(trained, "runs/old", "upper.csv")


@pytest.mark.parametrize("names", [[], ["runs/today"], ["a.csv", "b.csv"]])
def test_what_cannot_be_compared(trained, names):
    with pytest.raises(UsageError, match="at least two models, one of them a run"):
        compared(trained, *names)
    with pytest.raises(UsageError, match="runs/today is named twice"):
        compared(trained, "runs/today", "runs/today")


def test_a_verdict_is_beyond_the_margin():
    gains = Gain(0.01, 0.002, 0.018), Gain(0.01, 0.0005, 0.02), Gain(-0.01, -0.02, -0.002)
    assert [gain.verdict(0.001) for gain in gains] == ["better", "level", "worse"]
    assert _verdict(["better", "level"]) == "better"
    assert _verdict(["better", "worse"]) == _verdict(["level", "level"]) == "level"
