"""Long work says what it is at, and how far."""

from itertools import groupby
from pathlib import Path

from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.progress import silent
from automtl_core.dataset.dataset import Dataset


def test_stages_follow_one_another_and_only_go_on(shop: Dataset, shop_dir: Path, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    prepare(shop, "shop", shop_dir, tmp_path / "out", lambda stage, done: told.append((stage, done)))
    stages = [(stage, [done for _, done in shares]) for stage, shares in groupby(told, lambda one: one[0])]
    assert [stage for stage, _ in stages] == ["check", "read", "sort", "encode", "write"]
    assert all(shares == sorted(shares) and 0 <= shares[0] <= shares[-1] <= 1 for _, shares in stages)
    assert stages[-1][1][-1] == 1


def test_nothing_is_shown_where_nobody_looks(shop: Dataset, shop_dir: Path, tmp_path: Path) -> None:
    first = prepare(shop, "shop", shop_dir, tmp_path / "told", lambda stage, done: None)
    assert prepare(shop, "shop", shop_dir, tmp_path / "silent", silent).manifest == first.manifest
