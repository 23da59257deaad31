"""Which encodings of fields were chosen, in words."""

from automtl_core.search.encoding.search import EncodingSearchResult, EncodingTrial
from automtl_core.views.encoding import sentence, trials

OFF = {"statistics": "none", "numbers": "standard", "crosses": (), "wide": False, "embedding_decay": 0.01}
CROSSED = {**OFF, "crosses": (("a", "b"), ("c", "d"))}
FOUND = EncodingSearchResult(CROSSED, (EncodingTrial(OFF, 0.7, 1), EncodingTrial(CROSSED, 0.7032, 2)))


def test_what_was_chosen_in_a_sentence():
    assert sentence(FOUND, "AUC") == (
        "Feature encoding chosen on held-out training data (+0.0032 AUC): target statistics off, "
        "numeric features scaled, feature crosses a x b and c x d, no wide (linear) term, "
        "embedding decay 0.01"
    )
    other = {"statistics": "folds", "wide": True, "crosses": []}
    assert sentence(EncodingSearchResult(other, (EncodingTrial(other, 0.7, 1),))).endswith(
        "(+0.0000 AUC or R2): out-of-fold target statistics, a wide (linear) term, no feature crosses"
    )
    assert sentence(EncodingSearchResult(OFF, why="few rows")) == "Feature encoding not searched: few rows"


def test_all_that_was_tried():
    _, grid = trials(FOUND, "R2").blocks
    assert grid.header == ["", "feature encoding", "R2", "trainings"]
    assert [(row[0], *row[2:]) for row in grid.rows] == [("", 0.7, 1), ("->", 0.7032, 2)]
