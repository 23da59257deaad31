"""What is guessed of files as they occur in the wild."""

import pytest

from automtl_core.errors import DataError
from automtl_inspection.guess.guess import TableGuess, guess
from automtl_inspection.guess.peek import peek

from .corpus import FILES


@pytest.fixture
def path(case, tmp_path):
    path = tmp_path / FILES[case].name
    FILES[case].write(path)
    return path


@pytest.mark.parametrize("case", [name for name, file in FILES.items() if file.error])
def test_files_that_are_refused(case, path):
    file = FILES[case]
    with pytest.raises(DataError) as caught:
        peek(str(path))
    assert file.error in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert file.fix in str(caught.value.fix)


@pytest.mark.parametrize("case", [name for name, file in FILES.items() if not file.error])
def test_what_is_guessed_of_a_file(case, path):
    file = FILES[case]
    seen = peek(str(path), file.columns)
    found = guess(seen, file.labels, choose=True)
    assert {each.name: _role(each, file) for each in found} == dict(file.guessed)
    assert not file.doubted or tuple(each.name for each in found if each.doubt) == file.doubted
    assert (seen.seen, seen.faulty, seen.encoding) == (file.rows, file.faulty, file.encoding)
    assert tuple(TableGuess(seen, found).dataset().get("blanks", ())) == tuple(sorted(file.blanks))
    odd = {each.facts.name: each.odd for each in found}
    assert {name: (one.line, one.value) for name, one in odd.items() if one} == dict(file.odd)


def test_there_are_enough_files():
    assert len(FILES) >= 40


def _role(each, file):
    """Return the role of a column, with its setting where the case states one."""
    if each.role == "unused":
        assert each.reason
        return None
    expected = file.guessed.get(each.name)
    return (each.role, each.setting) if isinstance(expected, tuple) else each.role
