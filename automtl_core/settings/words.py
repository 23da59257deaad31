"""Settings in words: the values that an annotation allows, and a sentence for each error."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from automtl_core.errors import did_you_mean, listing

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


class Takes(str):
    """The allowed values in words, for `Annotated`, if validators accept more values than the type."""

    __slots__ = ()


def words(annotation: Any, limits: Sequence[Any] = (), many: bool = False) -> str:
    """Return the values that an annotation allows, within limits such as `Ge(1)`; in the plural if `many`."""
    annotation, limits = bare(annotation, limits)
    if parts := [limit for limit in limits if isinstance(limit, Takes)]:
        return parts[0]
    if get_origin(annotation) in (Literal, Union, UnionType):
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
    return get_args(plain) if get_origin(plain) in (Union, UnionType) else (annotation,)


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


UNKNOWN = ("extra_forbidden", "invalid_key")
OWN_WORDS = ("value_error", "assertion_error", "string_pattern_mismatch", "multiple_of")
"""Error types that the description of an annotation does not cover: validators of a class, and rare
limits."""
IN_WORDS = {*get_args(ErrorType), "path_type"} - {*UNKNOWN, *OWN_WORDS}

Steps = Sequence[int | str]
"""Keys, and indices of list items."""


class Place(NamedTuple):
    """The place of a setting in the configuration."""

    key: str
    """The key as a user writes it."""
    annotation: Any
    """Type annotation; None if there is no such setting."""
    limits: Sequence[Any] = ()
    above: Any = None
    """Annotation of the parent."""


def find(model: type[BaseModel], where: str, path: Steps) -> Place:
    """Follow a path into a model; stop where it enters one of several alternatives of a union."""
    found = Place(where, model)
    for step in path:
        if (below := _below(found, step)) is None:
            break
        found = below
    return found


def nested(name: str, model: Any) -> str | None:
    """Return the key of the setting that has a name in a part of a model, such as `training.epochs`."""
    parts = {part: find(model, "", [part]).annotation for part in _fields(model)}
    keys = (f"{part}.{name}" for part, of in parts.items() if name in getattr(of, "model_fields", ()))
    return next(keys, None)


def sentences(faults: Sequence[ErrorDetails], where: str, model: type[BaseModel]) -> Iterator[str]:
    """Yield a sentence for each key with an error; a union reports several errors for one key."""
    first: dict[str, ErrorDetails] = {}
    for fault in faults:
        first.setdefault(find(model, where, fault["loc"]).key, fault)
    for key, fault in first.items():
        if fault["type"] == "too_short" and any(other.startswith(f"{key}[") for other in first):
            continue  # the list is too short only because some of its items are wrong
        yield _sentence(fault, where, model)


def remedy(faults: Sequence[ErrorDetails], where: str, page: str, model: type[BaseModel]) -> str:
    """Return the known settings in place of unknown ones, and the commands that explain them.

    Args:
        faults: Errors of the values.
        where: Key of the values in the configuration; empty for the whole configuration.
        page: Arguments of `automtl list` that explain these values.
        model: The class of the settings.

    """
    unknown = [find(model, where, fault["loc"]) for fault in faults if fault["type"] == "extra_forbidden"]
    levels = [(at.key.rpartition(".")[0] or "a configuration", _fields(at.above)) for at in unknown]
    takes = [f"{level} takes: {listing(names)}" for level, names in levels]
    first = [fault["loc"][:1] for fault in faults]
    parts = [any(map(_fields, options(find(model, "", path).annotation))) for path in first]
    pages = [str(path[0]) if path and part else "run" for path, part in zip(first, parts, strict=True)]
    pages = [page] if where else pages
    commands = " and ".join(f"automtl list {page}" for page in dict.fromkeys(pages))
    return "; ".join([*dict.fromkeys(takes), f"see the allowed values: {commands}"])


def truths(model: type[BaseModel], values: Any, path: tuple[int | str, ...] = ()) -> Iterator[ErrorDetails]:
    """Yield an error for each boolean in place of a number, since pydantic would convert it to 1 or 0."""
    if isinstance(values, bool):
        types = {bare(option)[0] for option in options(find(model, "", path).annotation)}
        if types & {int, float} and bool not in types:
            yield {"type": "int_type", "loc": path, "msg": "", "input": values}
    inner = values.items() if isinstance(values, Mapping) else ()
    for step, value in enumerate(values) if isinstance(values, list | tuple) else inner:
        yield from truths(model, value, (*path, step))


def shown(value: object) -> str:
    """Return a value as YAML, shortened if it is long."""
    plain = {None: "null", True: "true", False: "false"}
    text = plain[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _sentence(fault: ErrorDetails, where: str, model: type[BaseModel]) -> str:
    kind, path, given = fault["type"], fault["loc"], fault["input"]
    at = find(model, where, path)
    key = at.key or "the configuration"
    if kind in UNKNOWN:
        name, near = str(path[-1]), did_you_mean(str(path[-1]), _fields(at.above))
        if not near and (inner := nested(name, at.above)):
            near = f" (did you mean {inner!r}?)"
        return f"{key} is not a setting{near}"
    if path and path[-1] == "[key]":
        keys, key = get_args(at.above)[0], find(model, where, path[:-2]).key
        return f"{key}: expected {words(keys)} as key, given {shown(given)}{_hint(keys, given)}"
    if kind not in IN_WORDS or at.annotation is None:
        return f"{key}: {_own_words(fault)}"
    if kind == "missing":
        return f"{key} is missing: it takes {words(at.annotation, at.limits)}"
    expected = words(at.annotation, at.limits)
    if isinstance(given, float) and not math.isfinite(given):
        expected = expected.replace("a number", "a finite number")
    return f"{key}: expected {expected}, given {shown(given)}{_hint(at.annotation, given)}"


def _own_words(fault: ErrorDetails) -> str:
    """Return the message of a validator or of pydantic, with the value unless it is a mapping."""
    error = fault.get("ctx", {}).get("error")
    message = str(fault["msg"] if error is None else error)
    if fault["type"] in OWN_WORDS and error is None:
        message = message[:1].lower() + message[1:]
    return message if isinstance(fault["input"], Mapping) else f"{message}, given {shown(fault['input'])}"


def _hint(annotation: Any, given: object) -> str:
    """Return the nearest allowed value of a literal, or the list with a single item as it is written."""
    held = [bare(option)[0] for option in options(annotation)]
    items = [bare(inside(one))[0] for one in held if get_origin(one) in (tuple, list, Sequence)]
    if not isinstance(given, list | Mapping) and type(given) in items:
        return f" (a list is written as [{given}])"
    named = [str(each) for option in options(annotation) if get_origin(option) is Literal
             for each in get_args(option)]  # fmt: skip
    return did_you_mean(given, named) if isinstance(given, str) else ""


def _below(at: Place, step: int | str) -> Place | None:
    """Return the place of a key or a list item; None for the name of a union alternative."""
    several = [option for option in options(at.annotation) if option is not type(None)]
    if len(several) != 1 or step == "[key]":
        return None
    holder = bare(several[0])[0]
    if isinstance(holder, type) and issubclass(holder, BaseModel):
        field = holder.model_fields.get(str(step))
        key = f"{at.key}.{step}" if at.key else str(step)
        return Place(key, field.annotation, field.metadata, holder) if field else Place(key, None, (), holder)
    held = inside(holder)
    key = f"{at.key}[{step}]" if isinstance(step, int) else f"{at.key}.{step}"
    return None if held is None else Place(key, held, (), holder)


def _fields(model: Any) -> Sequence[str]:
    return list(getattr(model, "model_fields", ()))
