"""Values have ids by a vocabulary or by their hash; preparation is tested in tests/core/data/prepare."""

import pytest

from automtl_core.fields.encode import hashed
from automtl_core.fields.sparse import Hashed, Vocabulary


@pytest.fixture
def city(tmp_path):
    (tmp_path / "city.txt").write_text('null\n"-5"\n"5"\n"true"\n"k\\u00f6ln"\n"0.5"\n')
    return Vocabulary(6, "", tmp_path / "city.txt")


def test_values_of_a_vocabulary_have_the_ids_of_their_lines(city):
    assert city.encode(["köln", "", "new", "5"]).tolist() == [4, 0, 0, 2]
    assert city.values == ["-5", "5", "true", "köln", "0.5"]


def test_values_of_ids_are_read_from_the_file(city):
    assert city.decode([0, 4, 4]) == [None, "köln", "köln"]
    assert city.decode([]) == []


@pytest.mark.parametrize("content", ['null\n"a"\n', "null\n" + '"x"\n' * 9, "no json", ""])
def test_a_vocabulary_that_is_not_as_told_is_refused(city, content):
    city.path.write_text(content)
    with pytest.raises(ValueError, match=r"city\.txt|Expecting"):
        city.encode(["5"])


def test_hashed_values_have_the_ids_of_their_buckets():
    found = Hashed(100)
    assert found.size == 101
    assert found.encode(["a", "", "b", "a"]).tolist() == [
        hashed("a", 100),
        0,
        hashed("b", 100),
        hashed("a", 100),
    ]
    assert found.decode([0, 2]) == [None, "#2"]
