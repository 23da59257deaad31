"""Domains: what is drawn from them, and where they stand."""

from typing import Annotated

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


def test_domains_stand_at_the_settings():
    assert domains(Some) == {"rate": Search(1e-3, 1e-1, log=True), "width": Search(choices=(8, 16))}


def test_limits_stay_beside_a_domain():
    assert [s.tuned for s in explain(Some)] == ["0.001 to 0.1, log scale", "8, 16", ""]
    assert explain(Some)[0].takes == "a number above 0"
