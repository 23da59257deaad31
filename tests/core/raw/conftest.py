"""Files that are written, and read record by record."""

import pytest

from automtl_core.raw.records import file_layout, records

from .logs import BARE


@pytest.fixture
def read(tmp_path):
    """Return the values of the accepted rows of a file, and its faults as `line: reason`."""

    def read(content, file=BARE):
        path = tmp_path / file.path
        path.write_bytes(content)
        found = list(records(file_layout(path, file)))
        faults = [f"{record.fault.line}: {record.fault.reason}" for record in found if record.fault]
        return [record.fields for record in found if not record.fault], faults

    return read
