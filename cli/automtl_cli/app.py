"""The program: the registered commands, which are loaded at first use, so that `--help` is fast."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import automtl_core
from automtl_cli.errors import Stop, blamed, check_words, report
from automtl_cli.output import emit, lenient_streams
from automtl_core.errors import InputMissingError, PluginError
from automtl_core.registry.kinds import COMMANDS
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import DISABLE, Registry
from automtl_core.training.process import set_up
from automtl_report.commands import Output, command, write_options


class Commands(Mapping[str, Any]):
    """The commands of a group, by the next word; a command is loaded when it is looked up.

    Args:
        above: The words of the group.
        registry: The installed plugins. None: they are loaded at the first use.

    """

    def __init__(self, above: Sequence[str] = (), registry: Registry | None = None) -> None:
        self.above = list(above)
        if registry is not None:
            self.registry = registry

    @cached_property
    def registry(self) -> Registry:
        return load_registry()

    @cached_property
    def lines(self) -> dict[str, str]:
        """Word -> the line of its help, in the order of registration; that of a group has its words."""
        depth, lines = len(self.above), dict[str, str]()
        for row in self.registry.rows:
            for name in row.provides.get(COMMANDS.plural, ()):
                words = name.split()
                if words[:depth] != self.above:
                    continue
                line = self.registry.line(COMMANDS, name) or f"Of plugin {row.name}."
                if len(words) > depth + 1:
                    below = lines.get(words[depth], "")
                    line = f"{below}, {words[depth + 1]}" if below else f"Commands: {words[depth + 1]}"
                lines[words[depth]] = line
        if not lines and not self.above:
            fix = f"install automtl again, and do not name `commands` in {DISABLE}"
            raise PluginError("no plugin with commands is installed", fix)
        return lines

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, word: str) -> Any:
        words = [*self.above, word]
        if (name := " ".join(words)) in self.registry.names(COMMANDS):
            return command(self.registry.get(COMMANDS, name), word, _show)
        group = Group(name=word, help=self.lines[word], rich_markup_mode=None)
        group.commands = Commands(words, self.registry)
        return group


class Group(TyperGroup):
    """A group that lists its commands without loading them."""

    commands: Commands  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the words of the commands."""
        return list(self.commands)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what a command line has."""
        return ["COMMAND", "[OPTIONS]"]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        write_options(self, ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands with their lines."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands.lines.items()))

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return the words and options that begin with a text."""
        from typer._click.shell_completion import CompletionItem

        lines = self.commands.lines.items()
        items = [CompletionItem(word, help=line) for word, line in lines if word.startswith(incomplete)]
        return items + super(TyperGroup, self).shell_complete(ctx, incomplete)


def _show(output: Output, as_json: bool) -> None:
    emit(output.document, output.view, as_json)
    if output.error is not None:
        raise output.error


HELP = """Design multi-task recommendation models by neural architecture search.

\b
automtl search feed.csv --labels click,like
automtl report runs/feed-1
automtl predict runs/feed-1 new.csv --out predictions.csv
"""
"""The beginning of the help."""

app = typer.Typer(
    cls=Group,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


def _print_version(version: bool) -> None:
    if version:
        typer.echo(f"automtl {automtl_core.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True, help=HELP)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
    _: Annotated[bool, typer.Option("--json", help="Of each command: print one JSON document.")] = False,
) -> None:
    """Design multi-task recommendation models by neural architecture search."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def program() -> Any:
    """Return the root of all commands."""
    made = typer.main.get_command(app)
    made.commands = Commands()  # type: ignore[attr-defined]
    return made


def run(arguments: Sequence[str], stop: Stop) -> int:
    """Run one command and return its exit code."""
    try:
        _check_folder()
        check_words(arguments)
        made, words = program(), [*arguments]
        if words[:1] == ["--json"]:  # which commands take
            words.append(words.pop(0))
        with made.make_context("automtl", words) as context:
            made.invoke(context)
        return 0
    except typer.Exit as end:
        return end.exit_code
    except SystemExit as end:
        # `--show-completion` may end the command this way, but a plugin must not.
        return report(end, stop) if blamed(end) else int(end.code or 0)
    except BaseException as error:
        return report(error, stop)


def _check_folder() -> None:
    """Check that the current folder exists, without which torch ends the process."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise InputMissingError("the current folder was removed", "change to another folder: cd") from None


def main() -> None:
    """Run the command that the process was started with."""
    set_up()
    lenient_streams()
    stop = Stop()
    stop.listen()
    if "_AUTOMTL_COMPLETE" in os.environ:  # by which a shell requests completions
        program().main(prog_name="automtl")
    sys.exit(run(sys.argv[1:], stop))
