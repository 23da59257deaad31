"""Choices, decisions and architectures: a model of a search space as data, by names."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np

from automtl_core.errors import ArtifactError, did_you_mean, listing, one_line
from automtl_core.system.documents import Value, json_text, parse_json, read_plain, reader

Decision = str | tuple[str, ...]
"""Decision of a choice: one option of a `OneOf`, or the selected options of an `AnyOf` in its order."""


@dataclass(frozen=True)
class OneOf:
    """A choice of exactly one option, such as the op of a block."""

    name: str
    options: tuple[str, ...]

    def check(self, decision: object) -> str | None:
        """Return the fault of a decision, or None."""
        if isinstance(decision, str) and decision in self.options:
            return None
        hint = did_you_mean(decision, self.options) if isinstance(decision, str) else ""
        return f"{self.name}: expected one of {listing(self.options)}, found {decision!r}{hint}"


@dataclass(frozen=True)
class AnyOf:
    """A choice of any subset of options, such as the fields that an expert reads."""

    name: str
    options: tuple[str, ...]

    def check(self, decision: object) -> str | None:
        """Return the fault of a decision, or None."""
        if not isinstance(decision, tuple):
            return f"{self.name}: expected a list of options, found {decision!r}"
        if unknown := [name for name in decision if name not in self.options]:
            hint = did_you_mean(str(unknown[0]), self.options)
            return f"{self.name}: {unknown[0]!r} is not an option{hint}; known: {listing(self.options)}"
        if list(decision) != [name for name in self.options if name in decision]:
            return f"{self.name}: options must be distinct and in the order of the choice"
        return None


Choice = OneOf | AnyOf
T = TypeVar("T")


def member_name(place: int) -> str:
    """Return the name of a member of an ensemble by its place, from 0: `member 1`."""
    return f"member {place + 1}"


def split_name(name: str) -> tuple[str, str]:
    """Return the member of a name, and the rest: `member 1/task/click` -> `member 1`, `task/click`.

    The first is empty for a name of a single network, and the second for that of a member itself.
    """
    match = re.fullmatch(r"(?:(member \d+)(?:/|$))?(.*)", name, re.DOTALL)
    assert match is not None  # noqa: S101 - both parts may be empty
    return match[1] or "", match[2]


def of_member(member: str, values: Mapping[str, T]) -> dict[str, T]:
    """Return the values of one member of an ensemble, by names without the member."""
    parts = ((*split_name(name), value) for name, value in values.items())
    return {own: value for whose, own, value in parts if whose == member}


@dataclass(frozen=True)
class Origin(Value):
    """The search space of an architecture, to build its network again and to detect changes."""

    space: str
    settings: Mapping[str, Any]
    schema: Mapping[str, Any]
    plugins: Mapping[str, str]
    """Name and version of every plugin that supplied the space or one of its ops."""


@dataclass(frozen=True)
class Architecture:
    """Decisions of a search space: one for each choice, by name.

    The decisions of an ensemble are those of all its members, with the member in front of each name, see
    `split_name`.
    """

    decisions: Mapping[str, Decision]
    origin: Origin | None = field(default=None, compare=False)

    @classmethod
    def ensemble(cls, members: Sequence["Architecture"]) -> "Architecture":
        """Return the architecture of an ensemble."""
        return cls(
            {
                f"{member_name(k)}/{name}": decision
                for k, member in enumerate(members)
                for name, decision in member.decisions.items()
            }
        )

    def of(self, choice: Choice) -> Decision:
        """Return the decision of a choice."""
        return self.decisions[choice.name]

    def check(self, choices: Mapping[str, Choice]) -> None:
        """Check that the decisions fit `choices`; raises an `ArtifactError` with all faults."""
        if faults := list(self._faults(choices)):
            raise ArtifactError(
                "the architecture does not fit the search space:\n" + "\n".join(faults),
                fix="use it with the space settings, ops and dataset of its search",
            )

    def _faults(self, choices: Mapping[str, Choice]) -> Iterator[str]:
        yield from (f"{name}: no decision" for name in choices if name not in self.decisions)
        for name, decision in self.decisions.items():
            if name not in choices:
                yield f"{name}: no such choice{did_you_mean(name, choices)}"
            elif fault := choices[name].check(decision):
                yield fault

    def to_json(self) -> str:
        """Return the text of `architecture.json`."""
        origin = self.origin and self.origin.to_json()
        return json_text({"format": 1, "origin": origin, "decisions": dict(self.decisions)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the text of `to_json`.

        Raises:
            ArtifactError: the text is not an architecture, or has another format.

        """
        fix = "use an architecture.json of a run"
        value = parse_json(text, "not an architecture", fix)
        try:
            if value["format"] != 1:
                raise ArtifactError(
                    f"the architecture has format {value['format']!r}, this version reads 1",
                    fix="search again, or use the version of automtl that wrote it",
                )
            decisions = reader(dict[str, Decision]).validate_python(value["decisions"])
            origin = value["origin"] and Origin.from_json(value["origin"], "its origin")
            return cls(decisions, origin)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ArtifactError(f"not an architecture: {one_line(error)}", fix) from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file with the text of `to_json`.

        Raises:
            OSError: it cannot be read.
            ArtifactError: as `from_json` does.

        """
        return cls.from_json(read_plain(path, 64 << 20).decode(errors="replace"))


def draw(choices: Mapping[str, Choice], random: np.random.Generator, share: float = 0.5) -> Architecture:
    """Draw an architecture: one option of each `OneOf`, each option of an `AnyOf` with chance `share`.

    With probability 0.5 all architectures are equally likely.
    """
    return Architecture({name: _drawn(choice, random, share) for name, choice in choices.items()})


def _drawn(choice: Choice, random: np.random.Generator, share: float) -> Decision:
    if isinstance(choice, OneOf):
        return choice.options[int(random.integers(len(choice.options)))]
    return tuple(name for name in choice.options if random.random() < share)
