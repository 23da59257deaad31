from pathlib import Path
from typing import Any

from automtl_example_field_kind import HashedPair, PairEncoder
from automtl_testing import check_field_kind


def test_contract(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"user": ["a", None, "3", "d"] * 5, "shop": [1, 2, None, 4, 5] * 4}
    check_field_kind(HashedPair("both", ("user", "shop"), 50), columns, tmp_path)


def test_a_blank_has_the_id_0() -> None:
    ids = PairEncoder(("user", "shop"), 51).encode(["a", "a", "b", ""], ["x", "x", "", "x"])
    assert ids[0] == ids[1] > 0
    assert ids[2:].tolist() == [0, 0]
