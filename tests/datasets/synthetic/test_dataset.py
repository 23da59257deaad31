import pytest

from automtl_core.errors import UsageError
from automtl_datasets.synthetic.dataset import KINDS, Synthetic, SyntheticSettings


def settings(**values):
    return SyntheticSettings.parse(values, "dataset")


def test_a_kind_is_split_its_own_way_where_nothing_is_said():
    assert (settings().kind, settings().split, settings().rows) == ("pairs", "random", None)
    timed = settings(kind="history")
    assert (timed.split, timed.history_length) == ("time", 10)
    assert settings(kind="history", split="random").split == "random"
    assert timed.model_dump() == settings(**timed.model_dump()).model_dump()


def test_every_kind_has_content_of_its_own_and_an_unknown_one_is_an_error():
    told = [Synthetic(settings(kind=kind)).content() for kind in KINDS]
    assert all(told.count(one) == 1 for one in told)
    with pytest.raises(UsageError, match=r"dataset\.kind: .*pairs or history"):
        settings(kind="pair")


def test_a_kind_of_an_earlier_version_names_it():
    with pytest.raises(UsageError, match=r"does not have the kind drift of synthetic: use version 0\.3"):
        settings(kind="drift")
