"""The settings of a table of the user: guessed from its first rows, written, and told."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from automtl_cli import options
from automtl_cli.output import Json, say
from automtl_cli.settings import in_yaml
from automtl_core.dataset.dataset import DatasetSettings
from automtl_core.errors import AutoMTLError, RunExistsError, UsageError, listing, on_one_line
from automtl_core.system.files import write_atomic
from automtl_core.system.strict_yaml import read_yaml
from automtl_core.training.recipe import Recipe
from automtl_inspection.guess.facts import Glimpse
from automtl_inspection.guess.guess import Guess, TableGuess, guess
from automtl_inspection.guess.peek import peek
from automtl_inspection.guess.rules import Role, parts_of_date
from automtl_inspection.sections import Section, lines, next_commands, table

SHOWN = 30
"""Maximum number of characters that are shown of a value."""
HELP: Mapping[Role, str] = {
    "labels": "Labels, the columns to predict: check these first. A row with a blank does not count for it.",
    "sparse": "Categorical fields: text, or integer if any other value is a fault.",
    "dense": "Numeric fields.",
    "multi": "Multi-valued fields, with the separator between values.",
}
"""Role -> help for its correction."""
FORMAT = {
    "name": "",
    "files": "",
    "separator": "",
    "encoding": "  # of rows that are not UTF-8; or such as cp1251, gb18030",
    "blanks": "  # texts that are blanks, in all columns",
    "columns": "  # There is no header: `--columns` names the columns, here and below.",
}
"""Settings of the format of files -> comment."""


def init(
    files: str, out: Path | None, labels: str | None = None, columns: str | None = None, force: bool = False
) -> Json:
    """Read the first rows of a table, write settings for it, and return the guesses.

    Args:
        files: A file, or a pattern of files.
        out: The output file. None: a file in the working directory that is named after the table.
        labels: Columns to predict, with commas between them. None: those that look like labels.
        columns: Names of all columns of a file without a header, with commas between them.
        force: Whether an existing configuration is overwritten.

    Raises:
        RunExistsError: the output file exists (with `force`, and is no configuration), or cannot be written.
        UsageError: a label is not a column, or its positive value cannot be inferred.

    """
    path = out if out is not None else Path(f"{_stem(files)}.yaml")
    _check_new(path, force)
    seen = peek(files, options.names(columns or ""))
    named = options.names(labels or "")
    if labels in [facts.name for facts in seen.columns]:
        named = [labels or ""]
    guessed = TableGuess(seen, guess(seen, named, choose=True))
    commands = [f"automtl {words} {shlex.quote(str(path))}" for words in ("data describe", "search")]
    content = settings(guessed, commands)
    if not guessed.of("labels"):
        to = "" if path == Path(f"{_stem(files)}.yaml") else f" --out {shlex.quote(str(path))}"
        to += f" --columns {shlex.quote(columns)}" if columns else ""
        commands = [f"automtl data init {shlex.quote(files)}{to} --force --labels NAME,..."]
    write_atomic(path, content.encode())
    described = [
        {**asdict(column.facts), "name": column.name, "role": column.role, "about": about(column, seen)}
        for column in guessed.columns
    ]
    return {
        "path": str(path),
        "rows": seen.rows,
        "seen": seen.seen,
        "columns": described,
        "remarks": [*guessed.remarks(), *_remarks(files, seen, bool(columns))],
        "next": commands,
    }


def settings_of(files: str, labels: str | None) -> Path:
    """Return the settings of a table: those in the working directory, or new ones, of which it tells.

    Raises:
        UsageError: the settings that are there are of another table, or have other labels; or no column
            looks like a label.

    """
    path, named = Path(f"{_stem(files)}.yaml"), options.names(labels or "")
    if path.exists():
        held = read_yaml(path)
        dataset, folder = held.get("dataset"), Path(str(held.get("data_dir", "")))
        known = (dataset.get("labels") or ()) if isinstance(dataset, Mapping) else ()
        same = folder.resolve() == Path(files).parent.resolve()
        if not same or (named and {*named} not in ({*known}, {name.partition("=")[0] for name in known})):
            fix = f"to write it again: automtl data init {shlex.quote(files)} --labels NAME,... --force"
            raise UsageError(f"{path}: is there already, with other rows or labels ({listing(known)})", fix)
        return path
    done = init(files, path, labels)
    found = [column["name"] for column in done["columns"] if column["role"] == "labels"]
    if not found:
        path.unlink()
        columns = listing(column["name"] for column in done["columns"])
        what = f"{files}: no column looks like a label"
        raise UsageError(what, f"name some: --labels NAME,...; the columns are: {columns}")
    told = ", ".join(sorted(found, key=lambda name: named.index(name) if name in named else 0))
    for line in (f"settings written to {path}, to be corrected there; labels: {told}", *done["remarks"]):
        say(line)
    return path


def _check_new(path: Path, force: bool) -> None:
    """Check that a configuration may be written to a path; `force` overwrites an existing one."""
    other = "give another name: --out NAME.yaml"
    if not path.absolute().parent.is_dir():
        raise RunExistsError(f"{path}: cannot be written: its folder does not exist", "choose another --out")
    if not path.exists():
        return
    if not force:
        raise RunExistsError(f"{path}: exists already", f"{other}, or overwrite it: --force")
    try:
        held = read_yaml(path)
    except AutoMTLError:
        held = {}
    if path.is_symlink() or "dataset" not in held:
        raise RunExistsError(f"{path}: exists already, and is no configuration", f"delete it, or {other}")


def _remarks(files: str, seen: Glimpse, named: bool) -> Iterator[str]:
    """Yield sentences on few and on faulty rows, on columns without names, and on dates in three columns."""
    if seen.faulty:
        faulty = "1 faulty row is" if seen.faulty == 1 else f"{seen.faulty:,} faulty rows are"
        yield f"{faulty} left out, such as {seen.fault}; repair the file to keep them"
    least, share = Recipe().min_positives, DatasetSettings().validation_fraction
    if seen.rows * share < least:
        yield (
            f"few rows ({seen.rows:,}): a search needs {least} validation rows of either class "
            f"(training.min_positives), so {least / share:,.0f} rows and more"
        )
    if not (seen.header or named):
        yield (
            f"there is no header: the columns are {seen.columns[0].name} to {seen.columns[-1].name}; to name "
            f"them: automtl data init {shlex.quote(files)} --force --columns user,item,click,time,..."
        )
    if parts := parts_of_date(seen):
        yield (
            f"{on_one_line(', '.join(parts))}: parts of a date; write it as one column of dates such as "
            "2024-01-31, which can split the rows by time"
        )


def view(done: Json) -> Iterator[Section]:
    """Yield the role of each column and the next commands."""
    columns = [(column["name"], column["role"], column["about"]) for column in done["columns"]]
    yield table(["column", "use", "values"], columns)
    yield lines(*done["remarks"])
    lacking = "" if any(role == "labels" for _, role, _ in columns) else ": it needs labels"
    yield lines(f"written: {done['path']}{lacking}", *next_commands(done["next"]))


def settings(guessed: TableGuess, commands: Sequence[str]) -> str:
    """Return the text of the settings, with facts about the columns as comments."""
    seen, layer = guessed.seen, guessed.layer()
    dataset, amount = layer["dataset"], f"its {seen.rows:,} rows"
    if seen.seen < seen.rows:
        amount = f"the first {seen.seen:,} of {'' if seen.parquet else 'about '}{seen.rows:,} rows"
    lines = [
        f"# Settings of {on_one_line(seen.pattern)}, guessed by `automtl data init` from {amount}.",
        "# Correct wrong guesses (`automtl list dataset table` explains all settings), then:",
        *(f"#   {on_one_line(command)}" for command in commands),
        f"data_dir: {in_yaml(layer['data_dir'])}",
        "dataset:",
        *(f"  {key}: {in_yaml(dataset[key])}{end}" for key, end in FORMAT.items() if key in dataset),
    ]
    for role in HELP:
        lines += _section(role, guessed)
    lines += ["", *(f"  {line}" for line in _split(guessed, dataset))]
    if "bad_rows" in dataset:
        lines += ["  bad_rows: skip  # leaves out faulty rows, and lists them; fail: they are an error"]
    if unused := guessed.of("unused"):
        lines += ["", "  # Not used:"]
        lines += [f"  #   {on_one_line(c.facts.name)}: {about(c, seen)}" for c in unused]
    training = [
        "training:",
        f"  batch_size: {layer['training']['batch_size']}  # for {seen.rows:,} rows",
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
            text = f"{_about_label(guess)}{doubt}"
        case "multi":
            parts = facts.parts[guess.setting]
            text = f"{parts.values:,} values, {parts.parts / seen.seen:.1f} a row{some}"
        case "sparse":
            text = f"{facts.values:,} values{some}{doubt}"
        case "time":
            text = spread
        case "list":
            rows = facts.rows / facts.values
            text = f"{facts.values:,} lists of {rows:.1f} rows on average, which have {facts.together}"
        case _:
            text = f"{float(facts.low):.4g} to {float(facts.high):.4g}, mean {facts.mean:.4g}{doubt}"
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
    odd = guess.facts.odd if guess.role == "sparse" and not guess.facts.few else guess.odd
    if odd is None:
        return ""
    place = f"{'row' if seen.parquet else 'line'} {odd.line:,}"
    counts = " (0)" if "positive" in (guess.setting or ()) else ""
    counts = " (a time far from the others)" if odd is guess.facts.odd_clock else counts
    rows = "1 row has" if odd.rows == 1 else f"{odd.rows:,} rows have"
    return f"; {rows} another value{counts}: {_value(odd.value)!r} in {place}"


def _section(role: Role, guessed: TableGuess) -> Iterator[str]:
    """Yield the settings of the columns with a role."""
    columns = guessed.of(role)
    if not columns and role != "labels":
        return
    yield f"\n  # {HELP[role]}"
    if role == "sparse":
        ids = sum(column.facts.values for column in columns)
        yield f"  # In these rows they have {ids:,} values. Each value gets an embedding."
    none = " []  # no column looks like a label: name some, such as [click]"
    yield f"  {role}:{'' if columns else none}"
    for column in columns:
        yield f"    {in_yaml(column.name)}: {in_yaml(column.setting)}  # {about(column, guessed.seen)}"


def _split(guessed: TableGuess, dataset: Mapping[str, Any]) -> Iterator[str]:
    """Yield settings of the split and the vocabularies."""
    if name := dataset.get("user"):
        yield f"user: {in_yaml(name)}  # for metrics by user: GAUC, NDCG"
        yield "# split: user  # all rows of a user go to one part"
    if at := guessed.time:
        yield f"time: {in_yaml(at.name)}  # {about(at, guessed.seen)}"
        if unit := dataset.get("time_unit"):
            yield f"time_unit: {unit}  # of its numbers: s, ms, us or ns"
        sign = "" if "split" in dataset else "# "
        yield f"{sign}split: time  # the latest rows are for the test, those before for validation"
        if name:
            history = dataset.get("history")
            sign, of_user = "# " if history is None else "", on_one_line(name)
            yield f"{sign}history: {in_yaml(history or {})}  # rows read the earlier rows of their {of_user}"
        if name and not guessed.lists and at.facts.clock in ("seconds", "date"):
            of_day = at.facts.clock == "seconds" or ":" in at.facts.high
            form, which = ("gap: 30m", "without a gap of 30 minutes") if of_day else ("every: 1d", "of a day")
            yield f"# list: {{user, {form}}}  # rows of a user {which} are ranked against each other"
        if parts := dataset.get("fields"):
            yield "fields:  # parts of the time, in UTC; predictions then need the time"
            yield from (f"  {in_yaml(part)}: {in_yaml(one)}" for part, one in parts.items())
    if of_list := guessed.lists:
        yield "# Rows that are ranked against each other, seen at the moment when their list begins:"
        yield f"list: {in_yaml(of_list.name)}  # {about(of_list, guessed.seen)}"
    if counts := dataset.get("min_count"):
        yield f"min_count: {in_yaml(counts)}  # most of their values are in one row, and become unseen ids"
    else:
        yield "# min_count: 2  # values in fewer training rows become unseen ids"


def _stem(files: str) -> str:
    """Return a name for the settings of files, such as `clicks` for `clicks-*.csv.gz`."""
    return re.sub(r"[^\w-]+", "-", Path(files).name.split(".")[0]).strip("-") or "table"


def _value(value: str) -> str:
    shown = on_one_line(value)
    return f"{shown[:SHOWN]}..." if len(shown) > SHOWN else shown
