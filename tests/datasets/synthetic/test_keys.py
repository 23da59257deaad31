import numpy as np
import pytest

from automtl_core.prepare.prepare import prepare
from automtl_core.tasks.builtin import auc
from automtl_datasets.synthetic.dataset import Synthetic, SyntheticSettings
from automtl_datasets.synthetic.keys import OFFER, SEARCH, TASTE, VARIANT, Keys
from automtl_datasets.synthetic.timed import DAYS

KEYS = (OFFER, SEARCH, VARIANT, TASTE)


@pytest.fixture(scope="module")
def kind():
    return Keys(0, Keys.rows)


@pytest.fixture(scope="module")
def drawn(kind):
    return kind.draw()


def cells(drawn, *fields):
    """Return the number [R] of the combination of the values of some fields."""
    return np.unique(np.stack([drawn[field] for field in fields]), axis=1, return_inverse=True)[1].ravel()


def of_cells(kind, drawn, key):
    """Return the effects of a key by period and cell; nan without a row."""
    periods = kind.constants["periods"]
    effects = np.full((periods, cells(drawn, *key).max() + 1), np.nan)
    period = (drawn["time"] - DAYS["start"]) * periods // DAYS["seconds"]
    effects[period, cells(drawn, *key)] = kind.together(key, "visit", drawn)
    return effects


@pytest.mark.parametrize("key", KEYS, ids="*".join)
def test_few_combinations_of_values_occur_with_few_rows_each(kind, drawn, key):
    rows = np.bincount(cells(drawn, *key))
    assert np.quantile(rows, 0.05) >= 5
    assert np.quantile(rows, 0.95) <= 30
    assert len(rows) < 0.2 * np.prod([kind.ids[field].values for field in key])


@pytest.mark.parametrize("key", KEYS, ids="*".join)
def test_no_field_of_a_key_has_an_effect_alone(kind, drawn, key):
    """Means over the rows of a value are within chance; those over the rows of a cell are far beyond."""
    effect = kind.together(key, "visit", drawn)
    alone = [(field,) for field in key] + [("city",), ("coupon",), ("city", "category")]
    for fields in (key, *alone):
        rows, totals = (np.bincount(cells(drawn, *fields), weights) for weights in (None, effect))
        ratio = np.mean(totals**2 / rows)
        assert ratio > 3 if fields == key else abs(ratio - 1) < 4 * np.sqrt(2 / len(rows)), fields


def test_effects_of_one_key_walk_and_those_of_others_are_constant(kind, drawn):
    for key in KEYS:
        effects = of_cells(kind, drawn, key)
        if key != SEARCH:
            assert np.nanmax(np.nanstd(effects, axis=0)) < 1e-9
    effects = of_cells(kind, drawn, SEARCH)
    for lag in (1, 5, 10):
        before, now = effects[:-lag].ravel(), effects[lag:].ravel()
        both = ~np.isnan(before + now)
        expected = kind.constants["correlation"] ** lag
        assert np.corrcoef(before[both], now[both])[0, 1] == pytest.approx(expected, abs=0.05)


def test_logits_are_the_sum_of_the_effects_in_their_sizes(kind, drawn):
    frame = kind.frame()
    for group, tasks in kind.groups.items():
        for task, chance in tasks.items():
            parts = [kind.alone(field, group, drawn) for field in chance.effects]
            parts += [kind.together(key, group, drawn) for key in chance.pairs]
            chances = frame[f"probability_{task}"].to_numpy()
            inputs = np.column_stack([*parts, np.ones(len(frame))])
            weights, *_ = np.linalg.lstsq(inputs, np.log(chances / (1 - chances)), rcond=None)
            assert weights[:-1] == pytest.approx([*chance.effects.values(), *chance.pairs.values()])


def test_the_city_follows_from_the_user_and_two_fields_are_blank_in_most_rows(kind):
    frame = kind.frame()
    assert (frame.groupby("user_id")["city"].nunique() == 1).all()
    for field in ("coupon", "referrer"):
        assert frame[field].isna().mean() == pytest.approx(0.99, abs=0.002)


def test_in_the_latest_rows_a_model_needs_all_keys_to_reach_the_best_auc(tmp_path):
    prepared = prepare(Synthetic(SyntheticSettings(kind="keys")), "synthetic", None, tmp_path)
    assert prepared.manifest["settings"]["split"] == "time"
    kind = Keys(0, Keys.rows)
    drawn, frame = kind.draw(), kind.frame()
    last = np.argsort(drawn["time"], kind="stable")[-len(prepared.part("test")) :]
    for place, (task, chance) in enumerate(kind.tasks().items()):
        group = next(group for group, tasks in kind.groups.items() if task in tasks)
        found = np.asarray(sum(s * kind.alone(f, group, drawn) for f, s in chance.effects.items()))
        labels, reached = frame[task].to_numpy(np.float64)[last], []
        for key, size in chance.pairs.items():
            reached.append(auc(labels, found[last]))
            found = found + size * kind.together(key, group, drawn)
        best = auc(prepared.part("test").labels[:, place], prepared.oracle("test")[:, place])
        assert best == pytest.approx(auc(labels, found[last]), abs=0.002)
        assert reached == sorted(reached)
        assert reached[0] < 0.7
        assert best > reached[-1] + 0.02


def test_the_truth_tells_the_keys_and_which_of_them_changes():
    truth = Keys.truth()
    assert all(told["pairs"] == [list(key) for key in KEYS] for told in truth["tasks"].values())
    assert truth["changing"] == {task: [list(SEARCH)] for task in Keys.tasks()}
