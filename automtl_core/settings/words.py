"""Descriptions of the values that a setting's annotation allows: `a whole number from 1`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

NOUNS: Mapping[Any, tuple[str, str]] = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a text", "texts"),
    bool: ("true or false", "true or false"),
    Path: ("a path", "paths"),
    NoneType: ("null", "null"),
    Any: ("any value", "any values"),
}
"""Type -> singular and plural."""
UNIONS = (Union, UnionType)


class Takes(str):
    """The allowed values in words, for `Annotated`, if validators accept more values than the type."""

    __slots__ = ()


def words(annotation: Any, limits: Sequence[Any] = (), many: bool = False) -> str:
    """Return the values that an annotation allows, within limits such as `Ge(1)`; in the plural if `many`."""
    annotation, limits = bare(annotation, limits)
    if parts := [limit for limit in limits if isinstance(limit, Takes)]:
        return parts[0]
    if get_origin(annotation) in (Literal, *UNIONS):
        *others, last = _choices(annotation, limits, many)
        return f"{', '.join(others)} or {last}" if others else last
    if (value := inside(annotation)) is not None:
        least = _limit(limits, "min_length")
        ending = f", at least {'one' if least == 1 else least}" if least else ""
        held = words(value, many=True) + ending
        if get_origin(annotation) in (dict, Mapping):
            return f"{('a mapping', 'mappings')[many]} of names to {held}"
        return f"{('a list', 'lists')[many]} of {held}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return ("a mapping of settings", "mappings of settings")[many]
    name = str(getattr(annotation, "__name__", annotation))
    return _limited(NOUNS.get(annotation, (f"a {name}", f"values of {name}"))[many], limits)


def bare(annotation: Any, limits: Sequence[Any] = ()) -> tuple[Any, list[Any]]:
    """Return an annotation without `Annotated`, and its limits with those of `Annotated`."""
    found = [*limits]
    while get_origin(annotation) is Annotated:
        found += annotation.__metadata__
        annotation = get_args(annotation)[0]
    return annotation, [each for limit in found for each in getattr(limit, "metadata", [limit])]


def options(annotation: Any) -> tuple[Any, ...]:
    """Return the alternatives of a union; for other annotations the annotation itself."""
    plain = bare(annotation)[0]
    return get_args(plain) if get_origin(plain) in UNIONS else (annotation,)


def inside(annotation: Any) -> Any:
    """Return the annotation of the items of a list or the values of a mapping; None for other annotations."""
    holds = get_args(annotation)
    match get_origin(annotation):
        case kind if kind is dict or kind is Mapping:
            return holds[1]
        case kind if kind in (tuple, list, Sequence):
            return holds[0]
    return None


def _choices(annotation: Any, limits: Sequence[Any], many: bool) -> Iterator[str]:
    """Yield the values of a literal, or the description of each alternative of a union."""
    for option in options(annotation):
        if get_origin(option) is Literal:
            yield from map(str, get_args(option))
        else:
            yield words(option, () if option is NoneType else limits, many)


def _limited(noun: str, limits: Sequence[Any]) -> str:
    shortest, longest = _limit(limits, "min_length"), _limit(limits, "max_length")
    if shortest == longest == 1:
        return "one character"
    sizes = [f"at least {shortest}" if shortest else "", f"at most {longest}" if longest else ""]
    parts = [f" of {' and '.join(filter(None, sizes))} characters"] if any(sizes) else []
    least, above = _limit(limits, "ge"), _limit(limits, "gt")
    most, below = _limit(limits, "le"), _limit(limits, "lt")
    lower = f" from {least}" if least is not None else f" above {above}" if above is not None else ""
    if most is not None:
        both = f"{lower} to {most}" if above is None else f"{lower}, at most {most}"
        parts.append(both if lower else f" up to {most}")
    elif below is not None:
        parts.append(f"{lower} and below {below}" if lower else f" below {below}")
    else:
        parts.append(lower)
    return noun + "".join(parts)


def _limit(limits: Sequence[Any], name: str) -> Any:
    return next((found for each in limits if (found := getattr(each, name, None)) is not None), None)
