"""The domains of feature encodings: the answers of the encoding search, for a search over everything."""

from automtl_core.dataset.schema import Schema
from automtl_core.search.encoding.search import DECAY, HISTORY, EncodingSearchResult
from automtl_core.settings.settings import Search


def encoding_domains(result: EncodingSearchResult, schema: Schema, timed: bool) -> dict[str, Search]:
    """Return the domain of each encoding that was `auto`; none for one without an effect on the data.

    Args:
        result: Result of the encoding search, with the candidates for feature crosses.
        schema: The fields.
        timed: Whether the rows have times, so that target statistics may use earlier rows.

    """
    domains: dict[str, Search] = {}
    if schema.sparse:
        domains["statistics"] = Search(choices=("none", "folds", *(["earlier"] if timed else [])))
    if schema.dense:
        domains["numbers"] = Search(choices=("standard", "bins"))
    if result.pairs:
        domains["crosses"] = Search(choices=((), tuple(cross.pair for cross in result.pairs)))
    domains["wide"] = Search(choices=(False, True))
    if schema.histories:
        domains["history"] = Search(choices=((), *HISTORY))
    return {name: domain for name, domain in domains.items() if name in result.answers and name != DECAY}
