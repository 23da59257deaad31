"""Generated tables with histories: new rows and their log, in many forms, are read as prepared ones."""

import pytest

from tests.contract.test_served import check

from .programme import tried


@pytest.mark.parametrize("part", range(2))
def test_tables_with_histories(tmp_path, part):
    def fault(seed):
        try:
            check(seed, tmp_path / str(seed))
        except Exception as error:
            return repr(error)
        return None

    tried(
        "tables with histories",
        range(100 + 50 * part, 150 + 50 * part),
        fault,
        "predict, from files and frames",
    )
