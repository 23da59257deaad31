"""Long work says what it is at, and how far."""

from itertools import groupby

from automtl_core.prepare.prepare import prepare


def test_stages_follow_one_another_and_only_go_on(shop, shop_dir, tmp_path):
    told = []
    prepare(shop, "shop", shop_dir, tmp_path / "out", lambda stage, done: told.append((stage, done)))
    stages = [(stage, [done for _, done in shares]) for stage, shares in groupby(told, lambda one: one[0])]
    assert [stage for stage, _ in stages] == ["check", "read", "sort", "encode", "write"]
    assert all(shares == sorted(shares) and 0 <= shares[0] <= shares[-1] <= 1 for _, shares in stages)
    assert stages[-1][1][-1] == 1
