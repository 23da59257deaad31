"""What all functions for users share: checks of arguments, and errors in the words of Python."""

import inspect
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, wraps
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Any, ParamSpec, TypeVar, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from automtl_core.errors import AutoMTLError, UsageError, one_line
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.folders import prepared_folder
from automtl_core.search.trial import Executor
from automtl_core.settings.words import words
from automtl_core.training.events import EpochEnded, Event, Warned
from automtl_core.workflow.run_trial import executor_of
from automtl_core.workflow.workflow import Workflow

P = ParamSpec("P")
R = TypeVar("R")
Labels = str | Sequence[str] | Mapping[str, Mapping[str, Any] | None] | None
"""Columns to predict, or a mapping to their settings, such as `{"rating": {"kind": "regression"}}`."""
Engine = str | Mapping[str, Any] | Executor | None
Heard = Callable[[EpochEnded], object]
"""Callback for each finished epoch. If it returns False, the search or training ends with its best result."""
COPY = "automtl-examples-"
"""Start of the name of a temporary folder that holds a table."""

AtLeastOne = Annotated[int, Field(ge=1)]
AtLeastZero = Annotated[int, Field(ge=0)]


def interface(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function for users, which checks its arguments before any work.

    Its errors have their remedy in the traceback, and name data frames in place of their copies.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            for name, value in signature.bind(*arguments, **options).arguments.items():
                if name != "self":
                    check(name, value, signature.parameters[name].annotation)
            return function(*arguments, **options)
        except AutoMTLError as error:
            error.args = (in_python(str(error)),)
            if error.fix and not getattr(error, "__notes__", None):
                error.fix = in_python(error.fix)
                error.add_note(f"fix: {error.fix}")
            raise

    return run


def check(name: str, value: object, annotation: Any) -> None:
    """Check an argument by its annotation, and that a file may have a path.

    Raises:
        UsageError: the value is wrong.

    """
    try:
        _adapter(annotation).validate_python(value)
    except ValidationError:
        expected = words(annotation).replace("null", "None")
        raise UsageError(f"{name}: expected {expected}, given {value!r:.100}", "see help(automtl)") from None
    if Path in get_args(annotation) and value is not None:
        try:
            os.lstat(str(value))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return
        except (OSError, ValueError) as error:  # too long, or with a NUL
            problem = f"{name}: {str(value)!r:.100} cannot be a path: {one_line(error)}"
            raise UsageError(problem, "see help(automtl)") from None


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True, strict=True))


def in_python(text: str) -> str:
    """Return a message or a remedy with data frames in place of their copies, and arguments of options."""
    kept = rf"{re.escape(str(frames_folder()))}/[0-9a-f]{{64}}\.parquet"
    copy = rf"(?:{kept}|{re.escape(gettempdir())}/{COPY}\w+/frame\.parquet)"
    numbered = re.sub(rf"{copy}: row (\d+)", lambda at: f"row {int(at[1]) - 1} (the first one is 0)", text)
    text = re.sub(copy, "the data frame", numbered)
    before, command, rest = text.partition("automtl ")  # options of a command stay
    same = r"--(?!set )([a-z-]+)( (?=[A-Z]+\b))?"
    before = re.sub(same, lambda option: option[1].replace("-", "_") + "=" * bool(option[2]), before)
    return re.sub(r"--set ([\w.]+)=([\w.\-]+)", _settings, f"{before}{command}{rest}")


def frames_folder() -> Path:
    """Return the folder of the copies of data frames."""
    return prepared_folder().absolute() / "frames"


def _settings(found: re.Match[str]) -> str:
    value = found[2].rstrip(".")
    number = value.isupper() or value[0].isdigit()  # or the name of a value
    argument = value if number else f'"{value}"'
    for name in reversed(found[1].split(".")):
        argument = f'{{"{name}": {argument}}}'
    return f"settings={argument}{found[2][len(value) :]}"


def warn(sentence: str) -> None:
    """Warn at the line that called the first function of this package."""
    names = [one.frame.f_globals["__name__"].partition(".")[0] for one in inspect.stack(0)]
    warnings.warn(sentence, UserWarning, stacklevel=len(names) - names[::-1].index("automtl") + 1)


@contextmanager
def working(progress: Heard | None, workers: int | None, engine: Engine) -> Iterator[Workflow]:
    """Yield a workflow that tells of epochs and warnings, with trials in workers; raises as `executor_of`."""

    def listen(event: Event) -> bool:
        if isinstance(event, Warned):
            warn(event.sentence)
        return not isinstance(event, EpochEnded) or progress is None or progress(event) is not False

    flow = Workflow(load_registry(), listen)
    with executor_of(flow.registry, workers, engine) as made:
        yield replace(flow, executor=made)


def known(**values: Any) -> dict[str, Any]:
    """Return the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}
