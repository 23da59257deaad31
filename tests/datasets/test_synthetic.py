"""Generated data: rates, known answers, a best AUC with room below it, the same rows in every version."""

import hashlib
from functools import cache

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from automtl_core.dataset.dataset import names_of
from automtl_core.errors import UsageError
from automtl_core.tasks.builtin import auc
from automtl_datasets.synthetic.dataset import KINDS, Synthetic, SyntheticSettings
from automtl_datasets.synthetic.history import Histories
from automtl_datasets.synthetic.kind import oracle, zipf
from automtl_datasets.synthetic.pairs import Pairs
from automtl_testing.datasets import check_dataset
from tests.shared.truth import truth


def settings(**values):
    return SyntheticSettings.parse(values, "dataset")


def test_a_kind_is_split_its_own_way_where_nothing_is_said():
    assert (settings().kind, settings().split, settings().rows) == ("pairs", "random", None)
    timed = settings(kind="history")
    assert (timed.split, timed.history_length) == ("time", 10)
    assert settings(kind="history", split="random").split == "random"
    assert timed.model_dump() == settings(**timed.model_dump()).model_dump()


def test_every_kind_has_content_of_its_own_and_an_unknown_one_is_an_error():
    told = [Synthetic(settings(kind=kind)).content() for kind in KINDS]
    assert all(told.count(one) == 1 for one in told)
    with pytest.raises(UsageError, match=r"dataset\.kind: .*pairs or history"):
        settings(kind="pair")


def test_a_kind_of_an_earlier_version_names_it():
    with pytest.raises(UsageError, match=r"does not have the kind drift of synthetic: use version 0\.3"):
        settings(kind="drift")


every_kind = pytest.mark.parametrize("kind", KINDS)


def synthetic(**settings):
    return Synthetic(SyntheticSettings(**settings))


def rows(**settings):
    with duckdb.connect() as db:
        return synthetic(**settings).rows(db)


@cache
def frame(kind):
    return rows(kind=kind)


def codes(kind, field):
    """Return the value [R] of a field as a number, 0 for none; of a dense field the tenth that it is in."""
    column = frame(kind)[field]
    return (pd.qcut(column.rank(method="first"), 10).cat.codes if field in KINDS[kind].numbers
            else pd.Categorical(column).codes + 1).astype(np.int64)  # fmt: skip


def logit(kind, task):
    chance = frame(kind)[f"probability_{task}"].to_numpy()
    return np.asarray(np.log(chance / (1 - chance)))


def residual(values, groups):
    means = np.bincount(groups, values) / np.maximum(np.bincount(groups), 1)
    return np.asarray(values - means[groups])


def by_chance(values, groups):
    """Return the p of one-way analysis of variance: how likely means of groups differ so much by chance."""
    count, within = len(np.unique(groups)), np.sum(residual(values, groups) ** 2)
    between = np.sum((values - values.mean()) ** 2) - within
    rest = len(values) - count
    return float(stats.f.sf(between / (count - 1) / (within / rest), count - 1, rest))


@every_kind
def test_labels_have_their_rates(kind):
    for task, chance in KINDS[kind].tasks().items():
        assert frame(kind)[f"probability_{task}"].mean() == pytest.approx(chance.rate, abs=1e-9)
        error = np.sqrt(chance.rate / len(frame(kind)))
        assert frame(kind)[task].mean() == pytest.approx(chance.rate, abs=4 * error)


@every_kind
def test_rows_follow_the_seed(kind):
    first = KINDS[kind].labels()[0].name
    assert len(frame(kind)) == KINDS[kind].rows
    pd.testing.assert_frame_equal(rows(kind=kind, rows=2000), rows(kind=kind, rows=2000))
    assert not rows(kind=kind, rows=2000, seed=1)[first].equals(rows(kind=kind, rows=2000)[first])


@every_kind
def test_the_best_reachable_auc_leaves_room(kind):
    for label in KINDS[kind].labels():
        best = auc(frame(kind)[label.name].to_numpy(np.float64), frame(kind)[oracle(label.name)].to_numpy())
        assert best is not None
        assert 0.77 < best < 0.89


@every_kind
def test_every_field_of_the_truth_acts_and_noise_does_not(kind):
    for task, told in truth(KINDS[kind])["tasks"].items():
        for field in told["fields"]:
            if ":" not in field:  # an input from the history
                assert by_chance(logit(kind, task), codes(kind, field)) < 1e-6, (field, task)
    for field in KINDS[kind].noise:
        for task in KINDS[kind].tasks():
            assert by_chance(logit(kind, task), codes(kind, field)) > 1e-3, (field, task)


