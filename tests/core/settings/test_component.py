"""A component is a name with settings."""

import pytest
from pydantic import ValidationError

from automtl_core.settings.component import Component, named


def test_a_bare_name_is_enough():
    assert Component.model_validate("mmoe") == Component(name="mmoe")
    assert named("mmoe") == {"name": "mmoe"}
    assert named({"experts": 2}) == {"experts": 2}
    assert named(None) is None


def test_every_other_key_is_a_setting():
    assert Component.model_validate({"name": "mmoe", "experts": 2}).settings == {"experts": 2}


def test_a_name_is_needed():
    with pytest.raises(ValidationError, match="name"):
        Component.model_validate({"experts": 2})
