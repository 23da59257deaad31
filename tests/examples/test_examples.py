"""Each example loads and has a test; the kind of fields is used in a run; TechJam is its protocol."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from projects import installed

import automtl
from automtl_core.prepare.prepare import prepare
from automtl_core.registry.kinds import FIELD_KINDS, METRICS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.workflow.workflow import Workflow
from automtl_testing.commands import KINDS

ROOT = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(path.parent for path in ROOT.glob("*/pyproject.toml"))


def test_the_contract_tests_of_all_pass():
    others = [path for path in EXAMPLES if path.name not in KINDS]  # as a new project: tests/testing
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    done = subprocess.run(
        [*command, "--rootdir", ROOT.parent, *others],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, EXAMPLES), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_each_is_a_plugin_that_loads_and_has_a_test(folder, tmp_path, monkeypatch):
    installed(folder, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(folder)
    (name,) = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["entry-points"]["automtl"]
    (row,) = [row for row in load_registry().rows if row.name == name]
    assert row.problem is None
    assert any(row.provides.values())
    assert list(folder.glob("test_*.py"))
    assert f"`{name}`" in (folder / "README.md").read_text()


SETTINGS = {
    "dataset": {
        "sparse": ["user"], "dense": ["price"],
        "fields": {"user at shop": {"kind": "example-field-kind", "columns": ["user", "shop"]}},
    },
    "space": {"embedding_dim": 4, "experts": 2, "expert_width": 8, "ops": ["identity", "mlp-16"]},
    "strategy": {"name": "random", "candidates": 2, "rung_epochs": 1},
    "training": {"batch_size": 256, "epochs": 2, "min_positives": 1},
    "features": "ids",
}  # fmt: skip


def visits(rows):
    """Return clicks that follow from pairs of user and shop."""
    random = np.random.default_rng(0)
    user, shop = random.integers(0, 12, rows), random.integers(0, 9, rows)
    return pd.DataFrame(
        {
            "user": [f"u{one}" if one else None for one in user],
            "shop": shop,
            "price": random.normal(size=rows),
            "click": (random.random(rows) < np.where(user * shop % 2, 0.9, 0.1)).astype(int),
        }
    )


def test_a_kind_of_fields_is_searched_and_predicted_with(install, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    install((ROOT / "field-kind" / "automtl_example_field_kind.py").read_text(), "pairs")
    registry, frame = load_registry(), visits(300)
    assert registry.describe(FIELD_KINDS, "example-field-kind").startswith("Two categorical columns")
    run = automtl.search(visits(2000), ["click"], settings=SETTINGS)
    encoder = Run.open(run.path).encoder(registry.field_encoders())
    place = [field.name for field in encoder.schema.sparse].index("user at shop")
    ids = encoder.encode(frame, labelled=False).ids[:, place]
    assert (ids == 0).sum() == frame["user"].isna().sum() > 0

    predicted = run.predict(frame)["click"].to_numpy()
    assert predicted.std() > 0
    frame.drop(columns="click").to_csv("new.csv", index=False)
    Workflow(registry).predict(run.path, Path("new.csv"), Path("out.csv"), [])
    assert pd.read_csv("out.csv")["click"].to_numpy() == pytest.approx(predicted, abs=1e-6)


def test_the_preset_is_the_public_protocol(real_data, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "techjam")
    from automtl_techjam import PRESET, PRIMARY, TechJam, TechJamSettings

    monkeypatch.delitem(sys.modules, "automtl_techjam")
    settings = {name: value for name, value in PRESET["dataset"].items() if name != "name"}
    dataset = TechJam(TechJamSettings.parse(settings))
    test = prepare(dataset, "techjam", real_data / "kuairand", tmp_path).part("test")
    labels, users = np.asarray(test.labels[:, 0], np.float64), test.groups
    assert (len(test), len(np.unique(users))) == (170_588, 23_875)
    registry = load_registry().adding(METRICS, "techjam", PRIMARY)
    auc, ndcg, primary = [registry.get(METRICS, name).compute for name in PRESET["metrics"]]
    assert auc(labels, labels, users).value == 1
    assert ndcg(labels, labels, users).value == pytest.approx(0.7289, abs=5e-5)
    assert primary(labels, labels, users).value == pytest.approx(0.8645, abs=5e-5)
    random = ndcg(labels, labels, users).by_user
    assert random.random == pytest.approx(0.4511, abs=random.spread)  # that of the kit is one random order
