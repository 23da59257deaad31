"""The kinds of fields: scaled numbers, ids of values, parts of times, pretrained vectors."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from automtl_core.fields.encode import encode, seconds
from automtl_core.fields.numeric import Moments, Scale, edges
from automtl_core.fields.sparse import BagEncoder, Hashed, PartOfTime, TimePart, Vocabulary
from automtl_core.fields.vectors import KnownVectors, VectorIds, Vectors


@pytest.mark.parametrize("scaling", ["standard", "minmax", "log", "none"])
def test_scaled_numbers_come_back(scaling):
    scale = Scale(scaling, *((0.0, 1.0) if scaling == "none" else (3.0, 0.7)))
    values = np.array([-8.0, 0.0, 2.5, np.nan])
    found = scale.encode(values).astype(np.float32)
    np.testing.assert_allclose(scale.inverse(found), values, atol=1e-6)
    assert scale.decode(found) == pytest.approx([-8, 0, 2.5, None], abs=1e-5)


@pytest.mark.parametrize(
    ("scaling", "offset", "width"),
    [("standard", 3, 1), ("minmax", 2, 2), ("log", np.log(15) / 2, np.log(5 / 3) / 2)],
)
def test_a_scale_is_of_what_was_seen(scaling, offset, width):
    seen = Moments()
    seen.add(Scale(scaling, 0.0, 1.0).encode(np.array([2.0, 4.0])))
    found = [*vars(seen.scale(scaling, 9.0)).values()]
    assert found == [scaling, *(pytest.approx(value) for value in (offset, width, 9.0, 2.0, 4.0))]
    assert Moments().scale(scaling) == Scale(scaling, 0.0, 1.0)


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_of_chunks_are_those_of_the_whole_and_weights_count_as_copies(weighted):
    random, cuts = np.random.default_rng(0), [0, 1, 2, 500, 501, 9000]
    values, times = random.normal(1e6, 3, 10_000), random.integers(1, 4 if weighted else 2, 10_000)
    seen, copies = Moments(), np.repeat(values, times)
    for chunk, weights in zip(np.array_split(values, cuts), np.array_split(times, cuts), strict=True):
        seen.add(chunk, weights.astype(float)) if weighted else seen.add(chunk)
    assert (seen.mean, seen.deviation) == pytest.approx((copies.mean(), copies.std()), rel=1e-9)
    assert (seen.low, seen.high, seen.count) == (values.min(), values.max(), len(copies))


def test_edges_part_numbers_evenly_by_quantiles_and_fewer_where_numbers_repeat():
    assert edges(np.array([1.0, 2, 3, 4, np.nan]), 2).tolist() == [2]
    assert edges(np.array([1.0, 1, 1, 1]), 4).tolist() == [1]
    assert edges(np.array([np.nan]), 4).tolist() == []
    values = np.random.default_rng(0).standard_normal(1000)
    expected = np.quantile(values, np.arange(1, 32) / 32, method="inverted_cdf")
    assert edges(values, 32).tolist() == expected.tolist()


def counts(values, buckets):
    found = edges(values, buckets)
    return np.bincount(np.searchsorted(found, values, side="right"), minlength=len(found) + 1).tolist()


def test_frequent_values_have_a_bucket_and_the_others_share_the_rest():
    values = np.concatenate([np.zeros(960), np.arange(1.0, 41.0)])
    assert counts(values, 5) == [960, 9, 10, 10, 11]
    assert counts(-values, 5) == [9, 10, 10, 11, 960]
    assert counts(np.concatenate([values, -values]), 5) == [26, 14, 1920, 13, 27]
    assert counts(np.repeat([1.0, 2.0, 5.0], [10, 20, 30]), 4) == [10, 20, 30]
    assert edges(np.repeat([1.0, 2.0, 5.0], [10, 20, 30]), 4).tolist() == [1.5, 3.5]


def test_there_are_never_more_buckets_than_asked_for():
    random = np.random.default_rng(0)
    for buckets in range(2, 40):
        often = random.integers(0, 16, 2000).astype(float)
        values = np.where(random.random(2000) < 0.5, often, 16 * random.random(2000))
        found = edges(values, buckets)
        assert len(found) < buckets
        assert (np.diff(found) > 0).all()


@pytest.fixture
def city(tmp_path):
    (tmp_path / "city.txt").write_text('null\n"-5"\n"5"\n"true"\n"k\\u00f6ln"\n"0.5"\n')
    return Vocabulary(6, "", tmp_path / "city.txt")


def test_values_of_a_vocabulary_have_the_ids_of_their_lines_and_back(city):
    assert city.encode(["köln", "", "new", "5"]).tolist() == [4, 0, 0, 2]
    assert city.values == ["-5", "5", "true", "köln", "0.5"]
    assert city.decode([0, 4, 4]) == [None, "köln", "köln"]
    assert city.decode([]) == []


@pytest.mark.parametrize("content", ['null\n"a"\n', "null\n" + '"x"\n' * 9, "no json", ""])
def test_a_vocabulary_that_is_not_as_told_is_refused(city, content):
    city.path.write_text(content)
    with pytest.raises(ValueError, match=r"city\.txt|Expecting"):
        city.encode(["5"])


def test_a_bag_holds_known_values_once_in_the_order_of_their_ids():
    bags, one = BagEncoder(Hashed(1000)), Hashed(1000)
    starts, values = bags.encode([["b", "a", "b", None, ""], [], ["c"]])
    assert starts.tolist() == [0, 2, 2, 3]
    assert values.tolist() == [*sorted(one.encode(["a", "b"]).tolist()), *one.encode(["c"]).tolist()]
    assert [array.tolist() for array in bags.encode([])] == [[0], []]


NOON = "2024-01-31 12:30:00"
"""A Wednesday."""


def ids(part, values):
    return encode("hour", PartOfTime("at", part), {"at": values}).tolist()


FORMS = {
    (1706704200, 13): [
        *(NOON, "2024-01-31T12:30:00Z", "2024-01-31 14:30+02:00", "2024-01-31 10:00 -0230"),
        *("2024/1/31 12:30", "1706704200", "1706704200.5"),
        *("1706704200000", "1706704200000000", "1706704200000000000"),
    ],
    (1706659200, 1): ["2024-01-31", "20240131", "20240131.0"],
    (None, 0): ["soon", "2024-02-30", "2024-01-31 25:00", "inf", "nan", "1_0", "1e39", ""],
}
"""Seconds and the id of the hour -> the forms in which a time is written; those of no time."""


@pytest.mark.parametrize(
    ("expected", "hour", "written"), [(*found, one) for found, forms in FORMS.items() for one in forms]
)
def test_times_in_every_form(expected, hour, written):
    assert seconds(written) == (expected and pytest.approx(expected, abs=1))
    assert (ids("hour", [written]), ids("weekday", [written])) == ([hour], [3 if hour else 0])


def test_values_of_frames():
    at = pd.to_datetime(pd.Series([NOON, None]))
    assert ids("hour", at) == [13, 0]
    assert ids("hour", [datetime(2024, 1, 31, 12, tzinfo=UTC), None, float("nan")]) == [13, 0, 0]
    assert ids("weekday", at.to_numpy()[:1]) == [3]


@pytest.mark.parametrize("part", ["hour", "weekday"])
def test_examples_have_their_ids(part):
    encoder = PartOfTime("at", part)
    every = list(range(encoder.size))
    assert ids(part, encoder.examples("hour", every)["at"]) == every
    assert len({*encoder.decode(every)}) == encoder.size
    assert [*TimePart("at").reads(), *TimePart("hour", "at").reads()] == ["at", "at"]


@pytest.mark.parametrize(
    ("field", "faulty"),
    [
        (TimePart("hour", "at", "minute"), True),
        (TimePart("hour", "at", "weekday"), False),
        (Vectors("item", "item"), True),
        (Vectors("item", ""), True),
    ],
)
def test_faults_of_declarations(field, faulty):
    assert bool(list(field.faults())) == faulty


VECTORS = {"b": [1.0, 4.0], "c": [3.0, 0.0], "new": [2.0, 2.0]}


class Rows:
    """Rows with the values a, b and c, where a has no vector."""

    rows = 6

    def codes(self, column):
        return 3

    def values(self, column):
        yield ["a", "b"]
        yield ["c"]

    def vectors(self, field):
        yield ["b", "c"], np.array([VECTORS["b"], VECTORS["c"]])
        yield ["new"], np.array([VECTORS["new"]])


@pytest.fixture
def learner():
    return Vectors("item:vector", "item").learner(Rows())


def learned(learner, path, codes=(1, 1, 2, 3, 3, 0)):
    learner.see({"item": np.array(codes)})
    encoder = learner.learn(path / "item.txt")
    assert isinstance(learner, KnownVectors)
    assert isinstance(encoder, VectorIds)
    return encoder


def test_values_that_no_row_has_are_known(learner, tmp_path):
    encoder = learned(learner, tmp_path)
    assert encoder.size == 4
    assert encoder.encode(["new", "a", "c", ""]).tolist() == [3, 0, 2, 0]
    assert learner.encode({"item": np.array([0, 1, 2, 3])}).tolist() == [0, 0, 1, 2]
    assert encoder.decode([0, 3]) == [None, "new"]
    assert list(encoder.reads("item:vector")) == ["item"]


def test_vectors_have_mean_0_and_mean_square_1(learner, tmp_path):
    vectors = learned(learner, tmp_path).vectors()
    assert vectors.shape == (4, 2)
    assert not vectors[0].any()
    assert np.allclose(vectors[1:].mean(0), 0, atol=1e-6)
    assert np.isclose((vectors[1:] ** 2).mean(), 1, atol=1e-6)
    raw = np.array([*VECTORS.values()])
    scale = (raw - raw.mean(0))[0, 0] / vectors[1, 0]
    assert np.allclose(vectors[1:] * scale, raw - raw.mean(0), atol=1e-6)


@pytest.mark.parametrize(
    ("codes", "warnings"),
    [((1, 1, 2, 3, 3, 0), ["3 of 6 training rows have no vector in item:vector"]), ((2, 3), [])],
)
def test_rows_without_a_vector_are_counted(learner, tmp_path, codes, warnings):
    learned(learner, tmp_path, codes)
    assert list(learner.warnings) == warnings


def test_the_encoder_is_restored_from_its_files(learner, tmp_path):
    encoder = learned(learner, tmp_path)
    value = encoder.to_json()
    assert value.pop("kind") == "vectors"
    again = VectorIds.from_json(value, tmp_path / "item.txt", {})
    assert again == encoder
    assert np.array_equal(again.vectors(), encoder.vectors())
