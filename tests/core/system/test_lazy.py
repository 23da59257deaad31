"""A module takes its names from a stub."""

import pytest

from automtl_core.system.lazy import names_of_stub


def test_names_are_imported_at_their_first_use(tmp_path):
    (tmp_path / "page.pyi").write_text(
        '"""Names."""\n\nfrom json import dumps as dumps\nfrom xml import sax as sax\n'
    )
    get, names = names_of_stub(str(tmp_path / "page.py"))
    assert names == ["dumps", "sax"]
    assert get("dumps")([1]) == "[1]"
    assert get("sax").__name__ == "xml.sax"
    with pytest.raises(AttributeError, match="module page has no attribute dump"):
        get("dump")
