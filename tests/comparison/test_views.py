"""A comparison for people: sections, and its files."""

import csv
import io
import json
from dataclasses import replace

import pytest

from automtl_comparison.document import CellResult, Comparison
from automtl_comparison.views import comma_separated, page, page_of, read, sections, write
from automtl_core.errors import ArtifactError
from automtl_core.training.metric import ByUser, MetricValue
from automtl_inspection.sections import Bars, Curves, Grid, Text


def titles(found):
    """Return the titles without what follows a comma."""
    return [section.title.partition(",")[0] for section in sections(found) if section.title]


def section(found, title):
    return next(section for section in sections(found) if section.title.startswith(title))


def grid(found, title):
    return section(found, title).blocks[0]


def notes(found, title):
    """Return the sentences of a section; `last` is the one of all notes."""
    found = section(found, title) if title != "last" else [s for s in sections(found) if not s.title][-1]
    return [block.text for block in found.blocks if isinstance(block, Text)]


def test_a_grid_for_each_metric_that_there_is_and_errors_have_no_mean(compared):
    found = compared("click", "price", "buy")
    scores = ["test AUC", "test log loss", "test RMSE", "test MAE", "test R2"]
    assert [title for title in titles(found) if title.startswith("test")] == scores
    assert grid(found, "test RMSE").header == ["model", "price"]
    assert grid(found, "test RMSE").rows[1] == ["two.yaml", "19.25 ± 0.35"]
    assert section(found, "test AUC").title == "test AUC, mean ± standard deviation over 2 seeds"
    found = compared("price")
    assert [title for title in titles(found) if title.startswith("test")] == scores[2:]
    assert grid(found, "verdict").header[1] == "test RMSE of price"
    assert grid(found, "verdict").rows[0][1] == "20.5 ± 0.71"
    grids = [block for part in sections(found) for block in part.blocks if isinstance(block, Grid)]
    assert not [column for each in grids for column in each.header if column == "mean"]


def test_the_users_of_a_metric_by_user_are_named(compared):
    found = compared("click")
    users = ByUser(7, "with rows of both classes", 9, 10, 0.5, 0.1)
    value = MetricValue("GAUC", 1, 0.4, 8, by_user=users)
    cell = found.models["one.yaml"].cells[0]
    cell = replace(cell, test={"click": replace(cell.test["click"], others={"gauc": value})})
    model = replace(found.models["one.yaml"], cells=(cell,))
    about, warning = notes(replace(found, models={"one.yaml": model}), "last")
    assert about.startswith("GAUC: over 7 users with rows of both classes, of 9 users with 1.1 rows")
    assert warning == "warning: GAUC says little, since most users have one row, and nothing to rank"


def test_differences_have_intervals_and_standings_and_say_against_what(compared):
    found = compared("click", "price")
    rows = {(task, model): rest for task, model, *rest in grid(found, "AUC and reduction of RMSE").rows}
    assert next(iter(rows)) == ("mean", "two.yaml")
    assert rows["price", "two.yaml"][0].startswith("+1.2 [")
    assert rows["price", "single-task"][0].startswith("+2.2 [")
    against = grid(found, "AUC and reduction of RMSE against single-task").rows
    assert next(row for row in against if row[:2] == ["price", "one.yaml"])[2].startswith("-2.2 [")
    _, model, two, p, standing = grid(compared("click"), "AUC against one.yaml").rows[0]
    assert (model, standing) == ("two.yaml", "no clear difference"), "two seeds say little"
    assert two.startswith("+0.0150 [")
    assert float(p) > 0.05
    shifted = grid(compared("click", reference="same"), "AUC against same").rows[0][2:]
    assert shifted == ["+0.0500 [+0.0480, +0.0520]", "< .001", "ahead"]


def test_a_reference_that_is_single_task_is_shown_once(compared):
    assert titles(compared("click", reference="single-task")).count("AUC against single-task") == 1
    assert titles(compared("click")).count("AUC against single-task") == 1


