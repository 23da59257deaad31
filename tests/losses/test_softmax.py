"""The softmax loss against loops over lists."""

from math import exp, log

from automtl_core.plugin import Settings
from automtl_losses.softmax import Softmax

from .cases import check


def slow(rows, listed):
    both = any(w * y for _, y, w in rows) and any(w * (1 - y) for _, y, w in rows)
    if not listed or not both:
        return 0.0, 0.0
    top = max(s for s, *_ in rows)
    whole = top + log(sum(w * exp(s - top) for s, _, w in rows))
    return sum(w * y * (whole - s) for s, y, w in rows), sum(w * y for _, y, w in rows)


def test_the_loss_is_that_of_loops_over_lists():
    check(Softmax(Settings()), slow)
