"""Commands of the command line, from functions whose parameters are options and arguments of typer.

A parameter may also be a dataclass whose fields are options, so that commands share groups of options.
The title of their section in the help is `title` of the dataclass. `option`, `argument` and `flag` are
defaults of parameters and of fields, or stand in `Annotated`. A command that returns an `Output` has the
option `--json`. A paragraph of its docstring that begins with `automtl ` holds examples, one a line.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from copy import copy
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from inspect import Parameter
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer
from typer.core import TyperArgument, TyperCommand
from typer.models import OptionInfo

if TYPE_CHECKING:
    from automtl_core.errors import AutoMTLError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.", hidden=True)]
"""The option that all commands share; their help names it beside `--help`."""


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


class Command(TyperCommand):
    """A command whose help has sections of options, in words of automtl alone."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what a command line has: what it needs, further arguments, and options."""
        needed = [" ".join(_names(each)) for each in self.params if each.required]
        free = [f"[{_names(p)[0]}]" for p in self.params if isinstance(p, TyperArgument) and not p.required]
        return [*needed, *free, "[OPTIONS]"]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then all options in their sections."""
        write_options(self, ctx, formatter)


def write_options(command: Any, ctx: Any, formatter: Any) -> None:
    """Write the options of a command for its help, in their sections, `--help` at the end of the last one."""
    sections, title = {"Arguments": list[tuple[str, str]]()}, "Options"
    for each in command.get_params(ctx):
        text = getattr(each, "help", None) or ""
        if each.name == "help" and any(p.hidden for p in command.params):
            text = "Show this message; --json prints one JSON document."
        elif each.name != "help" and not each.hidden:
            title = getattr(each, "rich_help_panel", None) or "Options"
        if not getattr(each, "hidden", False):
            place = "Arguments" if isinstance(each, TyperArgument) else title
            sections.setdefault(place, []).append((" ".join(_names(each)), text))
    width = max(len(names) for rows in sections.values() for names, _ in rows)
    for title, rows in sections.items():
        if rows:
            with formatter.section(title):
                formatter.write_dl([(names.ljust(width), text) for names, text in rows])


def _names(parameter: Any) -> list[str]:
    """Return the words for an option or argument in the help: its names, and what stands for its value."""
    value = "KIND" if "|" in (given := parameter.metavar or parameter.name.upper()) else given
    if isinstance(parameter, TyperArgument):
        return [given]
    return [", ".join(sorted(parameter.opts, key=len)), *([] if parameter.is_flag else [value])]


def command(function: Callable[..., Output | None], name: str, show: Show) -> Any:
    """Return the command of a function, as typer builds it.

    Args:
        function: Its parameters are annotated with options and arguments, or are dataclasses of options.
        name: Last word of the command.
        show: Prints the output.

    """
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(name, cls=Command)(_flat(function, show))
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
            title = getattr(group, "title", None)
            parameters += (_option(each.name, each, of_group[each.name], title) for each in fields(group))
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

    run.__doc__ = re.sub(
        r"\n\n(?=automtl )", "\n\n\b\n", inspect.cleandoc(function.__doc__ or "")
    )  # as lines
    run.__name__, run.__module__ = function.__name__, function.__module__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _option(name: str, default: Any, annotation: Any, title: str | None = None) -> Parameter:
    if isinstance(default, Field):
        stated = Parameter.empty if default.default is MISSING else default.default
        default = default.metadata.get("typer", stated)
    for shared in getattr(annotation, "__metadata__", ()):
        if isinstance(shared, Field):
            info = copy(shared.metadata["typer"])
            info.default = ... if default is Parameter.empty else default
            annotation, default = annotation.__origin__, info
    if title is not None and isinstance(default, OptionInfo):
        default.rich_help_panel = title
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
