"""Generated files, crafted settings, names and paths: each is read, or refused with a message."""

import json
import random
from functools import partial
from itertools import product

import pytest
import yaml

from automtl_cli.settings import NAMED, PARTS, explained
from automtl_core.dataset.dataset import INTEGER, NUMBER, TEXT, RawFile
from automtl_core.errors import AutoMTLError
from automtl_core.raw.records import file_layout, records
from automtl_core.registry.plugins import load_registry
from automtl_core.system.documents import parse_json
from automtl_core.system.strict_yaml import parse_yaml
from automtl_inspection.guess.guess import guess
from automtl_inspection.guess.peek import peek

from .programme import fault, tried

ODD = (
    None, [], {}, "x", "", -1, 0, 10**30, 1e308, float("nan"), float("inf"), True, [[]], {"a": {"b": None}},
    [None], "\x1b[31mred", "\u202eevil", "a\nerror: forged", "../../etc/passwd", "x" * 5000, "auto", "1e9",
    "$HOME", "~",
)  # fmt: skip
"""Values that few settings accept."""
COMMANDS = (
    "show NAME", "report NAME", "evaluate NAME", "data describe NAME", "data init NAME", "list NAME",
    "check NAME", "show --follow NAME", "export NAME", "update NAME x.csv", "search --dry-run NAME",
    "search --resume NAME", "search --dry-run --dataset NAME", "train --dry-run --model NAME",
    "compare --models NAME", "predict NAME x.csv --out y",
)  # fmt: skip
"""Commands with a name."""
NAMES = (
    "", ".", "..", "/", "/dev/null", "-", "\x1b[31m", "a\nerror: b", "x" * 300, "%s", "{}", "nothing", "~",
    "a/../b", "$HOME", "*", "[1]", "\u202ex", "é", "a b", "1", "null", "--help-me",
)  # fmt: skip


def settings():
    """Yield the path of each setting, with that of each component."""
    registry = load_registry()
    for part in PARTS:
        for setting in explained(registry, part).settings:
            yield setting.name if part == "run" else f"{part}.{setting.name}"
    for kind, (key, of) in NAMED.items():
        for name in registry.names(of):
            for setting in explained(registry, kind, name).settings:
                yield f"{key}={name}.{setting.name}"


def document(path, value):
    """Return a configuration with a value at a path; `strategy=random.rows` also names the strategy."""
    part, _, rest = path.partition(".")
    key, _, name = part.partition("=")
    for inner in reversed(rest.split(".")) if rest else ():
        value = {inner: value}
    named = {"name": name} if name else {}
    return {key: {**named, **value} if isinstance(value, dict) and rest else value}


def checked(capsys, file, *options):
    """Return what is wrong with the end of a check of a configuration."""
    given = [] if file is None else [str(file)]
    return fault(capsys, ["check", *given, *options])


def test_settings_in_files(capsys, tmp_path):
    file = tmp_path / "c.yaml"

    def one(case):
        file.write_text(yaml.safe_dump(document(*case), allow_unicode=True))
        return checked(capsys, file)

    tried("crafted settings in files", list(product(settings(), ODD))[::14], one, "check", few=20)


KEYS = ("null", "1", "-1.5", "true", "yes", "2024-01-31", "~", "?", "<<", "=", ".nan", "[a]", "{a: 1}",
        '"1"', "''")  # fmt: skip
"""Keys of a document, of which YAML takes few for a name."""


def test_settings_with_odd_keys(capsys, tmp_path):
    file = tmp_path / "c.yaml"
    paths = {tuple(path.split(".")[:-1]) for path in settings() if "=" not in path}

    def one(case):
        keys, odd = case
        lines = [*keys, "?" if odd == "?" else f"{odd}: 1"]
        text = "\n".join("  " * depth + key + ":" * (key in keys) for depth, key in enumerate(lines))
        file.write_text(text)
        found = checked(capsys, file)
        return f"{found} in {text!r}" if found else None

    tried("crafted settings in files", list(product(sorted(paths), KEYS)), one, "check", few=30)


