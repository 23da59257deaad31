import numpy as np
import pytest

from automtl_datasets.synthetic.factors import RANK, READ, Factors


@pytest.fixture(scope="module")
def kind():
    return Factors(0, 20_000)


def test_a_user_has_one_segment_and_an_item_one_genre(kind):
    frame = kind.frame()
    for owner, field in (("user_id", "segment"), ("item_id", "genre")):
        assert (frame.groupby(owner)[field].nunique() == 1).all()
        assert frame[field].nunique() == Factors.ids[field].values


def test_products_have_their_rank_and_deviation(kind):
    """The matrix of users x items has as many singular values as the group reads dimensions."""
    users, items = np.meshgrid(np.arange(40), np.arange(30), indexing="ij")
    everyone = {"user_id": users.ravel(), "item_id": items.ravel()}
    for group, weights in READ.items():
        taste = kind.together(("user_id", "item_id"), group, everyone).reshape(40, 30)
        assert np.linalg.matrix_rank(taste) == np.count_nonzero(weights) < RANK
        drawn = kind.draw()
        assert kind.together(("user_id", "item_id"), group, drawn).std() == pytest.approx(1, abs=0.1)


def test_groups_share_dimensions_and_conflict(kind):
    drawn = kind.draw()
    taste, regret = (kind.together(("user_id", "item_id"), group, drawn) for group in READ)
    assert np.corrcoef(taste, regret)[0, 1] == pytest.approx(-1 / 2, abs=0.1)
    labels = kind.frame()[[*Factors.tasks()]].corr()
    assert labels.loc["click", "like"] > 0.2
    assert labels.loc["click", "skip"] < -0.15
