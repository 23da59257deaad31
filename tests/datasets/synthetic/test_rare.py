import pytest

from automtl_datasets.synthetic.rare import Rare


@pytest.fixture(scope="module")
def frame():
    return Rare(0, Rare.rows).frame()


def test_there_is_no_cart_without_a_click_and_no_buy_without_a_cart(frame):
    for task, before in Rare.after.items():
        assert (frame[task] <= frame[before]).all()
        assert (frame[f"probability_{task}"] <= frame[f"probability_{before}"]).all()
        assert 0 < frame[task].sum() < frame[before].sum()


def test_every_task_has_positives_enough_to_be_judged(frame):
    share = Rare.split["test_fraction"]
    assert all(share * chance.rate * Rare.rows >= 100 for chance in Rare.tasks().values())
    assert all(chance.rate <= 0.02 for chance in Rare.tasks().values())


def test_few_items_make_most_of_the_rows(frame):
    counts = frame["item_id"].value_counts()
    assert counts.head(len(counts) // 10).sum() > 0.6 * len(frame)
    assert (counts < 10).mean() > 0.3


def test_what_acted_before_is_part_of_the_truth():
    told = Rare.truth()["tasks"]
    assert set(told["click"]["fields"]) < set(told["cart"]["fields"]) < set(told["buy"]["fields"])
    assert told["cart"]["fields"]["slot"] == pytest.approx(0.7 - 0.3)
    assert told["buy"]["pairs"] == told["click"]["pairs"] == [["category", "hour"]]
    assert set(told["report"]["fields"]) == {"user_id", "seller_id", "category", "slot"}


def test_the_report_is_against_the_click(frame):
    rates = frame.groupby("category")[["probability_click", "probability_report"]].mean().corr()
    assert rates.iloc[0, 1] < -0.5
