"""Domains: what is drawn from them, and where they stand."""

from typing import Annotated

import numpy as np
import pytest
from pydantic import Field

from automtl_core.settings.domain import Search, domains
from automtl_core.settings.settings import Settings, explain


class Some(Settings):
    """Settings of which two have a domain."""

    rate: Annotated[float, Search(1e-3, 1e-1, log=True)] = Field(1e-2, gt=0)
    """A rate."""
    width: Annotated[int, Search(choices=(8, 16))] = 8
    """A width."""
    name: str = "it"
    """A name."""


def draws(domain, count=400):
    random = np.random.default_rng(0)
    return [domain.draw(random) for _ in range(count)]


def test_domains_stand_at_the_settings():
    assert domains(Some) == {"rate": Search(1e-3, 1e-1, log=True), "width": Search(choices=(8, 16))}


def test_limits_stay_beside_a_domain():
    assert [s.tuned for s in explain(Some)] == ["0.001 to 0.1, log scale", "8, 16", ""]
    assert explain(Some)[0].takes == "a number above 0"


@pytest.mark.parametrize(("log", "below"), [(False, 0.09), (True, 0.5)])
def test_a_range_is_drawn_from_uniformly_or_in_the_logarithm(log, below):
    found = draws(Search(1e-3, 1e-1, log=log))
    assert all(1e-3 <= value <= 1e-1 for value in found)
    assert np.mean([value < 1e-2 for value in found]) == pytest.approx(below, abs=0.08)
    assert all(float(f"{value:.3g}") == value for value in found)


def test_between_whole_numbers_are_whole_numbers():
    assert set(draws(Search(1, 3))) == {1, 2, 3}
    assert all(isinstance(value, int) for value in draws(Search(1, 100, log=True)))
    assert all(isinstance(value, float) for value in draws(Search(0, 1.0)))


def test_choices_are_drawn_alike():
    found = draws(Search(choices=("a", "b")))
    assert set(found) == {"a", "b"}
    assert found.count("a") == pytest.approx(200, abs=50)


def test_draws_follow_from_the_generator():
    assert draws(Search(0.0, 1.0), 5) == draws(Search(0.0, 1.0), 5)
