"""Scores are named by what they say."""

import numpy as np

from automtl_core.dataset.schema import Task
from automtl_core.dataset.scores import products, scores_of

FUNNEL = [
    Task("click"),
    Task("buy", given="click"),
    Task("stars", kind="regression", given="buy"),
    Task("like"),
]


def test_a_conditional_probability_is_named_so_and_the_event_stands_beside_it():
    assert {score.name: score.meaning for score in scores_of(FUNNEL)} == {
        "click": "probability that click is 1",
        "buy_given_click": "probability that buy is 1, in rows where click is 1",
        "click_and_buy": "probability that click and buy are both 1",
        "stars_given_buy": "expected value of stars, in rows where buy is 1",
        "like": "probability that like is 1",
    }


def test_an_event_has_the_product_of_its_probabilities():
    chain = [Task("a"), Task("b", given="a"), Task("c", given="b")]
    names = [score.name for score in scores_of(chain)]
    assert names == ["a", "b_given_a", "a_and_b", "c_given_b", "a_and_b_and_c"]
    found = products(scores_of(chain), np.array([[0.5, 0.5, 0.1]]))
    assert np.allclose(found, [[0.5, 0.5, 0.25, 0.1, 0.025]])


def test_names_differ_from_those_of_tasks():
    tasks = [Task("a"), Task("b", given="a"), Task("a_and_b")]
    assert [score.name for score in scores_of(tasks)] == ["a", "b_given_a", "a_and_b_", "a_and_b"]


def test_a_condition_that_is_not_learned_is_not_multiplied():
    assert [score.name for score in scores_of([Task("buy", given="click")])] == ["buy"]
