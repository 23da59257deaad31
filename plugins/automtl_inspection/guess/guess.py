"""Guesses of the roles of a table's columns, and the settings of the dataset `table` that follow.

Wrong guesses are expected, so each guess has a reason, and all are written to a file that the user corrects.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from automtl_core.dataset.dataset import DatasetSettings
from automtl_core.dataset.declarations import source_of
from automtl_core.errors import UsageError, did_you_mean, listing, on_one_line
from automtl_core.fields.encode import seconds
from automtl_inspection.guess.facts import LIST, Facts, Glimpse, Odd
from automtl_inspection.guess.groups import is_user
from automtl_inspection.guess.rules import BINARY, UNDECIDED, Role, acts, names_lists, rule_of, separator_of

LEAST_DAYS = {"hour": 3, "weekday": 28}
"""Part of a time -> days from which rows have it as a field: each part of a split then has all values."""
HISTORY_ROWS = 2.0
"""Rows of a user, on average, from which rows read the earlier ones of their user."""


@dataclass(frozen=True)
class Guess:
    """The guessed role of a column."""

    facts: Facts
    role: Role
    setting: Any = None
    """Value of the key `ROLE.COLUMN` in the settings of the dataset `table`."""
    reason: str = ""
    """Reason why the column is not used."""
    doubt: str = ""
    """Reason for the role, if it may be wrong, and the remedy."""
    label: str = ""
    """Name of a label that is 1 where the column holds a value, such as `action=buy`."""

    @property
    def name(self) -> str:
        """The name in the settings."""
        return self.label or self.facts.name

    @property
    def candidate(self) -> bool:
        """Whether the column is unused because it is binary, and may be a label."""
        return self.reason == UNDECIDED

    @property
    def odd(self) -> Odd | None:
        """The values of the column that do not fit its role."""
        if self.role == "labels" and self.setting.get("kind") != "regression":
            return self.facts.odd_bits
        if self.role == "time":
            return self.facts.odd or self.facts.odd_clock
        return self.facts.odd if self.role in ("labels", "dense") else None


def guess(
    seen: Glimpse, labels: Sequence[str] | Mapping[str, Mapping[str, Any] | None] = (), choose: bool = False
) -> list[Guess]:
    """Return the guessed role of each column, in order, and then the labels that are values of a column.

    Binary columns with an ambiguous name are not used: a label among the inputs is a leak of other labels.
    Without binary columns and labels, the values of a column of actions are labels, but the most frequent.

    Args:
        seen: Description of the table.
        labels: Columns to predict, or column -> settings as in `dataset.labels`, None for a guess; if empty,
            the columns that look like labels.
        choose: Whether one of two values of a named label that are not 0 and 1 is chosen to mean 1, with a
            doubt, where the user can correct it.

    Raises:
        UsageError: a label is not a column, or its positive value cannot be inferred.

    """
    named = labels if isinstance(labels, Mapping) else dict.fromkeys(labels)
    known = {facts.name: facts for facts in seen.columns}
    of_values = {name: source_of(name)[0] for name in named if name not in known and "=" in name}
    if unknown := [name for name in named if of_values.get(name, name) not in known]:
        near = did_you_mean(of_values.get(unknown[0], unknown[0]), known)
        if held := [f"{name}={unknown[0]}" for name in known if unknown[0] in known[name].few]:
            near = f", but a value of one: {held[0]}"
        places = f"c1 to c{len(known)}, in their order, since the file has no header"
        fix = f"the columns are: {listing(known) if seen.header else places}"
        raise UsageError(f"label {unknown[0]!r} is not a column{near}", fix)
    found = [_guess(facts, seen) for facts in seen.columns]
    if named:
        implied = {name for label in named if label in known for name in known[label].only_where}
        found = [_as_named(each, named, choose, implied) for each in found]
    elif not any(each.role == "labels" or each.candidate for each in found):
        actions = [facts for each in found if acts(facts := each.facts) and each.role == "sparse"]
        for facts in actions if len(actions) == 1 else ():
            values = (value for value in facts.few if value != facts.example)
            of_values |= {f"{facts.name}={value}": facts.name for value in values}
    for n, each in enumerate(found):
        if each.name in of_values.values():
            found[n] = Guess(each.facts, "unused", reason="its values are labels")
    found += [_of_value(name, known[column], named.get(name)) for name, column in of_values.items()]
    times = [each.facts for each in found if each.role == "time"]
    lists = [each.facts for each in found if each.role == "list"]
    finest = max(lists, key=lambda facts: (names_lists(facts.name, alone=False), facts.values), default=None)
    best = max(times, key=lambda facts: (bool(facts.panel), facts.values), default=None)
    alike: dict[str, str] = {}
    for n, each in enumerate(found):
        name = each.name
        if each.role == "time" and each.facts is not best:
            found[n] = Guess(each.facts, "unused", reason="another column is the time of the rows")
        elif each.role == "list" and each.facts is not finest:
            found[n] = Guess(each.facts, "unused", reason="another column groups the rows into lists")
        elif (other := alike.setdefault(name.lower(), name)) != name:
            found[n] = Guess(each.facts, "unused", reason=f"its name differs from {other} in case only")
    chosen = [each.name for each in found if each.role == "labels"]
    return [_in_order(each, chosen) if named.get(each.name) is None else each for each in found]


def _of_value(name: str, facts: Facts, setting: Mapping[str, Any] | None) -> Guess:
    """Return the guess of a label that is 1 where a column holds a value.

    Raises:
        UsageError: the column has few values, and this is none of them.

    """
    _, value = source_of(name)
    if facts.few and value not in facts.few:
        near = did_you_mean(value or "", facts.few)
        what = f"label {name!r}: no row holds {value!r} in {facts.name}{near}"
        raise UsageError(what, f"its values are: {listing(facts.few)}")
    return Guess(facts, "labels", dict(setting or {}), label=name)


def _in_order(each: Guess, labels: Sequence[str]) -> Guess:
    """Return the guess of a label with the label before it.

    That is `given` where it is blank exactly where another label is 0, and `after` where it is never 1
    without the other label.
    """
    before = [("given", each.facts.blank_where), *(("after", name) for name in each.facts.only_where)]
    relation = next(({key: name} for key, name in before if name in labels), None)
    return replace(each, setting=each.setting | relation) if each.role == "labels" and relation else each


def _as_named(
    each: Guess, named: Mapping[str, Mapping[str, Any] | None], choose: bool, implied: Set[str]
) -> Guess:
    """Return the role of a column where labels are named; `implied` are the columns that a label implies."""
    name = each.facts.name
    if name not in named:
        # Labels of one event often imply each other.
        implies = named.keys() & {*each.facts.only_where, each.facts.blank_where}
        if each.candidate and not implies and name not in implied:
            return replace(each, role="sparse", reason="", doubt=BINARY)
        if each.role == "labels":
            return replace(each, role="unused", setting=None, reason="a label that is not named")
        return each
    column = {"column": name} if "=" in name else {}
    if (setting := named[name]) is not None:
        return Guess(each.facts, "labels", {**column, **setting})
    setting, doubt = as_label(each.facts), ""
    if setting is None and choose and 0 < each.facts.values <= 2:
        setting, doubt = _chosen(each.facts)
    if setting and "kind" in setting and each.facts.few and each.role != "labels":
        doubt = f"{each.facts.values} values, taken as numbers; to predict one of them, "
        doubt += "write `positive` with it in place of `kind`"
    if setting is None:
        few, example = each.facts.few, each.facts.example
        form, _, fix = each.facts.form.partition(": ")
        held = form and f"{form}, such as {example!r}"
        rare = [value for value in few if value != example][:2] or [example]
        raise UsageError(
            f"label {name!r} holds {held or f'{listing(few or [example])}: the positive value is unknown'}",
            fix or f"name values to predict: {','.join(f'{name}={value}' for value in rare)}",
        )
    return Guess(each.facts, "labels", {**column, **setting}, doubt=doubt)


def _chosen(facts: Facts) -> tuple[Mapping[str, Any], str]:
    """Return the settings of a label with one or two values that may mean anything, and the doubt."""
    if facts.values == 1:
        doubt = "the same value in all rows, so there is nothing to learn; give rows with others"
        return {} if facts.low in ("0", "1") else {"positive": [facts.low]}, doubt
    if facts.kind == "number":
        return {"kind": "regression"}, ""
    # Of two numbers the higher one, of two texts the rarer one.
    one = facts.high if facts.kind == "integer" else next(v for v in facts.few if v != facts.example)
    doubt = f"two values, of which {one} is taken as 1; if it is the other, change `positive`"
    return {"positive": [one]}, doubt


def as_label(facts: Facts) -> Mapping[str, Any] | None:
    """Return the settings of a label for a column with any name; None where they cannot be inferred."""
    if facts.bits is not None:
        low, high = facts.bits
        return {} if low in ("0", "0.0") else {"positive": [high]}
    return {"kind": "regression"} if facts.kind in ("integer", "number") and facts.values > 2 else None


def _guess(facts: Facts, seen: Glimpse) -> Guess:
    rule = rule_of(facts, seen)
    setting: Any = None
    match rule.role:
        case "labels":
            setting = {**({"column": facts.name} if "=" in facts.name else {}), **(as_label(facts) or {})}
        case "sparse" | "unused":  # the latter may be used after all
            setting = "integer" if facts.kind == "integer" and facts.odd is None else "text"
        case "dense":
            skewed = float(facts.low) >= 0 and float(facts.high) > 20 * facts.mean
            setting = {"scaling": "log"} if skewed else {}
        case "multi":
            setting = LIST if facts.kind == "list" else separator_of(facts)
    return Guess(facts, rule.role, setting, rule.reason.format(facts), on_one_line(rule.doubt.format(facts)))


ROLES: tuple[Role, ...] = ("labels", "sparse", "dense", "multi")


@dataclass(frozen=True)
class TableGuess:
    """A table with the guessed roles of its columns: its settings, and what may be wrong with them."""

    seen: Glimpse
    columns: Sequence[Guess]
    alone: bool = False
    """Whether other settings name users, times or a split, so that rows read no earlier ones unasked."""

    def of(self, *roles: Role) -> list[Guess]:
        """Return the columns with these roles."""
        return [each for each in self.columns if each.role in roles]

    @property
    def time(self) -> Guess | None:
        """The time of the rows."""
        return next(iter(self.of("time")), None)

    @property
    def lists(self) -> Guess | None:
        """The column whose equal values make a list."""
        return next(iter(self.of("list")), None)

    @property
    def user(self) -> Guess | None:
        """The users."""
        users = [each for each in self.of("sparse") if is_user(each.facts)]
        return max(users, key=lambda each: bool(each.facts.panel), default=None)

    @property
    def history(self) -> dict[str, Any] | None:
        """Settings of the earlier rows of the user of a row; None where most users have one row alone."""
        user, at = self.user, self.time
        few = user is None or user.facts.rows < HISTORY_ROWS * user.facts.values
        if self.alone or few or at is None or not at.facts.ordered:
            return None
        own = [each for each in self.of("sparse") if each.facts.of_user]
        varied = [each.name for each in self.of("sparse") if each not in own]
        return {"fields": varied} if varied and len(own) > 1 else {}

    @property
    def odd(self) -> list[str]:
        """Columns whose values of another kind make their rows faulty."""
        odd = (c for c in self.columns if c.odd and "positive" not in (c.setting or ()))
        return [on_one_line(column.name) for column in odd if column.odd is not column.facts.odd_clock]

    def parts_of_time(self) -> dict[str, Any]:
        """Return fields of the hour and the weekday of rows, of which each occurs several times."""
        at = self.time
        if at is None or not at.facts.clock:
            return {}
        of_day = at.facts.clock == "seconds" or ":" in at.facts.high
        days = ((seconds(at.facts.high) or 0) - (seconds(at.facts.low) or 0)) / 86400
        parts = [part for part, least in LEAST_DAYS.items() if days >= least and (of_day or part != "hour")]
        return {f"{at.name}:{part}": {"kind": "time-part", "column": at.name, "part": part} for part in parts}

    def dataset(self) -> dict[str, Any]:
        """Return the settings of the dataset."""
        seen, fields, at, of_list = self.seen, self.of("sparse"), self.time, self.lists
        user, history = self.user, self.history
        blanks = sorted({text for each in self.of(*ROLES, "time") for text in each.facts.blanks})
        # Most values of these fields are in one row only.
        rare = {f.name: 2 for f in (each.facts for each in fields) if 2 * f.single >= f.values >= 1000}
        settings: dict[str, Any] = {
            "name": "table",
            "files": seen.pattern,
            "separator": None if seen.parquet else seen.separator,
            "encoding": seen.encoding,
            "columns": [] if seen.header else [facts.name for facts in seen.columns],
            "blanks": blanks,
            **{role: {each.name: each.setting for each in self.of(role)} for role in ROLES},
            "fields": self.parts_of_time(),
            "user": user.name if user else None,
            "time": at.name if at else None,
            "time_unit": at.facts.unit if at and at.facts.unit != "s" else None,
            "split": "time" if at and at.facts.ordered else None,  # not if it only counts steps
            "list": of_list.name if of_list else None,
            "min_count": rare,
            "bad_rows": "skip" if seen.faulty or self.odd else None,
            "history": history,
        }
        return {key: value for key, value in settings.items() if value or (key == "history" and value == {})}

    def layer(self) -> dict[str, Any]:
        """Return the configuration layer of the table, with a batch size for some 100 steps per epoch."""
        batch_size = min(max(1 << round(math.log2(max(self.seen.rows / 100, 1))), 128), 2048)
        return {
            "data_dir": str(self.seen.folder),
            "dataset": self.dataset(),
            "training": {"batch_size": batch_size},
        }

    def apart(self, others: Mapping[str, Any]) -> "TableGuess":
        """Return the guesses without the columns that other settings of the dataset give another role.

        A column with vectors is categorical.
        """
        named: dict[str, set[str]] = {role: _names(others.get(role)) for role in ROLES}
        weights = others.get("weights")
        named["weights"] = _names(weights.values() if isinstance(weights, Mapping) else weights)
        kept = []
        for each in self.columns:
            if each.name in (others.get("vectors") or ()) and each.role in ("dense", "multi"):
                each = replace(each, role="sparse", setting="text", doubt="")
            taken = any(each.name in names for role, names in named.items() if role != each.role)
            if not taken and not (each.role in ("time", "list") and each.role in others):
                kept.append(each)
        alone = bool({"user", "time", "history"} & others.keys()) or others.get("split") == "random"
        return replace(self, columns=kept, alone=alone)

    def remarks(self, others: Mapping[str, Any] | None = None) -> Iterator[str]:
        """Yield sentences on a split by time, on lists, and on each kind of columns whose role may be wrong.

        Args:
            others: Other settings of the dataset; columns in them have the role that they name.

        """
        others = others or {}
        at = self.time
        if at and at.facts.ordered and not {"split", "files", "test_from"}.intersection(others):
            shares = vars(DatasetSettings()) | {k: v for k, v in others.items() if isinstance(v, float)}
            yield (
                f"rows are split by time ({on_one_line(at.name)}): the latest {shares['test_fraction']:.0%} "
                f"are for the test, the {shares['validation_fraction']:.0%} before for validation; "
                "`split: random` splits at random"
            )
        if self.history is not None and self.user:
            name, told = on_one_line(self.user.name), listing(each.name for each in self.of("labels"))
            yield (
                f"each row reads the earlier rows of its {name}, with their {told}; if these are known late, "
                "set `history_delay` and `label_delay`; `history: null` takes each row for itself"
            )
        if (of_list := self.lists) and "list" not in others:
            yield (
                f"rows with the same {on_one_line(of_list.name)} are ranked against each other, since they "
                f"have {of_list.facts.together}; `list: null` takes each row for itself"
            )
        if self.odd and "bad_rows" not in others:
            yield f"rows with other values in {listing(self.odd)} are left out; `bad_rows: fail` refuses them"
        alike: dict[str, list[str]] = {}
        named = {name for role in ROLES for name in _names(others.get(role))}
        for each in self.columns:
            if each.role == "unused":
                alike.setdefault(f"left out ({each.doubt or each.reason})", []).append(each.name)
            elif each.doubt and each.name not in named:
                taken = f"taken as {'categorical' if each.role == 'sparse' else 'numeric'}, since these are"
                which = "label with" if each.role == "labels" else taken
                alike.setdefault(f"{which} {each.doubt}", []).append(each.name)
        for sentence, columns in alike.items():
            more = f" and {len(columns) - 8:,} more" if len(columns) > 8 else ""
            yield f"{listing(columns[:8])}{more}: {sentence}"


def _names(of_role: Any) -> set[str]:
    """Return the columns of a role in settings: a name, names, or a mapping of names."""
    names = {of_role} if isinstance(of_role, str) else of_role
    return set(names) if isinstance(names, Iterable) else set()
