"""On labels without any signal, a search reports no finding, and keeps the plain encodings."""

import pytest

import automtl
from coin_labels import TABLES, coin_table, searched

SMALL = {
    "space": {"name": "desan", "experts": 2, "blocks": 1, "embedding_dim": 4, "ops": ["identity", "mlp-16"]},
    "strategy": {"name": "pd-darts", "epochs": 2, "rounds": 1, "landmarks": 0},
    "training": {"epochs": 2, "batch_size": 512},
    "encoding_search": {"epochs": 1, "seeds": 1},
}


@pytest.mark.parametrize("name", TABLES)
def test_labels_are_drawn_at_their_rates(name):
    frame, labels = coin_table(name, 0)
    assert len(labels) == 2
    means = {"rare": (0.3, 0.04), "regression": (0.0, 0.0)}.get(name, (0.4, 0.2))
    for label, mean in zip(labels, means, strict=True):
        assert frame[label].mean() == pytest.approx(mean, abs=0.03)
    assert coin_table(name, 0)[0].equals(frame)
    assert not coin_table(name, 1)[0].equals(frame)


def test_a_search_reports_no_finding(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = searched("ids", 0, tmp_path, SMALL, rows=8000)
    assert (found.findings, found.plain, found.learned) == (0, True, ())
    assert sum(found.verdicts.values()) > 10
    run = automtl.load(tmp_path / "ids-0")
    assert set(run.importance["verdict"]) <= {"no effect", "unclear"}
    assert "No field has a significant effect on any task" in run._repr_markdown_()
