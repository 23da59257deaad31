"""Who reads what in a found network: fields, experts, tasks, as the names of choices tell."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from automtl_core.choices import AnyOf, Choice, Decision
from automtl_core.disk.value import Value

WHOLE = "network"
"""The part that is the whole network."""


@dataclass(frozen=True)
class Sharing(Value):
    """Parts of a network by name, such as `layer0/expert2` or `task/click`, and what each of them reads.

    What the whole network sees itself, as by a wide term, all parts see.

    The name of a choice is the name of its part, a slash, and what is asked: `layer0/expert2/single`. What is
    asked of the whole network has no slash; its part is called `network`. The options of a choose-any are
    what the part reads: names of fields, or last words of names of parts. `expert2` is the first part of that
    name that is asked about after the reader and is not beside it, as under the same `layer1/`.
    """

    sees: Mapping[str, tuple[str, ...]]
    """Part -> the fields that it reads itself, of those that can be closed; only parts that are asked."""
    reads: Mapping[str, tuple[str, ...]]
    """Part -> the parts that it reads; only parts that are asked."""
    fields: tuple[str, ...]
    """All that can be closed."""
    pairs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of the fields, those that are a pair -> the two that it is made of, which who sees it sees in it."""

    @classmethod
    def of(
        cls,
        asked: Mapping[str, Decision],
        choices: Mapping[str, Choice],
        fields: Sequence[str],
        pairs: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Self:
        """Return who reads what.

        Args:
            asked: What the derived network asks, in the order of asking, with the answers.
            choices: All that the space asks.
            fields: Names of all fields, in their order.
            pairs: Of the fields, those that are a pair, and what it is made of.

        """
        gates = {name: choice.options for name, choice in choices.items() if isinstance(choice, AnyOf)}
        of_fields = {
            name: options for name, options in gates.items() if options and set(options) <= {*fields}
        }
        # How a field is encoded, if at all, is asked by its name.
        encoded = {name for name in gates if "/" in name and _word(name) in fields and name not in of_fields}
        parts = list(dict.fromkeys(map(_part, asked)))
        sees: dict[str, set[str]] = {}
        reads: dict[str, dict[str, None]] = {}
        for name, decision in asked.items():
            part = _part(name)
            if name in of_fields:
                sees.setdefault(part, set()).update(decision)
            elif name in encoded:
                sees.setdefault(part, set()).update([_word(name)] if decision else [])
            elif name in gates and "/" in name:
                below = parts[parts.index(part) + 1 :]
                found = (_named(option, below, part) for option in decision)
                reads.setdefault(part, {}).update(dict.fromkeys(found))
        offered = {option for options in of_fields.values() for option in options} | set(map(_word, encoded))
        return cls(
            {part: tuple(f for f in fields if f in seen) for part, seen in sees.items()},
            {part: tuple(found) for part, found in reads.items()},
            tuple(field for field in fields if field in offered),
            pairs or {},
        )

    def closed(self) -> tuple[str, ...]:
        """Return the fields that no part sees."""
        seen = self._with_pairs({field for fields in self.sees.values() for field in fields})
        return tuple(field for field in self.fields if field not in seen)

    def behind(self, part: str) -> frozenset[str]:
        """Return the fields that a part sees, itself or through what it reads."""
        through = [self.behind(other) for other in self.reads.get(part, ()) if other != part]
        return frozenset(self.sees.get(part, ())).union(self.sees.get(WHOLE, ()), *through)

    def readers(self, part: str) -> tuple[str, ...]:
        """Return the parts that read one."""
        return tuple(reader for reader, parts in self.reads.items() if part in parts)

    def _with_pairs(self, seen: Collection[str]) -> set[str]:
        """Return fields with those that pairs among them are made of."""
        return {*seen, *(name for pair in seen for name in self.pairs.get(pair, ()))}

    def missed(self, needs: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
        """Return which fields are needed and not seen, by the last word of the name of a part.

        Args:
            needs: Last word, such as that of a task -> the fields that it needs.

        """
        found = {}
        for part in {**self.reads, **self.sees}:
            needed = needs.get(_word(part), ())
            seen = self._with_pairs(self.behind(part))
            if missing := [f for f in self.fields if f in needed and f not in seen]:
                found[_word(part)] = tuple(missing)
        return found


def _part(name: str) -> str:
    return name.rpartition("/")[0] or WHOLE


def _word(part: str) -> str:
    return part.rpartition("/")[2]


def _named(option: str, below: Sequence[str], reader: str) -> str:
    """Return the part that a reader means by an option; the option where it means none."""
    beside = reader.rpartition("/")[0]
    return next((p for p in below if _word(p) == option and p.rpartition("/")[0] != beside), option)
