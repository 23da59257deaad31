from automtl_core.training.baselines import Baseline
from automtl_core.views.baselines import nothing_learned, suspected_leaks

CHANCE = Baseline("AUC", 0.5, 0.01, 0.7, "item", 0.49, 0.5)
SINGLE = Baseline("AUC", 0.7, 0.01, 1e-9, "item", 0.71, 0.9)
GOOD = Baseline("R2", 0.3, 0.01, 1e-9, "item", 0.2, 1e-6)
ALONE = Baseline("AUC", 0.999, 0.001, 1e-9, None, None, None)


def texts(found):
    return [text.text for text in found]


def test_it_is_said_that_nothing_was_learned() -> None:
    assert texts(nothing_learned({"click": CHANCE, "buy": CHANCE}, searched=True)) == [
        "Nothing was learned: on the test rows, the network is not significantly better than a constant "
        "prediction (click AUC 0.5000, p 0.7; buy AUC 0.5000, p 0.7). "
        "Decisions and costs below have no meaning."
    ]
    (trained,) = texts(nothing_learned({"click": CHANCE}, searched=False))
    assert trained.endswith("than a constant prediction (click AUC 0.5000, p 0.7).")


def test_it_is_said_that_a_single_field_is_as_good() -> None:
    assert texts(nothing_learned({"click": CHANCE, "buy": SINGLE}, searched=True)) == [
        "On the test rows, the network is not significantly better than a single field "
        "(buy AUC 0.7000, `item` alone 0.7100). Decisions and costs below have no meaning beyond that."
    ]
    (trained,) = texts(nothing_learned({"buy": SINGLE}, searched=False))
    assert trained.endswith("than a single field (buy AUC 0.7000, `item` alone 0.7100).")


def test_one_task_is_enough() -> None:
    assert texts(nothing_learned({"click": CHANCE, "price": GOOD}, searched=True)) == []
    assert texts(nothing_learned({"click": ALONE}, searched=True)) == []


def test_without_test_rows_nothing_is_known() -> None:
    assert texts(nothing_learned({}, searched=True)) == [
        "Too few test rows (no task has 10 of either class) to know whether the network has learned anything."
    ]


def test_what_is_too_good_is_suspected() -> None:
    assert texts(suspected_leaks({"click": GOOD, "buy": ALONE})) == [
        "warning: AUC 0.9990 of buy suggests label leakage: is each field known before the event? "
        "See automtl data describe"
    ]
    (with_field,) = texts(suspected_leaks({"buy": Baseline("AUC", 0.999, 0.001, 0, "paid", 0.99, 0)}))
    assert "leakage; the best single field is `paid`, with 0.9900: is" in with_field
