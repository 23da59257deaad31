"""Commands of the command line, from functions whose parameters are options and arguments of typer.

A parameter may also be a dataclass whose fields are options, so that commands share groups of options.
`option`, `argument` and `flag` are defaults of parameters and of fields, or stand in `Annotated`. A command
that returns an `Output` has the option `--json`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import copy
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from inspect import Parameter
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer

if TYPE_CHECKING:
    from automtl_core.errors import AutoMTLError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def option(metavar: str, text: str, *names: str, default: Any = None, **how: Any) -> Any:
    """Return an option with a value, `default=...` if it is required; its name is that of the parameter."""
    return _field(default, typer.Option(default, *names, metavar=metavar, help=text, **how))


def argument(metavar: str, text: str, *, default: Any = None, **how: Any) -> Any:
    """Return an argument; `default=...` if it is required."""
    return _field(default, typer.Argument(default, metavar=metavar, help=text, **how))


def flag(name: str, text: str, **how: Any) -> Any:
    """Return an option without a value."""
    return _field(False, typer.Option(False, name, help=text, **how))


def _field(default: object, info: object) -> Any:
    return field(default=MISSING if default is ... else default, metadata={"typer": info})


@dataclass(frozen=True)
class Output:
    """The output of a command: one document, printed as JSON or as sections for people."""

    document: Any
    """JSON, or values with a method `to_json`, or frozen dataclasses."""
    view: Callable[[Any], Any]
    """Function from the document to a `views.Section`, or to several of them."""
    error: AutoMTLError | None = None
    """Error that ends the command after the output is printed."""


Show = Callable[[Output, bool], None]
"""`show(output, as_json)` prints the output of a command."""


def command(function: Callable[..., Output | None], name: str, show: Show) -> Any:
    """Return the command of a function, as typer builds it.

    Args:
        function: Its parameters are annotated with options and arguments, or are dataclasses of options.
        name: Last word of the command.
        show: Prints the output.

    """
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(name)(_flat(function, show))
    return typer.main.get_command(app)


def _flat(function: Callable[..., Output | None], show: Show) -> Callable[..., None]:
    """Return the function with the fields of its groups as parameters, and with `--json`."""
    hints = get_type_hints(function, include_extras=True)
    returned = hints.pop("return", None)
    parameters: list[Parameter] = []
    groups: dict[str, type[Any]] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        group = hints.get(name)
        if isinstance(group, type) and is_dataclass(group):
            groups[name] = group
            of_group = get_type_hints(group, include_extras=True)
            parameters += (_option(each.name, each, of_group[each.name]) for each in fields(group))
        else:
            parameters.append(_option(name, parameter.default, hints.get(name, Any)))
    if has_json := Output in (returned, *get_args(returned)):
        parameters.append(_option("as_json", False, AsJson))

    def run(**values: Any) -> None:
        as_json = has_json and values.pop("as_json")
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        if (output := function(**values)) is not None:
            show(output, as_json)

    run.__doc__, run.__name__, run.__module__ = function.__doc__, function.__name__, function.__module__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _option(name: str, default: Any, annotation: Any) -> Parameter:
    if isinstance(default, Field):
        stated = Parameter.empty if default.default is MISSING else default.default
        default = default.metadata.get("typer", stated)
    for shared in getattr(annotation, "__metadata__", ()):
        if isinstance(shared, Field):
            info = copy(shared.metadata["typer"])
            info.default = ... if default is Parameter.empty else default
            annotation, default = annotation.__origin__, info
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