def test_tasks_that_say_nothing_are_marked_with_the_reason(compared):
    found = compared("click", "buy", "price", "age")
    assert grid(found, "test AUC").header == ["model", "click", "buy *", "mean"]
    assert grid(found, "test RMSE").header == ["model", "price", "age *"]
    assert "* age: 9 test rows have the label, too few to be reliable" in notes(found, "last")
    assert page(found).count("* age:") == 1


def test_a_seed_that_diverged_is_told(compared):
    found = compared("click")
    one = found.models["one.yaml"]
    cells = [one.cells[0], CellResult(0, 1, "one-s1", error="the loss became nan", diverged=True)]
    broken = replace(found, models={**found.models, "one.yaml": replace(one, cells=cells)})
    assert "one.yaml, seed 1, split 0: the loss became nan" in page(broken)
    (row,) = (row for row in csv.DictReader(io.StringIO(comma_separated(broken))) if row["error"])
    assert {key: value for key, value in row.items() if value} == {
        "model": "one.yaml", "split": "0", "seed": "1", "run": "one-s1", "error": "the loss became nan",
    }  # fmt: skip
    none = replace(found, models={"one.yaml": replace(one, cells=cells[1:])}, reference="one.yaml")
    assert grid(none, "test AUC").rows == [["one.yaml", None, None]]


def test_models_whose_epochs_ended_too_soon_are_told(compared):
    found = compared("click")
    one = found.models["one.yaml"]
    cells = [one.cells[0], replace(one.cells[1], cut_short=True)]
    cut = replace(found, models={**found.models, "one.yaml": replace(one, cells=cells)})
    assert "one.yaml: validation scores still rose at the last epoch of 1 of 2 runs" in page(cut)
    assert "still rose" not in page(found)


def test_recipes_are_shown_where_there_was_tuning(compared):
    found = compared("click")
    assert not [title for title in titles(found) if title.startswith("hyperparameters")]
    tuned = grid(replace(found, trials=3), "hyperparameters, best of 3 on validation data")
    assert tuned.header == ["model", "training.learning_rate", "space.dropout"]
    assert tuned.rows[0] == ["one.yaml", "0.002", None]


def test_comma_separated_values_are_blank_where_a_task_lacks_them(compared):
    rows = list(csv.DictReader(io.StringIO(comma_separated(compared("click", "price")))))
    click, price = rows[:2]
    keys = ("model", "seed", "task", "auc", "log_loss", "rmse", "mae", "r2", "positives", "rows", "run")
    assert [click[key] for key in keys] == [
        "one.yaml", "0", "click", "0.7", "0.5", "", "", "", "40", "80", "one.yaml-s0",
    ]  # fmt: skip
    assert [price[key] for key in keys] == [
        "one.yaml", "0", "price", "", "", "20.0", "10.0", "0.25", "", "60", "one.yaml-s0",
    ]  # fmt: skip
    assert (click["parameters"], click["train_seconds"], click["rows_per_second"]) == ("9", "5.0", "")


def test_markdown_holds_the_same_numbers_in_tables_that_no_name_breaks(compared):
    found = compared("click", "price")
    text = page(found)
    assert text.startswith("# Comparison on made-up\n\n## verdict against one.yaml\n")
    assert "\n## data\n\nRows: train 800, validation 100, test 100. Fingerprint of the data: 0000" in text
    assert "| two.yaml | 19.25 ± 0.35 |" in text
    differences = text.split("## AUC and reduction of RMSE against")[1].split("\n## ")[0]
    assert {line.count("|") for line in differences.splitlines() if line.startswith("|")} == {6}
    found = compared("click")
    evil = replace(found, models={"a|b\n<script>": found.models["one.yaml"]}, reference="a|b\n<script>")
    assert "| a\\|b &lt;script> |" in page(evil)


