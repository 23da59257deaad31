import json
from pathlib import Path

import numpy as np
import pytest

from automtl_core.data.describe import describe
from automtl_core.data.prepare import prepare
from automtl_core.dataset import Dataset


def test_describes_fields_and_tasks(shop: Dataset, shop_dir: Path, tmp_path: Path) -> None:
    prepared = prepare(shop, "shop", shop_dir, tmp_path / "out")
    found, train = describe(prepared), prepared.part("train")
    assert json.loads(json.dumps(found)) == found
    assert found["rows"] == {"train": 80, "validation": 10, "test": 10}
    assert found["sparse"]["user"]["vocabulary"] == len(prepared.vocabulary("user"))
    counts = np.unique(train.ids[:, 1], return_counts=True)[1]
    assert found["sparse"]["city"] == {
        "vocabulary": 4, "top": counts.max() / 80, "unseen_validation": 0.0, "unseen_test": 0.0,
    }  # fmt: skip
    assert found["dense"]["price"]["mean"] == pytest.approx(49.5, abs=5)
    assert found["tasks"]["click"]["train"]["rate"] == pytest.approx(train.labels[:, 0].mean())
    np.testing.assert_allclose(found["correlation"], np.corrcoef(train.labels.T), atol=1e-6)


def test_a_constant_label_has_no_correlation(shop: Dataset, shop_dir: Path, tmp_path: Path) -> None:
    path = shop_dir / "shop.csv"
    path.write_text(
        "\n".join(line[:-1] + "0" if line[-1] in "01" else line for line in path.read_text().split())
    )
    found = describe(prepare(shop, "shop", shop_dir, tmp_path / "out"))
    assert found["correlation"] == [[1.0, None], [None, None]]
