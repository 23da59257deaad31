"""What every kind promises: rates, known answers, and a best reachable AUC with room below it."""

from functools import cache

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from automtl_core.dataset.dataset import names_of
from automtl_core.tasks.builtin import auc
from automtl_datasets.synthetic.dataset import KINDS, Synthetic, SyntheticSettings
from automtl_datasets.synthetic.kind import oracle, zipf
from automtl_testing.datasets import check_dataset

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
    for task, told in synthetic(kind=kind).truth()["tasks"].items():
        for field in told["fields"]:
            if ":" not in field:  # an input from the history, see test_history
                assert by_chance(logit(kind, task), codes(kind, field)) < 1e-6, (field, task)
    for field in KINDS[kind].noise:
        for task in KINDS[kind].tasks():
            assert by_chance(logit(kind, task), codes(kind, field)) > 1e-3, (field, task)


@every_kind
def test_every_pair_of_the_truth_acts_beyond_its_fields(kind):
    for task, told in synthetic(kind=kind).truth()["tasks"].items():
        for pair in told["pairs"]:
            values, rest = [codes(kind, field) for field in pair], logit(kind, task)
            for of_field in values:
                rest = residual(rest, of_field)
            cells = np.unique(np.stack(values), axis=1, return_inverse=True)[1].ravel()
            assert by_chance(rest, cells) < 1e-6, (pair, task)


@every_kind
def test_the_truth_names_fields_and_tasks(kind):
    dataset = synthetic(kind=kind)
    truth, fields = dataset.truth(), set(names_of(dataset.fields))
    grouped = [task for tasks in truth["groups"].values() for task in tasks]
    assert [*truth["tasks"]] == grouped == names_of(dataset.labels)
    seen = {field for told in truth["tasks"].values() for field in told["fields"]}
    seen |= {field for told in truth["tasks"].values() for pair in told["pairs"] for field in pair}
    inputs = {field for field in seen if field.startswith("past:")}
    assert (seen - inputs) | set(truth["noise"]) == fields
    assert not seen & set(truth["noise"])


@every_kind
def test_the_contract_of_datasets(kind, tmp_path_factory):
    prepared = check_dataset(synthetic(kind=kind, rows=3000), None, tmp_path_factory.mktemp(kind))
    assert prepared.manifest["truth"] == synthetic(kind=kind, rows=3000).truth()


def test_zipf_frequencies_fall_with_the_rank():
    frequencies = zipf(100, 0.5)
    assert frequencies.sum() == pytest.approx(1)
    np.testing.assert_allclose(frequencies[0] / frequencies, np.sqrt(np.arange(1, 101)))
    np.testing.assert_allclose(zipf(4), 0.25)
