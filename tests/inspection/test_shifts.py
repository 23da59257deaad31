"""Drift is told where shares or means differ beyond chance, and rarely where nothing differs."""

import numpy as np
import pytest

from automtl_inspection.shifts import FEW, Rows, shifts


def made(seed, rows, users=300, shift=0.0, share=0.0):
    """Return rows whose values, numbers and labels depend on their users."""
    draw = np.random.default_rng(seed)
    user, taste = draw.integers(1, users, rows), np.random.default_rng(7).normal(size=users)[:, None]
    chance = 1 / (1 + np.exp(-taste[user, 0]))
    city = np.where(draw.random(rows) < chance, "north", draw.choice(list("abcde"), rows)).astype(object)
    city[draw.random(rows) < share] = "new"
    price = draw.normal(size=rows) + taste[user, 0] + shift
    label = (draw.random(rows) < chance).astype(np.float32)
    return Rows({"city": city, "price": price}, {"click": label}, user)


def test_without_drift_few_columns_are_told():
    told = [any(s.drifted for s in shifts(made(2 * n, 3000), made(2 * n + 1, 1000))) for n in range(60)]
    assert sum(told) <= 6  # 5 % on average, and at most 6 with a probability of 97 %


def test_rows_of_a_user_are_not_independent():
    """A sample of other users differs by their taste; taken as independent, rows would tell a drift."""
    alone = [made(n, 4000, users=12) for n in range(30)]
    later = [made(n, 4000, users=12) for n in range(100, 130)]
    for n, rows in enumerate(later):  # each user has another taste, by chance
        taste = np.random.default_rng(n).normal(size=12)
        label = np.random.default_rng(n).random(4000) < 1 / (1 + np.exp(-taste[rows.users]))
        later[n] = rows._replace(columns={}, means={"click": label.astype(np.float32)})
    alone = [rows._replace(columns={}) for rows in alone]
    by_user = sum(shifts(a, b)[0].drifted for a, b in zip(alone, later, strict=True))
    by_row = sum(
        shifts(a._replace(users=None), b._replace(users=None))[0].drifted
        for a, b in zip(alone, later, strict=True)
    )
    assert by_user < 0.4 * by_row


def test_the_value_that_differs_most_stands_for_its_column():
    found = {s.column: s for s in shifts(made(1, 4000), made(2, 2000, shift=1.0, share=0.2))}
    city, price = found["city"], found["price"]
    assert (city.value, city.before) == ("new", 0.0)
    assert city.now == pytest.approx(0.2, abs=0.03)
    assert city.low < 0.2 < city.high
    assert price.value.startswith(("from ", "below "))
    assert city.drifted
    assert price.drifted
    assert [s.drifted for s in found.values()] == sorted((s.drifted for s in found.values()), reverse=True)


def test_labels_are_compared_by_their_means_and_missing_ones_do_not_count():
    before, now = made(1, 2000), made(2, 2000)
    label = now.means["click"].copy()
    label[::2] = np.nan
    now = now._replace(means={"click": np.where(np.isnan(label), np.nan, 1.0)})
    (found,) = (s for s in shifts(before, now) if s.column == "click")
    assert (found.value, found.now, found.drifted) == ("mean", 1.0, True)
    assert found.before == pytest.approx(before.means["click"].mean())
    empty = now._replace(means={"click": np.full(2000, np.nan)})
    assert "click" not in {s.column for s in shifts(before, empty)}


def test_numbers_with_few_values_are_values_and_missing_ones_are_one():
    hours, later = np.tile([0.0, 1.0, 2.5, np.nan], 500), np.tile([0.0, 1.0, 1.0, np.nan], 500)
    (found,) = shifts(Rows({"hour": hours}, {}, None), Rows({"hour": later}, {}, None))
    assert (found.value, found.before, found.now) == ("2.5", 0.25, 0.0)
    many = np.arange(2000.0)
    (found,) = shifts(Rows({"n": many}, {}, None), Rows({"n": np.where(many < 900, np.nan, many)}, {}, None))
    assert found.value == "missing"
    rare = np.array(["x"] * 1990 + ["y"] * (FEW // 2 - 1) + ["x"] * (11 - FEW // 2), object)
    (found,) = shifts(Rows({"v": rare}, {}, None), Rows({"v": rare}, {}, None))
    assert found.value == "x"  # the other value has too few rows


def test_rows_without_columns_have_no_drift():
    assert shifts(Rows({}, {}, None), Rows({}, {}, None)) == []
