"""Tables without a categorical field of one value: a search trains on them, predicts and is exported."""

import numpy as np
import pytest

from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.workflow.workflow import Workflow
from automtl_export import folder as exported

REGISTRY = load_registry()
SEARCH = {
    "space": {"experts": 2, "expert_width": 8, "embedding_dim": 4, "ops": ["identity", "mlp-8"]},
    "strategy": {"name": "pd-darts", "epochs": 1, "rounds": 1, "rivals": [], "rung_epochs": 1, "rows": 100},
}
TABLES = {
    "numbers": {"dense": {"x0": {}, "x1": {"scaling": "log"}, "x2": {}}},
    "bags": {"multi": {"tags": "|", "more": "|"}},
}
"""Fields of a dataset `table`, by what they are."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a file of numbers, bags and labels."""
    made = tmp_path_factory.mktemp("tables")
    random = np.random.default_rng(0)
    x = random.standard_normal((300, 3))
    click = x[:, 0] + random.standard_normal(300) > 0
    labels = np.stack([click, click & (random.random(300) < 0.5)], axis=1).astype(int)
    tags = [["|".join(f"t{v}" for v in random.integers(0, 5, k % 4)) for _ in range(2)] for k in range(300)]
    rows = (",".join(map(str, [*a, *b, *c])) for a, b, c in zip(x, tags, labels, strict=True))
    (made / "rows.csv").write_text("\n".join(["x0,x1,x2,tags,more,click,buy", *rows]))
    return made


def common(folder, table):
    labels = {"click": {}, "buy": {"after": "click"}}
    return {
        "dataset": {"name": "table", "files": "rows.csv", "labels": labels, **TABLES[table]},
        "data_dir": folder,
        "prepared_dir": folder / "prepared",
        "training": {"epochs": 1, "batch_size": 100, "min_positives": 1},
    }


@pytest.mark.parametrize("table", TABLES)
def test_a_searched_network_predicts_and_is_exported(table, folder, tmp_path, monkeypatch):
    line = Workflow(REGISTRY)
    path = line.search(line.job([common(folder, table), SEARCH, {"features": "ids"}]), tmp_path).path
    assert line.evaluate(path).repeats
    line.predict(path, folder / "rows.csv", tmp_path / "out.csv", [])
    said = np.loadtxt(tmp_path / "out.csv", delimiter=",", skiprows=1)
    assert said.shape == (300, 2)
    assert np.isfinite(said).all()
    monkeypatch.setattr(exported, "ROWS", 50)
    config = path / "config.yaml"
    config.write_text(config.read_text().replace("/prepared\n", "/gone\n"))  # so that rows are drawn
    told = exported.export(
        Run.open(path), line.trained(Run.open(path)), "torch", tmp_path / "out", "", load_registry()
    )
    assert (told.rows, told.real) == (50, False)
    assert told.largest_difference < 1e-5
