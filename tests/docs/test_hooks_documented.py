"""docs/hooks.md documents every hook, and its examples are plugins that work."""

import re
from pathlib import Path

import duckdb
import pytest
import torch

from automtl_core.dataset.dataset import DatasetSettings
from automtl_core.registry.kinds import (
    BALANCERS,
    DATASETS,
    KINDS,
    LOSSES,
    METRICS,
    SCHEDULERS,
    SPACES,
    STRATEGIES,
)
from automtl_core.registry.plugins import load_registry
from automtl_testing.datasets import check_dataset
from automtl_testing.ops import check_op

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "hooks.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
EXAMPLES = [block for block in BLOCKS if "@hookimpl" in block]
TESTS = {re.search(r"def (test_\w+)", block)[1]: block for block in BLOCKS if "def test_" in block}  # type: ignore[index]
OTHERS = [block for block in BLOCKS if block not in EXAMPLES and block not in TESTS.values()]
"""Those that are no plugins: classes, and what a script does."""
HOOKS = [kind.hook for kind in KINDS.values()]


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Install every example as a plugin of its own."""
    info = tmp_path / "automtl_docs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: automtl-docs\nVersion: 1.0\n")
    points = "".join(f"docs-{k} = automtl_docs_example_{k}\n" for k in range(len(EXAMPLES)))
    (info / "entry_points.txt").write_text("[automtl]\n" + points)
    for k, example in enumerate(EXAMPLES):
        (tmp_path / f"automtl_docs_example_{k}.py").write_text(example)
    monkeypatch.syspath_prepend(tmp_path)
    return load_registry()


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_its_section_and_an_example(hook):
    assert f"\n## {hook}\n" in PAGE
    assert any(f"@hookimpl\ndef {hook}():" in example for example in EXAMPLES)


def test_every_example_loads(registry):
    problems = {row.name: row.problem for row in registry.rows if row.distribution == "automtl-docs"}
    assert problems == {f"docs-{k}": None for k in range(len(EXAMPLES))}


@pytest.mark.parametrize("name", ["swish", "low-rank-8"])
def test_the_ops_map_in_to_out(registry, name):
    assert registry.op(name)(3, 5, 0.1)(torch.zeros(4, 3)).shape == (4, 5)


def documented(name):
    """Return a test of the page."""
    names = {}
    exec(TESTS[name], names)  # noqa: S102
    return names[name]


def test_the_documented_test_of_an_op_passes(registry, tmp_path, monkeypatch):
    (tmp_path / "automtl_swish.py").write_text(EXAMPLES[0])
    monkeypatch.syspath_prepend(tmp_path)
    documented("test_swish")()
    check_op(registry.op("low-rank-8"))


@pytest.mark.parametrize(
    ("test", "kind", "name"),
    [
        ("test_one_block", SPACES, "one-block"),
        ("test_strategy", STRATEGIES, "plain"),
        ("test_strategy", STRATEGIES, "best-of-three"),
        ("test_scheduler", SCHEDULERS, "asha"),
        ("test_loss", LOSSES, "hinge"),
        ("test_balancer", BALANCERS, "hardest"),
        ("test_metric", METRICS, "calibration"),
        ("test_metric", METRICS, "hit-rate-5"),
    ],
)
def test_the_documented_tests_pass(registry, test, kind, name):
    documented(test)(registry.get(kind, name))


def test_what_is_no_plugin_runs_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(OTHERS) == 4
    for name in ("two_processes", "asha"):
        assert (ROOT / f"tests/third_party/{name}.py").read_text() in EXAMPLES
    for block in OTHERS:
        quick = block.replace('{"rows": 1000}}', '{"rows": 500}, "training": {"epochs": 1}, **SMALL}')
        strategy = {"name": "pd-darts-entropy", "warmup_epochs": 0, "search_epochs": 1}
        exec(quick, {"SMALL": {"strategy": strategy}})  # noqa: S102
    assert (tmp_path / "runs" / "synthetic-1" / "result.json").exists()


def test_the_dataset_makes_its_rows(registry):
    shop = registry.get(DATASETS, "shop")(DatasetSettings())
    with duckdb.connect() as db:
        db.sql(
            "CREATE TABLE log (customer BIGINT, item BIGINT, tags TEXT, price DOUBLE, seconds BIGINT,"
            " click BIGINT, buy BIGINT)"
        )
        db.sql("INSERT INTO log VALUES (7, 1, 'a b', 1.5, 10, 1, 0), (7, 1, 'a b', 1.5, 10, 1, 0)")
        assert list(shop.files()["log"].columns) == db.table("log").columns
        rows = shop.rows(db)
        assert isinstance(rows, duckdb.DuckDBPyRelation)
        declared = {each.name for each in (*shop.fields, *shop.labels)}
        assert {*declared, shop.time} <= set(rows.columns)
        assert rows.fetchall() == [(7, 1, "a b", 1.5, 10, 1, 0)]
        assert sorted(shop.values(db, "tags").fetchall()) == [("a b", "a"), ("a b", "b")]


def test_the_dataset_without_files_is_prepared(tmp_path):
    (code,) = [block for block in BLOCKS if "def content(" in block]
    names = {}
    exec(code, names)  # noqa: S102
    check_dataset(names["Notebook"](DatasetSettings()), None, tmp_path)
