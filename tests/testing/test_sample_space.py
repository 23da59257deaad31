"""The sample space keeps the contract of spaces, and has a choice of each kind."""

import pytest

from automtl_core.choices import AnyOf, OneOf
from automtl_core.errors import UsageError
from automtl_testing import check_space, plain_schema, sample_schema, sample_space


@pytest.mark.parametrize("schema", [None, plain_schema(dense=0), sample_schema(dense=2)])
def test_it_keeps_the_contract(schema):
    check_space(sample_space(schema), architectures=3)


def test_it_has_a_choice_of_each_kind():
    assert {type(choice) for choice in sample_space().choices().values()} == {AnyOf, OneOf}


def test_it_has_no_ops():
    with pytest.raises(UsageError, match="no op 'identity'"):
        sample_space().op("identity")