def test_settings_on_the_command_line(capsys, tmp_path):
    def one(case):
        path, value = case
        name, _, rest = path.partition("=")
        key = f"{name}.{rest.partition('.')[2]}" if rest else path
        named = ["--set", f"{name}.name={rest.partition('.')[0]}"] if rest else []
        return checked(capsys, None, *named, "--set", f"{key}={json.dumps(value)}")

    tried("crafted settings of --set", list(product(settings(), ODD))[1::28], one, "check", few=20)


def test_names_and_paths(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cases = [[name if w == "NAME" else w for w in ws.split()] for ws, name in product(COMMANDS, NAMES)]
    random.Random(0).shuffle(cases)
    tried("crafted names and paths", cases[::2], lambda words: fault(capsys, words), "all commands", few=20)


COLUMNS = {"user": TEXT, "click": INTEGER, "price": NUMBER}
SIGNS = (
    "a", "b", "1", "-1.5", "1e999", "nan", "", " ", '"', '""', "'", "\\N", "\x00", "\t", ";", "|", "é",
    "\ufeff", "\u202e", "0x1F", "٣", "2024-01-31", "yes", "no", "#", "{", "}", "\x1b[31m", "9" * 400,
    "x" * 3000,
)  # fmt: skip
ENCODINGS = {"utf-8": 20, "utf-8-sig": 2, "utf-16": 1, "latin-1": 1, "utf-32": 1}
ENDS = {"\n": 10, "\r\n": 5, "\r": 1}
OPEN = (
    "{", "[", '"', "'", "|", ">", "&a ", "*a", "!!python/object:os.system ", "- ", "? ", ": ", "#", "<<: ",
)  # fmt: skip
CLOSE = (
    "}", "]", '"', ",", ":", "\n", "\n  ", " ", "null", "true", "1", "-0", "1e400", "9" * 5000, "NaN",
    "\\u0000", "\\ud800", "\x00", "a", "training", "epochs", "space", "name: desan",
    "dataset: {name: table}",
)  # fmt: skip


def table(draw):
    """Return the separator and the content of a table with some odd values, row widths and line ends."""
    columns, separator = draw.randint(3, 4), draw.choice((",", ",", "\t", ";", "|"))
    odd = draw.choice((0, 0.02, 0.3))

    def cell(plain, share):
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


def _weighted(draw, weights):
    return draw.choices(list(weights), list(weights.values()))[0]


def text(draw):
    """Return a text of the signs of JSON and YAML."""
    return "".join(draw.choice(OPEN if draw.random() < 0.4 else CLOSE) for _ in range(draw.randint(1, 14)))


def problem(read):
    """Return what is wrong with the end of a function; None if it returns, or refuses with a remedy."""
    try:
        read()
    except AutoMTLError as error:
        return None if str(error) and error.fix else f"no message or no remedy: {error!r}"
    except Exception as error:
        return repr(error)
    return None


@pytest.mark.parametrize("part", range(4))
def test_generated_tables(tmp_path, part):
    path = tmp_path / "a.csv"

    def one(seed):
        separator, content = table(random.Random(seed))
        path.write_bytes(content)
        file = RawFile("a.csv", COLUMNS, others=True, separator=separator)
        if found := problem(lambda: list(records(file_layout(path, file)))):
            return found
        return problem(lambda: guess(peek(str(path)))) if seed % 10 == 0 else None

    tried("generated tables", range(1125 * part, 1125 * (part + 1)), one, "data init, preparation", few=60)


def test_generated_documents(capsys, tmp_path):
    path = tmp_path / "c.yaml"
    readers = (
        lambda content: parse_json(content, "a.json", "repair it"),
        lambda content: parse_yaml(content, "a.yaml"),
    )

    def one(seed):
        content = text(random.Random(seed))
        if found := next((found for read in readers if (found := problem(partial(read, content)))), None):
            return found
        path.write_bytes(content.encode("utf-8", "surrogatepass"))
        return checked(capsys, path) if seed % 10 == 0 else None

    tried("generated documents", range(5500), one, "check", few=60)
