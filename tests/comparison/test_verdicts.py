"""Verdicts in words."""

import pytest

from automtl_comparison.statistics import Difference
from automtl_comparison.verdicts import verdict
from automtl_core.tasks.kinds import task_kind

AUC, RMSE = task_kind("binary").score, task_kind("regression").score


def difference(mean, p):
    return Difference(mean, mean - 1, mean + 1, p, p)


@pytest.mark.parametrize(
    ("mean", "p", "cost", "words"),
    [
        (0.0004, 0.61, 0.5, "not distinguishable from mmoe (+0.0004, p 0.61); half its FLOPs"),
        (0.0, 1.0, 1.0, "not distinguishable from mmoe (+0.0000, p 1.00); equal FLOPs"),
        (0.0041, 0.0123, 0.34, "ahead of mmoe (+0.0041, p 0.012); a third of its FLOPs"),
        (-0.006, 0.001, 1.3, "behind mmoe (-0.0060, p 0.001); 1.3 times its FLOPs"),
        (-0.06, 0.0009, None, "behind mmoe (-0.0600, p < 0.001)"),
        (0.004, 0.05, 0.4, "not distinguishable from mmoe (+0.0040, p 0.05); 40 % of its FLOPs"),
    ],
)
def test_words_say_where_it_stands_and_what_it_costs(mean, p, cost, words):
    assert verdict("mmoe", {"mean": (AUC, difference(mean, p))}, cost) == words


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (0.96, "equal FLOPs"),
        (1.06, "1.1 times its FLOPs"),
        (1.96, "twice its FLOPs"),
        (12.4, "12 times its FLOPs"),
        (1234.0, "1,234 times its FLOPs"),
        (0.252, "a quarter of its FLOPs"),
        (0.2, "a fifth of its FLOPs"),
        (0.1, "a tenth of its FLOPs"),
        (0.034, "3.4 % of its FLOPs"),
    ],
)
def test_costs_in_words(cost, words):
    assert verdict("mmoe", {"mean": (AUC, difference(0.0, 1.0))}, cost).endswith(f"; {words}")


def test_several_scores_are_named():
    found = verdict(
        "ple", {"mean": (AUC, difference(0.01, 0.02)), "price": (RMSE, difference(-1.25, 0.4))}, 1
    )
    assert found == (
        "mean: ahead of ple (+0.0100, p 0.020); "
        "price: not distinguishable from ple (-1.25, p 0.40); equal FLOPs"
    )


def test_what_is_not_known_is_not_said():
    unsure = Difference(0.01, None, None, None)
    assert verdict("ple", {"mean": (AUC, unsure)}, None) == "+0.0100 against ple, without a significance test"
    assert verdict("ple", {}, 0.5) == "no reliable score to compare with ple"
