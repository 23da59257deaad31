"""The corpus of odd files, as `records` reads them."""

import re
from pathlib import Path

import pytest

from automtl_core.data.records import Record, records, shown
from automtl_core.errors import DataError

from .corpus import CASES, Case


@pytest.fixture
def path(case: Case, tmp_path: Path) -> Path:
    path = tmp_path / case.file_name
    path.write_bytes(case.content)
    return path


def read(case: Case, path: Path) -> list[Record]:
    """Return all records; a file without any is refused by what makes tables of them."""
    found = list(records(path, case.file))
    if not found:
        raise DataError(f"{path}: holds no rows", "get a complete copy of the file")
    return found


def of(*kinds: bool) -> pytest.MarkDecorator:
    """Run a test for cases that are refused (True), or those that are not (False)."""
    chosen = [case for case in CASES if (case.accepted is None) in kinds]
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case.name)


def test_there_are_sixty_different_files() -> None:
    assert len(CASES) == len({case.name for case in CASES}) == 60


@of(True)
def test_a_file_is_refused_with_its_place_and_a_way_out(case: Case, path: Path) -> None:
    with pytest.raises(DataError, match=case.pattern(path)) as error:
        read(case, path)
    assert re.search(case.fix, str(error.value.fix))
    assert error.value.exit_code == case.exit_code


@of(False)
def test_every_row_is_accepted_or_rejected(case: Case, path: Path) -> None:
    found = read(case, path)
    faults = [record.fault for record in found if record.fault]
    assert (len(found) - len(faults), len(faults)) == (case.accepted, case.rejected)
    assert all(len(record.fields) == 6 for record in found if not record.fault)
    if faults:
        first = faults[0]
        message = f"{path}:{first.line}: {first.reason}: {shown(first.text)}"
        assert re.match(case.pattern(path), message)
        assert message.isprintable()
