"""The domains of encodings: the answers of the encoding search that have an effect on the data."""

import pytest

from automtl_core.search.encoding.crosses import FeatureCross
from automtl_core.search.encoding.domains import encoding_domains
from automtl_core.search.encoding.search import DECAY, HISTORY, EncodingSearchResult
from automtl_core.settings.settings import Search
from automtl_testing.samples import sample_schema

PAIR = ("user", "item")
FOUND = EncodingSearchResult(
    dict.fromkeys(("statistics", "numbers", "crosses", "wide", "history", DECAY), 0),
    pairs=(FeatureCross(PAIR, 0.1, 9.0),),
)


def test_all_answers_of_the_encoding_search():
    assert encoding_domains(FOUND, sample_schema(histories=True), timed=True) == {
        "statistics": Search(choices=("none", "folds", "earlier")),
        "numbers": Search(choices=("standard", "bins")),
        "crosses": Search(choices=((), (PAIR,))),
        "wide": Search(choices=(False, True)),
        "history": Search(choices=((), *HISTORY)),
    }


@pytest.mark.parametrize(
    ("schema", "missing"),
    [({"dense": 0}, {"numbers", "history"}), ({"single": False, "multi": False}, {"statistics", "history"})],
)
def test_what_the_data_has_no_fields_for_is_left_out(schema, missing):
    domains = encoding_domains(FOUND, sample_schema(**schema), timed=False)
    assert domains.keys() == {"statistics", "numbers", "crosses", "wide", "history"} - missing
    assert "earlier" not in str(domains.get("statistics"))


def test_what_the_user_has_set_or_has_no_candidates_is_left_out():
    found = EncodingSearchResult({"numbers": "bins", "crosses": ()})
    assert encoding_domains(found, sample_schema(), timed=False).keys() == {"numbers"}
