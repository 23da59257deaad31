"""A safe subset of YAML: no tags, no aliases, no duplicate keys, limited size."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor

from automtl_core.errors import InputMissingError, UsageError, is_table, near_file
from automtl_core.system.documents import read_plain
from automtl_core.system.process_state import flushed

SIZE_LIMIT = 1 << 20
"""Largest size of a configuration file in bytes."""


class _Strict(Composer, SafeConstructor):
    """The checks of both loaders."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[attr-defined]
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(problem="tags are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_scalar(self, node: Any) -> Any:
        if any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in str(node.value)):
            problem = "a text cannot hold the character 0, or half of a character"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return super().construct_scalar(node)

    def construct_yaml_int(self, node: Any) -> Any:
        try:
            number = super().construct_yaml_int(node)
        except ValueError:  # more digits than Python converts
            number = None
        if number is None or number.bit_length() > 1024:
            raise yaml.MarkedYAMLError(problem="the number is too long", problem_mark=node.start_mark)
        return number

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key has to be a name", problem_mark=key.start_mark)
            if key.tag != "tag:yaml.org,2002:str":  # such as null:, 1: or yes:
                problem = f"a key has to be a name, not {key.value or 'blank'}: write it in quotes"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} is duplicate", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Strict.add_constructor("tag:yaml.org,2002:int", _Strict.construct_yaml_int)  # type: ignore[type-var]


class _Loader(_Strict, yaml.SafeLoader):
    """The loader in Python: it names the sign that it did not expect."""


_FAST: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""The loader of libyaml, where PyYAML was built with it."""


class _FastLoader(_Strict, _FAST):  # type: ignore[misc]
    """The loader with the parser of libyaml, which is five times as fast."""

    def __init__(self, text: str) -> None:
        Composer.__init__(self)  # in place of that of libyaml, which does not call `compose_node`
        _FAST.__init__(self, text)


def parse_yaml(text: str, where: str) -> Any:
    """Return the content of a YAML text; `where` names it in messages.

    Raises:
        UsageError: it is not plain YAML; the message names the line.

    """
    try:
        return deepcopy(_loaded(text))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}:{mark.line + 1}" if mark else where
        problem = getattr(error, "problem", None) or type(error).__name__
        fix = "indent lines by spaces, not by tabs" if "'\\t'" in problem else "correct it"
        raise UsageError(f"{place}: not valid YAML: {problem}", fix) from None


@lru_cache(maxsize=8)
@flushed(False)
def _loaded(text: str) -> Any:
    """Return the content of a YAML text; a run reads its configuration again and again."""
    try:
        return yaml.load(text, _FastLoader)  # noqa: S506 - a SafeLoader with further checks
    except (yaml.YAMLError, RecursionError, ValueError):
        return yaml.load(text, _Loader)  # noqa: S506 - it decides, with the better messages


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises:
        InputMissingError: there is no such file.
        UsageError: it is not a mapping, or not plain YAML.

    """
    value = parse_yaml(_text(path), str(path))
    if not isinstance(value, dict):
        found = "an empty file" if value is None else f"{value!r:.40}"
        fix = "write them by hand; `automtl data init FILE.csv` writes those of a table"
        raise UsageError(f"{path}: expected `key: value` lines, found {found}", fix)
    return value


@dataclass(frozen=True)
class Places:
    """The lines of a YAML file, from 1."""

    keys: Mapping[tuple[str, ...], int]
    """Path of a key -> line."""
    values: Mapping[str, int]
    """Text of a value or of a list item -> its first line."""


def read_places(path: Path) -> Places:
    """Return the lines of the keys and values of a YAML file; raises as `read_yaml` does."""
    read_yaml(path)  # raises
    root = yaml.compose(_text(path), _Loader)
    keys: dict[tuple[str, ...], int] = {}
    values: dict[str, int] = {}
    for place, node in _nodes(root, ()):
        line = node.start_mark.line + 1
        if place:
            keys.setdefault(place, line)
        else:
            values.setdefault(node.value, line)
    return Places(keys, values)


def _nodes(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each key with its path, and each value and list item with an empty path."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value), key
            yield from _nodes(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _nodes(item, ())
    else:
        yield (), node


def _text(path: Path) -> str:
    """Return the text of a configuration file; raises as `read_yaml` does."""
    try:
        content = read_plain(path, SIZE_LIMIT + 1, partly=True)
    except (OSError, ValueError) as error:  # ValueError: the path holds the character 0
        reason = f"{getattr(error, 'strerror', None) or error}{near_file(path)}"
        raise InputMissingError(f"{path}: cannot be read: {reason}", "give a configuration file") from None
    if is_table(path.name):
        raise UsageError(f"{path}: a table, not a configuration", f"`automtl data init {path}` writes one")
    if len(content) > SIZE_LIMIT:
        raise UsageError(f"{path}: longer than {SIZE_LIMIT} bytes", "give a configuration file")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8: {error.reason}", "save it as UTF-8") from None
