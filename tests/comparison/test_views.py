"""A comparison for people: what is shown word by word, its charts, and its files."""

import json
from dataclasses import replace

import pytest

from automtl_comparison.document import CellResult, Comparison
from automtl_comparison.views import comma_separated, page, page_of, read, sections, write
from automtl_core.errors import ArtifactError
from automtl_core.training.metric import ByUser, MetricValue
from automtl_inspection.sections import Bars, Curves

LOST = CellResult(0, 1, "one-s1", error="the loss became nan", diverged=True)


def changed(found, model="one.yaml", cells=(), **changes):
    """Return a comparison in which a model has other cells."""
    one = replace(found.models[model], cells=tuple(cells) or found.models[model].cells)
    return replace(found, **{"models": {**found.models, model: one}, **changes})


def alone(found, *cells, name="one.yaml"):
    """Return a comparison of one model, with these cells."""
    model = replace(found.models["one.yaml"], cells=cells)
    return replace(found, models={name: model}, reference=name)


def one_seed(found):
    """Return a comparison of one seed, whose cells have a metric by users and a cost of the search."""
    users = ByUser(7, "with rows of both classes", 9, 10, 0.5, 0.1)
    gauc = {"gauc": MetricValue("GAUC", 1, 0.4, 8, by_user=users)}
    cell = found.models["one.yaml"].cells[0]
    test = {"click": replace(cell.test["click"], others=gauc)}
    first = {name: replace(model, cells=model.cells[:1]) for name, model in found.models.items()}
    return changed(
        replace(found, models=first, user="user_id"),
        cells=[replace(cell, test=test, search_seconds=29.0, cut_short=True)],
    )


def with_a_dear_one(found):
    """Return a comparison in which one model is as good as the best one, and costs four times as much."""
    cells = [replace(cell, flops_per_row=20) for cell in found.models["two.yaml"].cells]
    models = {"dear": replace(found.models["one.yaml"], cells=tuple(cells)), **found.models}
    noises = {"dear": dict.fromkeys(models, found.noises["one.yaml"]["one.yaml"])}
    return replace(found, models=models, noises=noises)


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


def of_two_splits(found):
    """Return a comparison tuned on each of two splits, on the second of which all is lost."""
    lost, recipes = CellResult(3, 0, "x", error="nan", diverged=True), {0: 0.1, 3: 0.2}
    tuned = {split: {"space.dropout": value} for split, value in recipes.items()}
    models = {n: replace(m, cells=[*m.cells, lost], recipes=tuned) for n, m in found.models.items()}
    splits = {0: found.splits[0], 3: replace(found.splits[0], fingerprint="3" * 64)}
    return replace(found, trials=2, splits=splits, models=models)


@pytest.fixture
def shown(compared):
    """Return comparisons of all kinds."""
    click = compared("click")
    first = click.models["one.yaml"].cells[0]
    return {
        "click and buy, price and age": compared("click", "buy", "price", "age"),
        "errors alone": compared("price"),
        "a clear difference": compared("click", reference="same"),
        "the reference is best": compared("click", reference="shifted"),
        "the reference is single-task": compared("click", reference="single-task"),
        "no score says anything": compared("buy"),
        "no noise is known": replace(click, noises={}),
        "noise of two": replace(click, noises={**click.noises, "two.yaml": click.noises["one.yaml"]}),
        "a dear one": with_a_dear_one(click),
        "tuned": replace(click, trials=3),
        "one seed": one_seed(click),
        "one model": alone(click, first),
        "nothing but an error": alone(click, LOST),
        "a seed that diverged": changed(click, cells=[first, LOST]),
        "two splits": of_two_splits(click),
        "three windows": windowed(click, [(0.03, 0.01), (0.04, 0.02), (0.02, 0.03)]),
        "two windows": windowed(click, [(0.03, 0.01), (0.04, 0.02)]),
        "a name of signs": alone(click, *click.models["one.yaml"].cells, name="a|b\n<script>"),
    }


def test_pages_tables_and_subtitles_are_the_golden_ones(shown, golden):
    texts = []
    for name, found in shown.items():
        folded = [section.title for section in sections(found) if section.folded]
        texts += [f"<!-- {name} -->", page_of(found)[1], "", page(found)]
        texts += [f"folded: {'; '.join(folded)}", "", comma_separated(found)]
    golden("comparisons.md", "\n".join(texts))


def test_a_difference_by_split_is_that_of_the_means(shown):
    found = shown["two splits"]
    (by_split,) = (section for section in sections(found) if section.title.startswith("by split"))
    others = [name for name in found.models if name != found.reference]
    for name, told in zip(others, by_split.blocks[0].rows[0][2::2], strict=True):
        means = [found.summaries(one, found.kinds[0].score)["mean"].mean for one in (name, found.reference)]
        assert float(told) == pytest.approx(means[0] - means[1], abs=1e-4)


def test_differences_are_bars_with_intervals_and_scores_are_plotted_against_costs(compared):
    found = compared("click", "price")
    of = {section.title: section.more for section in sections(found)}
    charts = [
        block for block in of["AUC and reduction of RMSE against single-task"] if isinstance(block, Bars)
    ]
    differences = found.differences("single-task")
    for chart in charts:
        for bar in chart.bars:
            one = differences[bar.of][bar.label]
            assert (bar.value, bar.low, bar.high) == (one.mean, one.low, one.high)
    assert [(chart.title, [*dict.fromkeys(bar.label for bar in chart.bars)]) for chart in charts] == [
        ("AUC", ["mean", "click"]),
        ("RMSE", ["price"]),
    ]
    blocks = of["AUC and reduction of RMSE against one.yaml"]
    (plot,) = [block for block in blocks if isinstance(block, Curves)]
    assert [*plot.lines] == ["two.yaml", "single-task", "one.yaml"], "the best one first, the reference last"
    base = plot.lines["one.yaml"][0][1]
    gains = found.differences("one.yaml")
    ends = [(base + gains[name]["mean"].low, base + gains[name]["mean"].high) for name in [*plot.lines][:2]]
    assert [one[1:] for one in plot.intervals] == ends


def test_the_files_hold_the_same_comparison_and_a_damaged_one_is_named(compared, tmp_path):
    assert read(tmp_path) is None
    found = compared("click", "price")
    write(found, tmp_path)
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert texts.keys() == {"compare.json", "compare.csv", "compare.md"}
    assert (texts["compare.csv"], texts["compare.md"]) == (comma_separated(found), page(found))
    assert read(tmp_path) == Comparison.from_json(json.loads(texts["compare.json"]), "") == found
    for content in ("{", json.dumps({"dataset": 1}), "[]"):
        (tmp_path / "compare.json").write_text(content)
        with pytest.raises(ArtifactError, match=r"compare\.json"):
            read(tmp_path)