def test_the_verdict_comes_first_with_its_words_and_costs_beside_the_reference(compared):
    found = compared("click")
    assert titles(found)[0] == "verdict against one.yaml"
    verdicts = grid(found, "verdict")
    assert verdicts.rows[0][2] == found.verdicts()["two.yaml"]
    known = replace(found, noises={**found.noises, "two.yaml": found.noises["one.yaml"]})
    assert known.advice() in page(known)
    assert known.advice() in str(next(iter(sections(known))).blocks)
    alone = replace(found, models={"one.yaml": found.models["one.yaml"]})
    assert not [title for title in titles(alone) if title.startswith("verdict")]


def test_it_is_told_what_an_interval_holds_and_p_values_are_over(compared):
    found = compared("click")
    note, *_ = notes(found, "last")
    assert "from the spread over 2 seeds and over test rows; it and p are for" in note
    one = {name: replace(model, cells=model.cells[:1]) for name, model in found.models.items()}
    note, *_ = notes(replace(found, models=one, user="user_id"), "last")
    assert "over test rows, grouped by user_id of one training of each model, and not over trainings" in note
    found = compared("click")
    one = {name: replace(model, cells=model.cells[:1]) for name, model in found.models.items()}
    single = replace(found, models=one)
    for shown, said in ((single, True), (found, False)):
        for text in shown.verdicts().values():
            assert "p " in text
            assert (" over rows" in text) is said


def test_several_splits_are_identified(compared):
    found = compared("click")
    lost, recipes = CellResult(3, 0, "x", error="nan", diverged=True), {0: 0.1, 3: 0.2}
    tuned = {split: {"space.dropout": value} for split, value in recipes.items()}
    models = {n: replace(m, cells=[*m.cells, lost], recipes=tuned) for n, m in found.models.items()}
    splits = {0: found.splits[0], 3: replace(found.splits[0], fingerprint="3" * 64)}
    found = replace(found, trials=2, splits=splits, models=models)
    assert section(found, "test AUC").title.endswith("over 2 seeds on each of 2 splits")
    assert "one.yaml, seed 0, split 3: nan" in notes(found, "last")
    assert grid(found, "hyperparameters").rows[:2] == [
        ["one.yaml, split 0", "0.1"],
        ["one.yaml, split 3", "0.2"],
    ]
    others = [name for name in found.models if name != found.reference]
    of_splits = {row[0]: row[1:] for row in grid(found, "by split").rows}
    assert set(of_splits[3]) == {None}
    assert of_splits[0][::2] == [None] * len(others)  # validation metrics are not known
    for name, told in zip(others, of_splits[0][1::2], strict=True):
        means = [found.summaries(one, found.kinds[0].score)["mean"].mean for one in (name, found.reference)]
        assert float(told) == pytest.approx(means[0] - means[1], abs=1e-4)
    rows = "Split 3, rows: train 800, validation 100, test 100."
    assert f"{rows} Fingerprint of the data: 333333333333." in page(found)
    assert "model,split,seed,task," in comma_separated(found)


def windowed(found, gains):
    """Return a comparison over windows, whose second model gains so much on validation and on test rows."""
    models, base = {"one.yaml": [], "two.yaml": []}, found.models["one.yaml"].cells[0].test["click"]
    for window, of_second in enumerate(gains):
        for name, gain in (("one.yaml", (0, 0)), ("two.yaml", of_second)):
            parts = [{"click": replace(base, values={**base.values, "auc": 0.7 + one})} for one in gain]
            both = {"split": window, "decisions": {"a": "yes", "b": ("x",) if window else ()}}
            cell = replace(found.models[name].cells[0], validation=parts[0], test=parts[1], **both)
            models[name].append(cell)
    searched = {n: replace(found.models[n], strategy="darts", cells=tuple(c)) for n, c in models.items()}
    splits = {window: replace(found.splits[0]) for window in range(len(gains))}
    return replace(found, splits=splits, models=searched)


