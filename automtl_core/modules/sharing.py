"""Sharing in a network: the fields and parts that experts and tasks read, from the names of choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from automtl_core.choices import AnyOf, Choice, Decision, split_name
from automtl_core.system.documents import Value

WHOLE = "network"
"""Name of the part that is the whole network."""


def group_and_word(part: str) -> tuple[str, str]:
    """Return the group of a part and its name there: `layer0/expert1` is `expert1` of the group `layer0`.

    The name of a task may contain slashes.
    """
    member, own = split_name(part)
    if own.startswith("task/"):
        return f"{member}/task".removeprefix("/"), own.removeprefix("task/")
    group, _, word = part.rpartition("/")
    return group, word


@dataclass(frozen=True)
class Sharing(Value):
    """Parts of a network by name, such as `layer0/expert2` or `task/click`, and the inputs of each.

    Fields that the whole network reads are read by all parts.

    The name of a choice consists of the part, a slash, and the question: `layer0/expert2/single`. A choice of
    the whole network has no slash; its part is called `network`. The options of a choose-any are the inputs
    of the part: names of fields, or last components of names of parts. `expert2` is then the first part of
    that name after the reader, except for parts in the group of the reader, such as the same `layer1/`.
    """

    sees: Mapping[str, tuple[str, ...]]
    """Part -> the searchable fields that it reads directly; only parts with choices."""
    reads: Mapping[str, tuple[str, ...]]
    """Part -> the parts that it reads; only parts with choices."""
    fields: tuple[str, ...]
    """All searchable fields."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Aggregate -> the fields of its key, which its readers read too."""
    gates: tuple[str, ...] = ()
    """Parts whose gates compute weights of their inputs from all fields, see `Mixture.reads_fields`."""

    @classmethod
    def of(
        cls,
        asked: Mapping[str, Decision],
        choices: Mapping[str, Choice],
        fields: Sequence[str],
        keys: Mapping[str, tuple[str, ...]] | None = None,
        gates: Sequence[str] = (),
        members: Sequence[str] = (),
    ) -> Self:
        """Return the sharing of a network.

        Args:
            asked: Choices of the derived network, in order, with their decisions.
            choices: All choices of the space.
            fields: Names of all fields, in order.
            keys: Aggregate -> the fields of its key.
            gates: Parts whose gates read all fields.
            members: Members of an ensemble, whose names are in front of those of their choices. One without
                choices of fields, such as trees, reads all of them.

        """
        subsets = {name: choice.options for name, choice in choices.items() if isinstance(choice, AnyOf)}
        of_fields = {
            name: options for name, options in subsets.items() if options and set(options) <= {*fields}
        }
        offered = {option for options in of_fields.values() for option in options}
        parts = list(dict.fromkeys(map(_part, asked)))
        choosing = {split_name(name)[0] for name in of_fields}
        sees = {member: offered for member in members if offered and member not in choosing}
        reads: dict[str, dict[str, None]] = {}
        for name, decision in asked.items():
            part, (member, own) = _part(name), split_name(name)
            if name in of_fields:
                sees[part] = sees.get(part, set()).union(decision)
            elif name in subsets and "/" in own:
                beside, found = group_and_word(part)[0], reads.setdefault(part, {})
                below = [(p, *group_and_word(p)) for p in parts[parts.index(part) + 1 :]]
                for option in decision:  # the part that it names; the option itself if there is none
                    named = (
                        p
                        for p, group, word in below
                        if word == option and group != beside and split_name(p)[0] == member
                    )
                    found[next(named, f"{member}/{option}".removeprefix("/"))] = None
        order = sorted(sees, key=lambda part: [*members, ""].index(split_name(part)[0]))
        return cls(
            {part: tuple(f for f in fields if f in sees[part]) for part in order},
            {part: tuple(found) for part, found in reads.items()},
            tuple(field for field in fields if field in offered),
            keys or {},
            tuple(gates),
        )

    def closed(self) -> tuple[str, ...]:
        """Return the fields that no part reads, except gates; see `unread`."""
        seen = {field for fields in self.sees.values() for field in fields}
        seen |= {name for one in seen for name in self.keys.get(one, ())}
        return tuple(field for field in self.fields if field not in seen)

    def unread(self) -> tuple[str, ...]:
        """Return the fields that the network does not read at all."""
        return () if self.gates else self.closed()


def _part(name: str) -> str:
    return name.rpartition("/")[0] or WHOLE
