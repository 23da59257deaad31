"""Preparation: equal input gives equal bytes, files tell where data comes from, and rows are known again."""

import hashlib
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


def test_a_second_preparation_reuses_the_first(shop, shop_dir, tmp_path):
    stages = []
    first = prepare(shop, "shop", shop_dir, tmp_path / "out", lambda stage, _: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["check", "read", "sort", "encode", "write"]
    assert not first.reused
    assert first.path.name == f"shop-{first.manifest['fingerprint'][:12]}"
    stages.clear()
    second = prepare(shop, "shop", shop_dir, tmp_path / "out", lambda stage, _: stages.append(stage))
    assert second == first
    assert second.reused
    assert stages == ["check"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [first.path.name]


def test_a_refit_has_training_rows_that_include_the_validation_rows(given, tmp_path):
    n = range(100)
    cities = ["old" if k < 80 else "new" if k < 90 else "newest" for k in n]
    columns = {"user": [f"u{k % 30}" for k in n], "city": cities, "price": [float(k) for k in n]}
    labels = {"click": [k % 2 for k in n], "buy": [k % 3 // 2 for k in n]}
    dataset = given({**columns, "time": list(n), **labels}, split="time")
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


@pytest.mark.parametrize("stage", ["read", "sort", "encode", "write"])
def test_an_interrupted_preparation_leaves_nothing(shop, shop_dir, tmp_path, stage):
    def interrupt(reached, _):
        if reached == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(shop, "shop", shop_dir, tmp_path / "out", interrupt)
    assert list((tmp_path / "out").iterdir()) == []
    assert not prepare(shop, "shop", shop_dir, tmp_path / "out").reused


def test_without_files_or_a_place_to_write_nothing_is_made(shop, tmp_path, shop_dir):
    with pytest.raises(InputMissingError):
        prepare(shop, "shop", tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").write_text("a file")
    with pytest.raises(RunExistsError):
        prepare(shop, "shop", shop_dir, tmp_path / "out")


def test_a_damaged_preparation_is_not_reused(shop, shop_dir, tmp_path):
    path = prepare(shop, "shop", shop_dir, tmp_path / "out").path
    (path / "train" / "ids.npy").unlink()
    with pytest.raises(ArtifactError, match=r"ids\.npy: missing or damaged"):
        prepare(shop, "shop", shop_dir, tmp_path / "out")


@pytest.fixture
def rows():
    n = range(60)
    labels = {"click": [k % 2 for k in n], "buy": [k % 3 // 2 for k in n]}
    return {"user": [*n], "city": [0] * 60, "price": [*n], **labels}


def test_datasets_without_files_that_hold_other_rows_are_prepared_apart(tmp_path, given, rows):
    one = prepare(given(rows), "given", None, tmp_path)
    other = prepare(given(rows | {"user": [7] * 60}), "given", None, tmp_path)
    assert not other.reused
    assert other.vocabulary("user") == ["7"]
    assert prepare(given(rows), "given", None, tmp_path).path == one.path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not define `content`"),
        (float("nan"), "its content is not JSON"),
        ({"rows": object()}, "its content is not JSON"),
    ],
)
def test_a_dataset_without_files_has_to_say_what_its_content_is(tmp_path, given, rows, content, message):
    dataset = given(rows)
    dataset.content = lambda: content
    with pytest.raises(PluginError, match=message):
        prepare(dataset, "given", None, tmp_path)


def test_where_a_task_between_is_not_learned_the_one_before_it_counts(tmp_path, given, rows):
    pay = Task("pay", after="click", given="click")
    for tasks, expected in ((["click", "pay"], (Task("click"), pay)), (["pay"], (Task("pay"),))):
        dataset = given(rows | {"pay": rows["buy"]}, tasks=tasks)
        dataset.labels = (
            Label("click"), Label("buy", after="click", given="click"), Label("pay", after="buy", given="buy")
        )  # fmt: skip
        assert prepare(dataset, "given", None, tmp_path).schema.tasks == expected


ROWS = 300


def table():
    random = np.random.default_rng(0)
    day = pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(ROWS) // 7, unit="h")
    columns = {
        "user": random.integers(0, 40, ROWS).astype(str),
        "item": [f"i{n}" if n % 9 else "" for n in random.integers(0, 60, ROWS)],
        "tags": ["|".join("cab"[: n % 4]) for n in range(ROWS)],
        "price": np.where(np.arange(ROWS) % 11, random.normal(size=ROWS).round(3), np.nan),
        "day": day.strftime("%Y-%m-%d %H:%M:%S"),
        "request": np.arange(ROWS) // 3,
        "weight": np.arange(ROWS) % 3,
        "click": np.where(random.random(ROWS) < 0.4, "yes", "no"),
        "stars": random.integers(1, 6, ROWS),
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
    forms = [
        tmp_path / "rows.csv",
        rows.assign(day=pd.to_datetime(rows["day"])).sample(frac=1, random_state=1),
    ]
    for examples in forms:
        with new_rows(NewExamples(dataset, examples, tmp_path, labelled=True, identified=True)) as found:
            digests = found.digests
        assert sorted(digests) == sorted(prepared.rows(*PARTS))
