"""Every registered metric keeps the contract."""

import pytest

from automtl_core.registry.kinds import METRICS
from automtl_core.registry.plugins import load_registry
from automtl_testing import check_metric

REGISTRY = load_registry()
NAMES = [name.replace("*", number) for name in REGISTRY.names(METRICS) for number in ("1", "10")]


@pytest.mark.parametrize("name", dict.fromkeys(NAMES))
def test_it_keeps_the_contract(name):
    check_metric(REGISTRY.get(METRICS, name))


def test_a_family_has_the_number_in_its_title():
    assert REGISTRY.get(METRICS, "ndcg-7").title == "NDCG@7"
