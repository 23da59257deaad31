import pytest

from automtl_core.errors import UsageError
from automtl_datasets.synthetic.dataset import KINDS, Synthetic, SyntheticSettings


def settings(**values):
    return SyntheticSettings.parse(values, "dataset")


def test_a_kind_is_split_its_own_way_where_nothing_is_said():
    assert (settings().kind, settings().split, settings().rows) == ("pairs", "random", None)
    assert settings(kind="drift").split == "time"
    assert settings(kind="drift", split="random").split == "random"
    assert settings(kind="rare").test_fraction == 0.25
    assert settings(kind="rare", test_fraction=0.1).test_fraction == 0.1
    assert settings(kind="rare").model_dump() == settings(**settings(kind="rare").model_dump()).model_dump()


def test_every_kind_has_content_of_its_own_and_an_unknown_one_is_an_error():
    told = [Synthetic(settings(kind=kind)).content() for kind in KINDS]
    assert all(told.count(one) == 1 for one in told)
    with pytest.raises(
        UsageError,
        match=r"dataset\.kind: .*pairs, factors, numbers, rare, drift, history, cold, keys or lists",
    ):
        settings(kind="pair")