def test_windows_tell_what_is_left_of_a_validation_gain_and_its_trend(compared):
    found = windowed(compared("click"), [(0.03, 0.01), (0.04, 0.02), (0.02, 0.03)])
    section_of = section(found, "by split")
    assert section_of.blocks[0].header == ["split", "two.yaml, validation", "two.yaml, test"]
    assert section_of.blocks[0].rows[1] == [1, "+0.0400", "+0.0200"]
    sentence = notes(found, "by split")[1]
    assert sentence.startswith(
        "two.yaml: +0.0300 on validation rows, +0.0200 on test rows; trend by window -0.0100"
    )
    two = windowed(compared("click"), [(0.03, 0.01), (0.04, 0.02)])
    assert "trend" not in notes(two, "by split")[1]


def test_decisions_that_all_searches_have_are_identified(compared):
    found = windowed(compared("click"), [(0.0, 0.0), (0.0, 0.0)])
    assert grid(found, "decisions of two.yaml").rows == [("a", "yes")]
    assert notes(found, "decisions of two.yaml") == ["1 of 2 decisions are the same in all 2 searches"]


def test_the_files_hold_the_same_comparison(compared, tmp_path):
    found = compared("click")
    write(found, tmp_path / "out")
    texts = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert texts.keys() == {"compare.json", "compare.csv", "compare.md"}
    assert Comparison.from_json(json.loads(texts["compare.json"]), "") == found
    assert (texts["compare.csv"], texts["compare.md"]) == (comma_separated(found), page(found))


def test_the_verdict_comes_first_with_a_row_for_each_model(compared):
    found = compared("click", "price")
    first = grid(found, titles(found)[0])
    assert [row[0] for row in first.rows] == ["two.yaml", "one.yaml", "single-task"]
    assert first.chosen
    assert found.best == "two.yaml"
    assert first.header[1:4] == ["mean test AUC", "verdict", "FLOPs per row"]
    assert first.rows[1][1:4] == ["0.7100 ± 0.0141", "", "10"]
    assert [row[-1] for row in first.rows] == ["6 s"] * 3
    folded = [section.title for section in sections(found) if section.folded]
    assert folded == [
        *(section.title for section in sections(found) if section.title.startswith("test ")),
        "data",
    ]
    assert page_of(found)[1] == "one.yaml, two.yaml, single-task · 2 seeds"
    cell = replace(found.models["one.yaml"].cells[0], search_seconds=29.0)
    alone = replace(found, models={"one.yaml": replace(found.models["one.yaml"], cells=(cell,))})
    assert page_of(alone)[1] == "one.yaml · 1 seed: another may reverse this"
    assert grid(alone, "models").rows[0][-1] == "5 s + 29 s search"


def test_differences_are_bars_with_intervals_and_scores_are_plotted_against_costs(compared):
    found = compared("click", "price")
    against = section(found, "AUC and reduction of RMSE against single-task")
    charts = [block for block in against.more if isinstance(block, Bars)]
    differences = found.differences("single-task")
    for chart in charts:
        for bar in chart.bars:
            one = differences[bar.of][bar.label]
            assert (bar.value, bar.low, bar.high) == (one.mean, one.low, one.high)
    assert [(chart.title, [*dict.fromkeys(bar.label for bar in chart.bars)]) for chart in charts] == [
        ("AUC", ["mean", "click"]),
        ("RMSE", ["price"]),
    ]
    (plot,) = [block for block in section(found, "AUC and").more if isinstance(block, Curves)]
    assert [*plot.lines] == ["two.yaml", "single-task", "one.yaml"], "the best one first, the reference last"
    base = plot.lines["one.yaml"][0][1]
    gains = found.differences("one.yaml")
    ends = [(base + gains[name]["mean"].low, base + gains[name]["mean"].high) for name in [*plot.lines][:2]]
    assert [one[1:] for one in plot.intervals] == ends


def test_the_outcome_is_read_from_its_folder_and_a_damaged_one_is_named(compared, tmp_path):
    assert read(tmp_path) is None
    result = compared("click", "price")
    write(result, tmp_path)
    assert read(tmp_path) == result
    for content in ("{", json.dumps({"dataset": 1}), "[]"):
        (tmp_path / "compare.json").write_text(content)
        with pytest.raises(ArtifactError, match=r"compare\.json"):
            read(tmp_path)
