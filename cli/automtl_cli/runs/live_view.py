"""The live view of a command: its phase and remaining time, the scores of the tasks, the latest decisions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from automtl_core.errors import printable
from automtl_core.run_dir.progress import Progress
from automtl_core.run_dir.run_list import Watched
from automtl_core.search.evidence import Evidence
from automtl_core.training.events import EpochEnded
from automtl_core.views.numbers import change
from automtl_core.views.plain import duration

NARROW = 72
"""Width below which columns are left out."""


Shown = tuple[str, Progress | None, Sequence[EpochEnded]]
"""Title of a run, its progress (None where there is none), and its epochs so far."""


@dataclass(frozen=True)
class LiveView:
    """Draws the latest state of a run at each refresh, within the size of the terminal."""

    state: Callable[[], Shown]
    """Returns the state."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the parts of the view, which fit into the terminal."""
        width, height = options.max_width, console.size.height - 1
        title, state, reports = self.state()
        yield _line(title, "bold")
        if state is None:
            return
        yield from _stages(state)
        yield from _bars(state, width)
        left = height - 4
        if reports := [report for report in reports if report.metrics]:  # those of a refit have none
            # Tasks leave some lines free for decisions.
            tasks, after = list(reports[-1].losses), 4 if state.decisions else 0
            shown = tasks[: max(left - 2 - after, 1)]
            yield _line("")
            yield _scores(reports, shown, width, options.ascii_only)
            left -= 2 + len(shown)
        if state.decisions and left > 2:
            yield _line("")
            yield _decisions(state.decisions[::-1][: left - 2], width)


@dataclass(frozen=True)
class CellsView:
    """Draws the runs of a comparison, and the progress of those that processes work on."""

    title: str
    states: Callable[[], Sequence[tuple[str, Watched | None]]]
    """Returns the name and the state of each run."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the title, and a table with the runs at work first, then those that wait."""
        states = list(self.states())
        ended = sum(state is not None and state.ended for _, state in states)
        yield _line(f"{self.title}: {ended} of {len(states)} runs have ended", "bold")
        ordered = sorted(states, key=_urgency)
        room = console.size.height - 3
        shown = ordered if len(ordered) <= room else ordered[: room - 1]
        table = _table(["run", "state", "phase", "epoch", "", "left"], wide=True)
        for name, state in shown:
            table.add_row(*map(_text, _cell(name, state)))
        yield table
        if len(shown) < len(ordered):
            yield _line(f"and {len(ordered) - len(shown)} more", "dim")


def _urgency(one: tuple[str, Watched | None]) -> int:
    """Return the place of a run in the view: at work, interrupted, trained, waiting, ended."""
    state = one[1]
    if state is None:
        return 3
    return 4 if state.ended else {"running": 0, "trained": 2}.get(state.in_words, 1)


def _cell(name: str, state: Watched | None) -> list[str]:
    """Return the cells of a run: name, state, phase, epoch, share of the epoch, remaining time."""
    if state is None:
        return [name, "waiting", "", "", "", ""]
    last = state.reports[-1] if state.reports else None
    if (now := state.progress) is None or not state.running:
        return [name, state.in_words, last.phase if last else "", str(last.epoch) if last else "", "", ""]
    left = "" if now.left is None else duration(*now.left)
    return [name, "running", now.phase, str(now.epoch or ""), f"{now.share:.0%}", left]


def progress(state: Progress | None) -> str:
    """Return the progress of the whole work, for the begin of a line; empty where it is unknown."""
    done, most, unit = (0.0, None, "") if state is None else state.reached
    if state is None or most is None:
        return ""
    left = "" if state.left is None else f", {duration(*state.left)} left"
    return f"{done:.0f} of at most {most:.0f} {unit}{left} | "


def _stages(state: Progress) -> Iterator[Text]:
    """Yield the stages of the run, the current one in bold."""
    line = Text(no_wrap=True, overflow="ellipsis")
    for stage in state.stages:
        line.append(" > " if line else "", "dim")
        now, style = stage.stage == state.stage, "" if state.is_ahead(stage) else "dim"
        line.append(f"[{stage.stage}]" if now else stage.stage, "bold reverse" if now else style)
    if line:
        yield line


