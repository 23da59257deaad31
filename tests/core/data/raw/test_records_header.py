"""Records of delimited files: the first line, and what separates values."""

from pathlib import Path

import pytest

from automtl_core.data.raw.records import layout
from automtl_core.dataset.dataset import TEXT, RawFile
from automtl_core.errors import DataError

from .logs import BARE, COLUMNS, LOG, Read


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"user,tag,clik\n", "lacks 'click' (did you mean 'clik'?) and has unknown 'clik'"),
        (b"tag,user,click\n", "names the columns in another order"),
        (b"user,tag,click,more\n", "has unknown 'more'"),
        (b"user,tag,click,tag\n", "names 'tag' twice"),
        (b"user, tag,click\n", "has blanks around ' tag'"),
        (b"user,tag,\x1b\n", r"lacks 'click' and has unknown '\x1b'"),
        (b'user,"tag,click\n1,a,0\n', ': a quoted value does not end: "user,"tag,click"'),
    ],
)
def test_a_header_that_does_not_fit(read: Read, tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError) as error:
        read(content, LOG)
    assert str(error.value) == f"{tmp_path / 'log.csv'}:1: the header {message}".replace(
        "header :", "header:"
    )
    assert error.value.fix == "let the first line be user,tag,click"


@pytest.mark.parametrize("content", [b"1,a,0\n2,b,1\n", b"a,b,c\n1,a,0\n"])
def test_no_header(read: Read, content: bytes) -> None:
    first = content.split(b"\n")[0].decode()
    with pytest.raises(DataError, match=f':1: no header: .* names none of the columns: "{first}"'):
        read(content, LOG)


def test_a_header_may_name_other_columns_in_any_order(read: Read, tmp_path: Path) -> None:
    file = RawFile("log.csv", COLUMNS, others=True)
    content = b'click,"more, or less",user,,tag\n0,?,1,?,a\n7,?,2,?,b\n1,?,3,a\n'
    rows, faults = read(content, file)
    assert layout(tmp_path / "log.csv", file).columns == ("click", "more, or less", "user", "", "tag")
    assert rows == [["0", "?", "1", "?", "a"]]
    assert faults == ['3: click: expected 0 or 1, found "7"', "4: expected 5 columns, found 4"]
    with pytest.raises(DataError, match="the header lacks 'tag'") as error:
        read(b"click,user,more\n", file)
    assert error.value.fix == "let the first line name user,tag,click"


@pytest.mark.parametrize(
    ("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (":", "colons")]
)
def test_another_separator_is_named(read: Read, separator: str, name: str) -> None:
    content = "user,tag,click\n1,a,0\n".replace(",", separator).encode()
    for file, text in ((LOG, content), (BARE, content.split(b"\n")[1])):
        with pytest.raises(DataError, match=f":1: {name} separate its values, but ',' is declared"):
            read(text, file)


def test_any_separator_can_be_declared(read: Read) -> None:
    for separator in ("\t", "|", "^", "]", "\x01", "::", "§"):
        file = RawFile("log.csv", COLUMNS, separator=separator)
        content = f'user,tag,click\n1,"a;{separator}b",0\n2,;,1\n'.replace(",", separator)
        assert read(content.encode(), file) == ([["1", f"a;{separator}b", "0"], ["2", ";", "1"]], [])


@pytest.mark.parametrize("length", [1, 300_000])
def test_the_end_of_the_first_line_is_seen(tmp_path: Path, length: int) -> None:
    for end in (b"\n", b"\r\n"):
        (tmp_path / "x.csv").write_bytes(b"a" * length + end + b"b" + end)
        found = layout(tmp_path / "x.csv", RawFile("x.csv", {"c": TEXT}, header=False))
        assert found.returns == (end == b"\r\n")
        assert found.columns == ("c",)
