"""Preparation: equal input gives equal bytes, files tell where data comes from, and rows are known again."""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples
from automtl_core.data.new_rows import new_rows
from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import Label
from automtl_core.dataset.schema import Task
from automtl_core.errors import ArtifactError, InputMissingError, PluginError, RunExistsError
from automtl_core.prepare.prepare import prepare
from automtl_core.raw.connection import connect
from automtl_datasets.table import Table
from automtl_datasets.table_settings import TableSettings


def contents(prepared):
    folder = prepared.path
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_second_preparation_reuses_the_first_unless_it_is_damaged(shop, shop_dir, tmp_path):
    stages = []
    first = prepare(shop, "shop", shop_dir, tmp_path / "out", lambda stage, _: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["check", "read", "sort", "encode", "write"]
    assert not first.reused
    stages.clear()
    second = prepare(shop, "shop", shop_dir, tmp_path / "out", lambda stage, _: stages.append(stage))
    assert (second, second.reused, stages) == (first, True, ["check"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == [first.path.name]
    (first.path / "train" / "ids.npy").unlink()
    with pytest.raises(ArtifactError, match=r"ids\.npy: missing or damaged"):
        prepare(shop, "shop", shop_dir, tmp_path / "out")


def test_without_files_or_a_place_to_write_or_to_its_end_nothing_is_made(shop, shop_dir, tmp_path):
    def interrupt(stage, reached, _):
        if reached == stage:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(InputMissingError):
        prepare(shop, "shop", tmp_path, out)
    assert not out.exists()
    for stage in ("read", "sort", "encode", "write"):
        with pytest.raises(KeyboardInterrupt):
            prepare(shop, "shop", shop_dir, out, partial(interrupt, stage))
        assert list(out.iterdir()) == []
    out.rmdir()
    out.write_text("a file")
    with pytest.raises(RunExistsError):
        prepare(shop, "shop", shop_dir, out)


def test_a_refit_has_training_rows_that_include_the_validation_rows(given, tmp_path):
    n = np.arange(100)
    cities = ["old"] * 80 + ["new"] * 10 + ["newest"] * 10
    columns = {"user": [f"u{k % 30}" for k in n], "city": cities, "price": n, "time": n}
    dataset = given({**columns, "click": n % 2, "buy": n % 3 // 2}, split="time")
    dataset.time, dataset.user = "time", "user"
    first = prepare(dataset, "shop", None, tmp_path / "out")
    with pytest.raises(ArtifactError):
        _ = first.refit
    base = prepare(dataset, "shop", None, tmp_path / "out", refit=True)
    again = prepare(dataset, "shop", None, tmp_path / "out", refit=True)
    assert (base.reused, again.reused, base.path) == (False, True, first.path)
    assert contents(base) == contents(first)
    refit = again.refit
    assert (base.of_refit, refit.of_refit) == (False, True)
    assert refit.manifest["rows"] == {"train": 90, "validation": 0, "test": 10}
    assert refit.manifest["fingerprint"] == base.manifest["fingerprint"]
    assert sorted(refit.times("train")) == sorted([*base.times("train"), *base.times("validation")])
    assert np.array_equal(refit.times("test"), base.times("test"))
    ours, theirs = refit.part("test"), base.part("test")
    assert np.array_equal(ours.labels, theirs.labels)
    assert np.array_equal(ours.users, theirs.users)
    city = [field.name for field in refit.schema.sparse].index("city")
    assert set(refit.part("train").ids[:, city]) == {1, 2}, "the new value has an id of its own"
    assert set(base.part("validation").ids[:, city]) == {0}, "it is unseen"
    assert set(ours.ids[:, city]) == {0}


def test_the_manifest_tells_where_the_data_comes_from(shop, shop_dir, tmp_path):
    manifest = prepare(shop, "shop", shop_dir, tmp_path / "out").manifest
    assert (manifest["dataset"], manifest["version"]) == ("shop", 1)
    assert manifest["settings"] == shop.settings.model_dump(mode="json")
    content = (shop_dir / "shop.csv").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert manifest["raw"] == {"shop.csv": {"bytes": len(content), "sha256": digest}}
    assert (manifest["rejected"], manifest["warnings"]) == (0, [])
    assert manifest["rows"] == {"train": 80, "validation": 10, "test": 10}
    assert manifest["unread"] == []


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_equal_input_gives_equal_bytes(shop, shop_dir, tmp_path, monkeypatch, threads):
    first = prepare(shop, "shop", shop_dir, tmp_path / "first")
    monkeypatch.setattr(
        "automtl_core.raw.connection.connect",
        lambda data_dir, work_dir, *limits: connect(data_dir, work_dir, threads=threads),
    )
    monkeypatch.chdir(shop_dir)
    second = prepare(shop, "shop", Path("."), tmp_path / "second")
    assert contents(first) == contents(second)


def test_the_order_of_raw_rows_does_not_matter(shop, shop_dir, tmp_path):
    first = prepare(shop, "shop", shop_dir, tmp_path / "out")
    header, *rows = (shop_dir / "shop.csv").read_text().splitlines()
    (shop_dir / "shop.csv").write_text("\n".join([header, *reversed(rows)]))
    second = prepare(shop, "shop", shop_dir, tmp_path / "out")
    assert first.path != second.path
    assert first.manifest["files"] == second.manifest["files"]


def test_whatever_the_data_depends_on_changes_its_name(shop, shop_dir, tmp_path, monkeypatch):
    def path(dataset):
        return prepare(dataset, "shop", shop_dir, tmp_path / "out").path

    paths = [path(shop), path(type(shop)(shop.settings_class(split_seed=1)))]
    monkeypatch.setattr(type(shop), "version", 2)
    paths.append(path(shop))
    with (shop_dir / "shop.csv").open("a") as file:
        file.write("u1,c,1,1,1\n")
    paths.append(path(shop))
    monkeypatch.setattr(type(shop), "content", lambda self: ["holidays of 2024"])
    paths.append(path(shop))
    assert len(set(paths)) == 5


N = np.arange(60)
COLUMNS = {"user": N, "city": 0, "price": N, "click": N % 2, "buy": N % 3 // 2, "pay": N % 3 // 2}


def test_a_dataset_without_files_is_prepared_by_its_content(tmp_path, given):
    one = prepare(given(COLUMNS), "given", None, tmp_path)
    other = prepare(given(COLUMNS | {"user": 7}), "given", None, tmp_path)
    assert not other.reused
    assert other.vocabulary("user") == ["7"]
    assert prepare(given(COLUMNS), "given", None, tmp_path).path == one.path
    for content in (None, float("nan"), {"rows": object()}):
        dataset = given(COLUMNS)
        dataset.content = lambda content=content: content
        with pytest.raises(PluginError, match=r"does not define `content`|its content is not JSON"):
            prepare(dataset, "given", None, tmp_path)


def test_where_a_task_between_is_not_learned_the_one_before_it_counts(tmp_path, given):
    pay = Task("pay", after="click", given="click")
    for tasks, expected in ((["click", "pay"], (Task("click"), pay)), (["pay"], (Task("pay"),))):
        dataset = given(COLUMNS, tasks=tasks)
        between = Label("buy", after="click", given="click")
        dataset.labels = (Label("click"), between, Label("pay", after="buy", given="buy"))
        assert prepare(dataset, "given", None, tmp_path).schema.tasks == expected


ROWS = 300


def table():
    random, n = np.random.default_rng(0), np.arange(ROWS)
    day = pd.Timestamp("2024-03-01") + pd.to_timedelta(n // 7, unit="h")
    columns = {
        "user": random.integers(0, 40, ROWS).astype(str),
        "item": [f"i{item}" if item % 9 else "" for item in random.integers(0, 60, ROWS)],
        "tags": ["|".join("cab"[: k % 4]) for k in n],
        "price": np.where(n % 11, random.normal(size=ROWS).round(3), np.nan),
        "day": day.strftime("%Y-%m-%d %H:%M:%S"),
        **{"request": n // 3, "weight": n % 3, "stars": random.integers(1, 6, ROWS)},
        "click": np.where(random.random(ROWS) < 0.4, "yes", "no"),
    }
    return pd.DataFrame(columns)


PLAIN = {
    "sparse": {"user": "integer", "item": "text"},
    "labels": {"click": {"positive": ["yes"]}, "stars": {"kind": "regression"}},
}


@pytest.mark.parametrize(
    "settings",
    [
        {"dense": {"price": {}}},
        {"dense": {"price": {"missing": 0}}, "multi": {"tags": "|"}, "user": "user", "split": "user"},
        {"dense": {"price": {"scaling": "log"}}, "time": "day", "split": "time"},
        {"time": "day", "fields": {"hour": {"kind": "time-part", "column": "day", "part": "hour"}}},
        {"hashed": {"user": 7, "tags": 3}, "multi": {"tags": "|"}, "weights": {"click": "weight"}},
        {"list": "request", "time": "day", "split": "time", "history": {}, "user": "user"},
        {"min_count": 5, "tasks": ["click"]},
    ],
    ids=str,
)
def test_new_rows_are_known_by_the_digests_of_prepared_ones(tmp_path, settings):
    rows = table()
    rows.to_csv(tmp_path / "rows.csv", index=False)
    dataset = Table(TableSettings.parse({"files": "rows.csv", **PLAIN, **settings}))
    prepared = prepare(dataset, "table", tmp_path, tmp_path / "prepared")
    shuffled = rows.assign(day=pd.to_datetime(rows["day"])).sample(frac=1, random_state=1)
    for examples in (tmp_path / "rows.csv", shuffled):
        with new_rows(NewExamples(dataset, examples, tmp_path, labelled=True, identified=True)) as found:
            digests = found.digests
        assert sorted(digests) == sorted(prepared.rows(*PARTS))
