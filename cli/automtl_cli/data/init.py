"""The command that reads a table of the user and writes its settings."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import yaml

from automtl_cli.new_file import check_path, write
from automtl_cli.output import Json
from automtl_core.errors import listing, on_one_line
from automtl_core.views.values import Section, lines, next_commands, table
from automtl_inspection.guess.guess import (
    Guess,
    as_label,
    batch_size,
    blanks,
    faults,
    guess,
    min_counts,
    split,
    time,
    user,
)
from automtl_inspection.guess.peek import Glimpse, peek
from automtl_inspection.guess.rules import Role
from automtl_inspection.guess.settings import split_by_time, uncertain

SHOWN = 30
"""Maximum number of characters that are shown of a value."""
HELP: Mapping[Role, str] = {
    "labels": """\
Labels, the columns to predict: check these first. A blank is a missing label, and the row does not count for
the task. Optional settings in braces, separated by commas:
  kind: regression    a number to predict, in place of 0 or 1
  positive: ["yes"]   texts that mean 1; all other texts mean 0
  after: click        label of the action that comes before this one
  given: click        label that must be 1 for this label to count""",
    "sparse": "Categorical fields: text, or integer if any other value is a fault.",
    "dense": """\
Numeric fields. Optional settings in braces:
  scaling: log        or minmax, none; the default is standard
  missing: 0          number that replaces a blank
  buckets: 10         number of categories of equal frequency, in place of a number""",
    "multi": "Multi-valued fields, with the separator between values.",
}
"""Role -> help for its correction."""


def init(files: str, out: Path | None, labels: str | None = None, force: bool = False) -> Json:
    """Read the first rows of a table, write settings for it, and return the guesses.

    Args:
        files: A file, or a pattern of files.
        out: The output file. None: a file in the working directory that is named after the table.
        labels: Columns to predict, with commas between them. None: those that look like labels.
        force: Whether an existing configuration is overwritten.

    Raises:
        RunExistsError: the output file exists (with `force`, and is no configuration), or cannot be written.
        UsageError: a label is not a column, or its positive value cannot be inferred.

    """
    path = out if out is not None else Path(f"{_stem(files)}.yaml")
    check_path(path, force)
    seen = peek(files)
    names = [name.strip() for name in (labels or "").split(",") if name.strip()]
    if labels in [facts.name for facts in seen.columns]:  # a name may hold commas
        names = [labels]
    guesses = guess(seen, names)
    commands = _commands(path)
    content = settings(seen, guesses, commands)
    if not any(each.role == "labels" for each in guesses):
        commands = [_with_labels(files, path)]
    write(path, content)
    at = time(guesses)
    remarks = [split_by_time(at.name)] if at is not None and split(guesses) else []
    columns = [
        {**asdict(each.facts), "name": each.name, "role": each.role, "about": about(each, seen)}
        for each in guesses
    ]
    return {
        "path": str(path),
        "rows": seen.rows,
        "seen": seen.seen,
        "columns": columns,
        "faulty": {"rows": seen.faulty, "first": seen.fault},
        "remarks": [*remarks, *uncertain(guesses)],
        "may_be_labels": [each.facts.name for each in guesses if each.candidate],
        "next": commands,
    }


def view(done: Json) -> Iterator[Section]:
    """Yield the role of each column and the next commands."""
    columns = [(each["name"], each["role"], each["about"]) for each in done["columns"]]
    yield table(["column", "use", "values"], columns)
    if done["remarks"]:
        yield lines(*done["remarks"])
    if (rows := done["faulty"]["rows"]) == 1:
        way_out = f"repair it, or leave it out by `bad_rows: skip` in {done['path']}"
        yield lines(f"1 faulty row: {done['faulty']['first']}", way_out)
    elif rows:
        way_out = f"repair them, or leave them out by `bad_rows: skip` in {done['path']}"
        yield lines(f"{rows:,} faulty rows, such as {done['faulty']['first']}", way_out)
    lacking = ""
    if not any(role == "labels" for _, role, _ in columns):
        known = ", ".join(done["may_be_labels"])
        lacking = ": it needs labels" + (f"; these columns have two values: {known}" if known else "")
    yield lines(f"written: {done['path']}{lacking}", *next_commands(done["next"]))


def settings(seen: Glimpse, guesses: Sequence[Guess], commands: Sequence[str]) -> str:
    """Return the text of the settings, with facts about the columns as comments."""
    lines = [
        f"# Settings of {on_one_line(seen.pattern)}, guessed by `automtl data init` from {_amount(seen)}.",
        "# Correct wrong guesses, then:",
        *(f"#   {on_one_line(command)}" for command in commands),
        f"data_dir: {_yaml(str(seen.folder))}",
        "dataset:",
        "  name: table",
        f"  files: {_yaml(seen.pattern)}",
    ]
    if not seen.parquet and seen.separator != ",":
        lines.append(f"  separator: {_yaml(seen.separator)}")
    if seen.encoding:
        lines.append(f"  encoding: {seen.encoding}  # of rows that are not UTF-8; or such as cp1251, gb18030")
    if texts := blanks(guesses):
        lines.append(f"  blanks: {_yaml(texts)}  # texts that are blanks, in all columns")
    if not seen.header:
        names = [facts.name for facts in seen.columns]
        lines += [
            "  # There is no header: name the columns, here and below.",
            f"  columns: {_yaml(names)}",
        ]
    for role in HELP:
        lines += _section(role, seen, [each for each in guesses if each.role == role])
        if role == "labels":
            lines += _candidates(guesses)
    lines += ["", *(f"  {line}" for line in (*_split(seen, guesses), *_bad_rows(seen, guesses)))]
    if unused := [each for each in guesses if each.role == "unused"]:
        lines += ["", "  # Not used:"]
        lines += [f"  #   {on_one_line(each.facts.name)}: {about(each, seen)}" for each in unused]
    size = batch_size(seen.rows)
    training = [
        "training:",
        f"  batch_size: {size}  # for {seen.rows:,} rows",
        "  # loss_weights: {NAME: 2}  # weight of the loss of a label; 1 for a label that is not named",
    ]
    return "\n".join([*lines, "", *training, ""])


def about(guess: Guess, seen: Glimpse) -> str:
    """Return a description of a column in one line."""
    facts = guess.facts
    spread = f"{_value(facts.low)} to {_value(facts.high)}"
    some = f": {', '.join(map(_value, facts.few))}" if facts.few else f", most often {_value(facts.example)}"
    doubt = f"; {guess.doubt}" if guess.doubt else ""
    match guess.role:
        case "unused":
            reason, sign, remedy = guess.reason.partition(":")
            example = f", such as {_value(facts.example)}" if facts.example else ""
            return f"{reason}{example}{sign}{remedy}"
        case "labels" if guess.setting.get("kind") != "regression":
            text = _about_label(guess)
        case "multi":
            parts = facts.parts[guess.setting]
            text = f"{parts.values:,} values, {parts.parts / seen.seen:.1f} a row{some}"
        case "sparse":
            text = f"{facts.values:,} values{some}{doubt}"
        case "time":
            text = spread
        case _:
            text = f"{spread}, mean {facts.mean:.4g}{doubt}"
    blank = 1 - facts.rows / seen.seen
    text = f"{text}; {blank:.1%} blank" if blank else text
    return text + _about_odd(guess, seen)


def _about_label(guess: Guess) -> str:
    facts, positive = guess.facts, guess.setting.get("positive")
    if guess.label:
        column, text = map(_value, (facts.name, guess.label.removeprefix(f"{facts.name}=")))
        return f"1 where {column} holds {text}, 0 where it holds another text, missing where it is blank"
    if facts.bits is None:
        return f"{' or '.join(map(_value, facts.few))}, most often {_value(facts.example)}"
    known = facts.rows - (facts.odd_bits.rows if facts.odd_bits else 0)
    text = f"{facts.ones / known:.1%} are {_value(positive[0] if positive else '1')}"
    if before := guess.setting.get("after"):
        name = on_one_line(before)
        text += f", only where {name} is; with `given: {name}` only such rows count"
    return text


def _about_odd(guess: Guess, seen: Glimpse) -> str:
    """Return a remark on the values that are not like nearly all others; an empty text without them."""
    odd = guess.facts.odd if guess.role == "sparse" and not guess.facts.few else faults(guess)
    if odd is None:
        return ""
    place = f"{'row' if seen.parquet else 'line'} {odd.line:,}"
    counts = " (0)" if "positive" in (guess.setting or ()) else ""
    counts = " (a time far from the others)" if odd is guess.facts.odd_clock else counts
    rows = "1 row has" if odd.rows == 1 else f"{odd.rows:,} rows have"
    return f"; {rows} another value{counts}: {_value(odd.value)!r} in {place}"


def _section(role: Role, seen: Glimpse, guesses: Sequence[Guess]) -> Iterator[str]:
    if not guesses and role != "labels":
        return
    yield ""
    yield from (f"  # {line}" for line in HELP[role].splitlines())
    if role == "sparse":
        ids = sum(each.facts.values for each in guesses)
        yield f"  # In these rows they have {ids:,} values. Each value gets an embedding."
    if not guesses:
        yield f"  {role}: []  # no column looks like a label: name some, such as [click]"
        return
    yield f"  {role}:"
    for each in guesses:
        yield f"    {_yaml(each.name)}: {_yaml(each.setting)}  # {about(each, seen)}"


def _candidates(guesses: Sequence[Guess]) -> Iterator[str]:
    if columns := [each.facts for each in guesses if each.candidate]:
        settings = [as_label(facts) for facts in columns]
        named = (
            f"{on_one_line(facts.name)}{f': {on_one_line(_yaml(setting))}' if setting else ''}"
            for facts, setting in zip(columns, settings, strict=True)
        )
        yield f"  # These columns have two values too, and may be labels: {', '.join(named)}"
        yield "  # They are not used. Name each here, or in `sparse` if it is known before the prediction."


def _split(seen: Glimpse, guesses: Sequence[Guess]) -> Iterator[str]:
    """Yield settings of the split and the vocabularies."""
    if (name := user(guesses)) is not None:
        yield f"user: {_yaml(name)}  # for metrics by user: GAUC, NDCG"
        yield "# split: user  # all rows of a user go to one part"
    if (at := time(guesses)) is not None:
        yield f"time: {_yaml(at.name)}  # {about(at, seen)}"
        sign = "" if split(guesses) else "# "
        yield f"{sign}split: time  # the latest rows are for the test, those before for validation"
        if name is not None:
            yield f"# history: {{}}  # rows read the earlier rows of their {on_one_line(name)}"
        yield from _parts_of(at)
    if counts := min_counts(guesses):
        yield f"min_count: {_yaml(counts)}  # most of their values are in one row only, and become unseen ids"
    else:
        yield "# min_count: 2  # values in fewer training rows become unseen ids"


def _parts_of(time: Guess) -> Iterator[str]:
    """Yield proposals of fields that are parts of the time, unless it only counts steps."""
    name, clock = time.name, time.facts.clock
    if not clock:
        return
    of_day = clock == "seconds" or (clock == "date" and ":" in time.facts.high)
    parts = ("hour", "weekday") if of_day else ("weekday",)
    yield f"# fields:  # {' and '.join(parts)} as fields; predictions then need the time"
    for part in parts:
        setting = f"kind: time-part, column: {_yaml(name)}, part: {part}"
        yield f"#   {_yaml(f'{name}:{part}')}: {{{setting}}}"


def _bad_rows(seen: Glimpse, guesses: Sequence[Guess]) -> Iterator[str]:
    """Yield a proposal to skip faulty rows, if there are any."""
    odd = [
        each.name
        for each in guesses
        if faults(each) not in (None, each.facts.odd_clock) and "positive" not in (each.setting or ())
    ]
    if seen.faulty:
        rows = "row is" if seen.faulty == 1 else "rows are"
        yield f"# {seen.faulty:,} {rows} faulty: {on_one_line(seen.fault)}"
    if seen.faulty or odd:
        words = f"; other values in {on_one_line(listing(odd))}" if odd else ""
        yield f"# bad_rows: skip  # repair faulty rows, or leave them out{words}"


def _amount(seen: Glimpse) -> str:
    if seen.seen == seen.rows:
        return f"its {seen.rows:,} rows"
    return f"the first {seen.seen:,} of {'' if seen.parquet else 'about '}{seen.rows:,} rows"


def _commands(path: Path) -> list[str]:
    config = f"--config {shlex.quote(str(path))}"
    return [f"automtl data describe table {config}", f"automtl search {config}"]


def _with_labels(files: str, path: Path) -> str:
    """Return the command that writes the settings again, with labels."""
    out = "" if path == Path(f"{_stem(files)}.yaml") else f" --out {shlex.quote(str(path))}"
    return f"automtl data init {shlex.quote(files)}{out} --force --labels NAME,..."


def _stem(files: str) -> str:
    """Return a name for the settings of files, such as `clicks` for `clicks-*.csv.gz`."""
    return re.sub(r"[^\w-]+", "-", Path(files).name.split(".")[0]).strip("-") or "table"


def _value(value: str) -> str:
    shown = on_one_line(value)
    return f"{shown[:SHOWN]}..." if len(shown) > SHOWN else shown


def _yaml(value: object) -> str:
    """Return a value as YAML in one printable line."""
    text = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=1 << 30)[1:-2]
    if text.isprintable():
        return text
    return yaml.safe_dump([value], default_flow_style=True, default_style='"', width=1 << 30)[1:-2]