def _bars(state: Progress, width: int) -> Iterator[Table]:
    """Yield the bar of the epoch or phase, and that of the whole work."""
    name = f"{state.phase}, epoch {state.epoch}" if state.epoch else state.detail or state.phase
    rate = "" if state.rows_per_second is None else f"{state.rows_per_second:,.0f} rows/s"
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", width=min(width // 3, 28))  # so that bars keep theirs
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True, width=len("100%"))
    table.add_column(no_wrap=True, overflow="ellipsis", width=len("1 h 20 min to 2 h 5 min left"))
    whole, rest = None, "remaining time unknown"
    if state.left is not None:
        whole = state.seconds / max(state.seconds + sum(state.left) / 2, 1e-9)
        rest = f"{duration(*state.left)} left"
    for text, share, note in ((name, state.share, rate), ("in total", whole, rest)):
        finished = min(share or 0.0, 1.0)
        percent = "" if share is None else f"{finished:.0%}"
        table.add_row(_text(text), ProgressBar(total=1.0, completed=finished), _text(percent), _text(note))
    yield table


def _scores(reports: Sequence[EpochEnded], tasks: Sequence[str], width: int, plain: bool) -> Table:
    """Return the table of tasks: loss, latest and best score, and the trend of the phase."""
    last = reports[-1]
    same = [report for report in reports if report.phase == last.phase]
    trends = ["trend"] if width >= NARROW and not plain else []
    table = _table(["task", "loss", "score", last.phase, "best", "epoch", *trends], right=(1, 3, 4, 5))
    for task in tasks:
        measure, value = last.metrics[task].type.score, last.metrics[task].score
        values = [(report.epoch, report.metrics[task].score) for report in same]
        known = [(epoch, float(score)) for epoch, score in values if score is not None]
        best, top = max(known, key=lambda one: measure.sign * one[1], default=(None, None))
        cells = [task, shown(last.losses.get(task), ".4f"), measure.title, shown(value, measure.form)]
        cells += [shown(top, measure.form), shown(best, "d")]
        trend = [_text(sparkline([score for _, score in known][-16:]), "cyan") for _ in trends]
        table.add_row(*map(_text, cells), *trend)
    return table


def shown(value: float | None, form: str) -> str:
    """Return a value in a format, or a dash where there is none."""
    return "-" if value is None else f"{value:{form}}"


def sparkline(values: Sequence[float]) -> str:
    """Return values as a line of characters of eight heights."""
    if not values:
        return ""
    low, high = min(values), max(values)
    span = high - low or 1.0
    return "".join("▁▂▃▄▅▆▇█"[round((value - low) / span * 7)] for value in values)


def _decisions(decisions: Sequence[Evidence], width: int) -> Table:
    """Return the table of the latest decisions, the newest first."""
    table = _table(["latest decisions", "effect on loss"], wide=True, right=(1,))
    for one in decisions:
        effect = ""
        if one.difference is not None:
            effect = change(one.difference, *(one.interval if width >= NARROW else ()))
        elif one.certainty is not None:
            effect = f"certainty {one.certainty:.0%}"
        against = f" (not {one.against})" if one.against else ""
        table.add_row(_text(f"{one.choice}: {one.option} {one.action}{against}"), _text(effect))
    return table


def _table(names: Sequence[str], wide: bool = False, right: Sequence[int] = ()) -> Table:
    """Return an empty table; if it is wide, its first column takes what the others leave."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0), expand=wide)
    for place, name in enumerate(names):
        side: JustifyMethod = "right" if place in right else "left"
        table.add_column(_text(name), no_wrap=True, justify=side, ratio=1 if wide and not place else None)
    return table


def _text(text: str, style: str = "") -> Text:
    """Return a cell of a table."""
    return Text(printable(text), style, no_wrap=True, overflow="ellipsis", end="")


def _line(text: str, style: str = "") -> Text:
    return Text(printable(text), style, no_wrap=True, overflow="ellipsis")