@every_kind
def test_every_pair_of_the_truth_acts_beyond_its_fields(kind):
    for task, told in truth(KINDS[kind])["tasks"].items():
        for pair in told["pairs"]:
            values, rest = [codes(kind, field) for field in pair], logit(kind, task)
            for of_field in values:
                rest = residual(rest, of_field)
            cells = np.unique(np.stack(values), axis=1, return_inverse=True)[1].ravel()
            assert by_chance(rest, cells) < 1e-6, (pair, task)


@every_kind
def test_the_truth_names_fields_and_tasks(kind):
    dataset = synthetic(kind=kind)
    known, fields = truth(dataset.kind), set(names_of(dataset.fields))
    grouped = [task for tasks in known["groups"].values() for task in tasks]
    assert [*known["tasks"]] == grouped == names_of(dataset.labels)
    seen = {field for told in known["tasks"].values() for field in told["fields"]}
    seen |= {field for told in known["tasks"].values() for pair in told["pairs"] for field in pair}
    inputs = {field for field in seen if field.startswith("past:")}
    assert (seen - inputs) | set(known["noise"]) == fields
    assert not seen & set(known["noise"])


@every_kind
def test_the_contract_of_datasets(kind, tmp_path_factory):
    check_dataset(synthetic(kind=kind, rows=3000), None, tmp_path_factory.mktemp(kind))


def test_zipf_frequencies_fall_with_the_rank():
    frequencies = zipf(100, 0.5)
    assert frequencies.sum() == pytest.approx(1)
    np.testing.assert_allclose(frequencies[0] / frequencies, np.sqrt(np.arange(1, 101)))
    np.testing.assert_allclose(zipf(4), 0.25)


@pytest.fixture(scope="module")
def histories():
    return Histories(0, 6000)


def test_the_last_event_and_ten_events_of_the_category_have_an_effect_and_no_others(histories):
    frame = histories.frame().sort_values(["user_id", "time"])
    last, count = [], []
    for _, of_user in frame.groupby("user_id", sort=False):
        categories, opened = of_user["category"].tolist(), of_user["opened"].tolist()
        for place, category in enumerate(categories):
            last.append(0 if place == 0 else 1 if opened[place - 1] else -1)
            count.append(categories[max(place - 10, 0) : place].count(category))
    chances = frame["probability_click"].to_numpy()
    logits = np.log(chances / (1 - chances))
    fields = []
    for name in ("item_id", "category", "hour"):
        places = frame[name].str.removeprefix(f"{name}_").astype(int).to_numpy()
        fields.append(histories.effects(name)[places])
    inputs = np.column_stack([*fields, last, count, np.ones(len(frame))])
    weights, *_ = np.linalg.lstsq(inputs, logits, rcond=None)
    assert np.allclose(inputs @ weights, logits, atol=1e-8)
    assert weights[:3] == pytest.approx([0.5, 0.4, 0.3])
    assert weights[3] > 0.5
    assert weights[4] > 0.1


def test_the_truth_names_inputs_from_distinct_events(histories):
    assert histories.frame()["time"].is_unique
    for of_task in truth(histories)["tasks"].values():
        assert {"past:last1", "past:category"} < set(of_task["fields"])


def test_rows_of_histories_are_those_of_every_version():
    text = Histories(1, 3000).frame().to_csv(index=False, float_format="%.6g")
    digest = "fd0ca99b739a376f11bb4c501f74ae164543db5c50657d88b72714e93f0e73ac"
    assert hashlib.sha256(text.encode()).hexdigest() == digest


@pytest.fixture(scope="module")
def pairs():
    return Pairs(0, Pairs.rows).frame()


def test_shared_fields_pull_the_groups_apart(pairs):
    rates = pairs.groupby("appeal")[list(Pairs.tasks())].mean().corr()
    assert rates.loc["click", "like"] > 0.9
    assert rates.loc["skip", "hide"] > 0.9
    assert rates.loc["click", "skip"] < -0.9
    assert pairs["dense_signal"].corr(pairs["click"]) > 0.1
    assert pairs["dense_signal"].corr(pairs["skip"]) < -0.1


def test_rows_of_pairs_are_those_of_every_version():
    text = Pairs(1, 3000).frame().to_csv(index=False, float_format="%.6g")
    digest = "e6decc901134ac85b3522af1e80e533736365370f04b20ecd773f866343019af"
    assert hashlib.sha256(text.encode()).hexdigest() == digest
