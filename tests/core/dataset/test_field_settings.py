"""A field is made from settings, and each wrong setting is named."""

import pytest

from automtl_core.dataset.dataset import Bucketed, Dense
from automtl_core.dataset.field_settings import field_from_settings
from automtl_core.errors import UsageError


def test_settings_are_the_attributes_of_the_class():
    field = field_from_settings(Dense, "price", {"scaling": "log", "missing": 2}, "field", "dense")
    assert field == Dense("price", "log", 2.0)
    assert field_from_settings(Bucketed, "age", {}, "field", "buckets") == Bucketed("age")


@pytest.mark.parametrize("values", [{"scale": "log"}, {"buckets": "many"}, {"name": "age"}])
def test_wrong_settings_are_named(values):
    with pytest.raises(UsageError, match=f"here.{next(iter(values))}") as caught:
        field_from_settings(Bucketed, "age", values, "here", "buckets")
    assert caught.value.fix == "the field kind buckets takes: buckets, missing"
