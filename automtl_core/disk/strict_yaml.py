"""A safe subset of YAML: no tags, no aliases, no duplicate keys, limited size."""

from pathlib import Path
from typing import Any

import yaml

from automtl_core.errors import InputMissingError, UsageError

SIZE_LIMIT = 1 << 20
"""Largest size of a configuration file in bytes."""


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
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

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key has to be a name", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} is duplicate", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str, where: str) -> Any:
    """Return the content of a YAML text; `where` names it in messages.

    Raises:
        UsageError: it is not plain YAML; the message names the line.

    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with further checks
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}:{mark.line + 1}" if mark else where
        problem = getattr(error, "problem", None) or type(error).__name__
        raise UsageError(f"{place}: not valid YAML: {problem}", "correct it") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises:
        InputMissingError: there is no such file.
        UsageError: it is not a mapping, or not plain YAML.

    """
    if path.exists() and not path.is_file():  # reading a pipe may never end
        raise InputMissingError(f"{path}: not a regular file", "give a configuration file")
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise InputMissingError(f"{path}: cannot be read: {error.strerror}", "check the path") from None
    if len(content) > SIZE_LIMIT:
        raise UsageError(f"{path}: longer than {SIZE_LIMIT} bytes", "give a configuration file")
    try:
        value = parse_yaml(content.decode(), str(path))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8: {error.reason}", "save it as UTF-8") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path}: expected `key: value` lines, found {value!r:.40}", "see `--dry-run`")
    return value
