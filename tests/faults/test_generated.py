"""Generated files: each is read, or refused with a message and a remedy."""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest

from automtl_core.data.raw.records import layout, records
from automtl_core.dataset.dataset import INTEGER, NUMBER, TEXT, RawFile
from automtl_core.disk.documents import parse_json
from automtl_core.disk.strict_yaml import parse_yaml
from automtl_core.errors import AutoMTLError
from automtl_inspection.guess.guess import guess
from automtl_inspection.guess.peek import peek

from .ended import fault
from .programme import tried

COLUMNS = {"user": TEXT, "click": INTEGER, "price": NUMBER}
SIGNS = (
    *(
        "a",
        "b",
        "1",
        "-1.5",
        "1e999",
        "nan",
        "",
        " ",
        '"',
        '""',
        "'",
        "\\N",
        "\x00",
        "\t",
        ";",
        "|",
        "é",
        "\ufeff",
    ),
    *("\u202e", "0x1F", "٣", "2024-01-31", "yes", "no", "#", "{", "}", "\x1b[31m", "9" * 400, "x" * 3000),
)
ENCODINGS = {"utf-8": 20, "utf-8-sig": 2, "utf-16": 1, "latin-1": 1, "utf-32": 1}
ENDS = {"\n": 10, "\r\n": 5, "\r": 1}
OPEN = (
    "{",
    "[",
    '"',
    "'",
    "|",
    ">",
    "&a ",
    "*a",
    "!!python/object:os.system ",
    "- ",
    "? ",
    ": ",
    "#",
    "<<: ",
)
CLOSE = (
    *(
        "}",
        "]",
        '"',
        ",",
        ":",
        "\n",
        "\n  ",
        " ",
        "null",
        "true",
        "1",
        "-0",
        "1e400",
        "9" * 5000,
        "NaN",
        "\\u0000",
    ),
    *("\\ud800", "\x00", "a", "training", "epochs", "space", "name: desan", "dataset: {name: table}"),
)


def table(draw: random.Random) -> tuple[str, bytes]:
    """Return the separator and the content of a table with some odd values, row widths and line ends."""
    columns, separator = draw.randint(3, 4), draw.choice((",", ",", "\t", ";", "|"))
    odd = draw.choice((0, 0.02, 0.3))

    def cell(plain: str, share: float) -> str:
        return "".join(draw.choices(SIGNS, k=draw.randint(0, 3))) if draw.random() < share else plain

    rows = [[cell(name, odd / 10) for name in ("user", "click", "price", "tag")[:columns]]]
    for _ in range(draw.randint(0, 30)):
        values = (f"u{draw.randint(0, 5)}", str(draw.randint(0, 1)), f"{draw.random():.2f}", "x y", "", "")
        width = columns if draw.random() >= odd / 3 else draw.randint(0, 6)
        rows.append([cell(value, odd) for value in values[:width]])
    end = _weighted(draw, ENDS)
    ends = (_weighted(draw, ENDS) if odd and not draw.randrange(50) else end for _ in rows)
    lines = "".join(separator.join(row) + end for row, end in zip(rows, ends, strict=True))
    content = lines.encode(_weighted(draw, ENCODINGS), "replace")
    return separator, content[: draw.randrange(len(content) + 1)] if not draw.randrange(20) else content


def _weighted(draw: random.Random, weights: Mapping[str, int]) -> str:
    return draw.choices(list(weights), list(weights.values()))[0]


def text(draw: random.Random) -> str:
    """Return a text of the signs of JSON and YAML."""
    return "".join(draw.choice(OPEN if draw.random() < 0.4 else CLOSE) for _ in range(draw.randint(1, 14)))


def problem(read: Callable[[], object]) -> str | None:
    """Return what is wrong with the end of a function; None if it returns, or refuses with a remedy."""
    try:
        read()
    except AutoMTLError as error:
        return None if str(error) and error.fix else f"no message or no remedy: {error!r}"
    except Exception as error:
        return repr(error)
    return None


@pytest.mark.parametrize("part", range(4))
def test_generated_tables(tmp_path: Path, part: int) -> None:
    path = tmp_path / "a.csv"

    def one(seed: int) -> str | None:
        separator, content = table(random.Random(seed))
        path.write_bytes(content)
        file = RawFile("a.csv", COLUMNS, others=True, separator=separator)
        if found := problem(lambda: list(records(layout(path, file)))):
            return found
        return problem(lambda: guess(peek(str(path)))) if seed % 10 == 0 else None

    tried("generated tables", range(1125 * part, 1125 * (part + 1)), one, "data init, data prepare", few=60)


def test_generated_documents(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    readers: Sequence[Callable[[str], object]] = (
        lambda content: parse_json(content, "a.json", "repair it"),
        lambda content: parse_yaml(content, "a.yaml"),
    )

    def one(seed: int) -> str | None:
        content = text(random.Random(seed))
        if found := next((found for read in readers if (found := problem(partial(read, content)))), None):
            return found
        path.write_bytes(content.encode("utf-8", "surrogatepass"))
        return fault(capsys, ["config", "validate", str(path)]) if seed % 10 == 0 else None

    tried("generated documents", range(5500), one, "config validate", few=60)
