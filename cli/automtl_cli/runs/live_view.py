"""The live view of a command: its phase and remaining time, the scores of the tasks, the latest decisions."""

from collections.abc import Callable, Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from automtl_core.errors import printable
from automtl_core.run_dir.snapshot import Snapshot
from automtl_core.run_dir.watched import Watched
from automtl_core.search.evidence import Evidence
from automtl_core.training.events import EpochEnded
from automtl_core.training.metrics import monitored
from automtl_core.views.plain import duration

LEVELS = "▁▂▃▄▅▆▇█"
"""Characters of a trend, from the lowest value to the highest one."""
TREND = 16
"""Number of epochs of a trend."""
NARROW = 72
"""Width below which columns are left out."""
LEAST_DECISIONS = 4
"""Lines for decisions that tasks leave free, with the two lines above them."""


class LiveView:
    """Draws the latest state at each refresh, within the size of the terminal.

    Args:
        title: Function that returns the title.
        snapshot: Function that returns the progress; None where there is none.
        reports: Function that returns the epochs so far.

    """

    def __init__(
        self,
        title: Callable[[], str],
        snapshot: Callable[[], Snapshot | None],
        reports: Callable[[], Sequence[EpochEnded]],
    ) -> None:
        self._title = title
        self._snapshot = snapshot
        self._reports = reports

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the parts of the view, which fit into the terminal."""
        yield from self._parts(options.max_width, console.size.height - 1, options.ascii_only)

    def _parts(self, width: int, height: int, plain: bool) -> Iterator[RenderableType]:
        snapshot, reports = self._snapshot(), list(self._reports())
        yield _line(self._title(), "bold")
        if snapshot is None:
            return
        yield from head(snapshot)
        yield from _bars(snapshot, width)
        left = height - 4
        if reports:
            tasks, after = list(reports[-1].losses), LEAST_DECISIONS if snapshot.decisions else 0
            shown = tasks[: max(left - 2 - after, 1)]
            yield _line("")
            yield _scores(reports, shown, width, plain)
            left -= 2 + len(shown)
        if snapshot.decisions and left > 2:
            yield _line("")
            yield _decisions(snapshot.decisions[::-1][: left - 2], width)


class CellsView:
    """Draws the runs of a comparison, and the progress of those that processes work on.

    Args:
        title: Title of the view.
        states: Function that returns the name and the state of each run.

    """

    def __init__(self, title: str, states: Callable[[], Sequence[tuple[str, Watched | None]]]) -> None:
        self._title = title
        self._states = states

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the title, and a table with the runs at work first, then those that wait."""
        states = list(self._states())
        ended = sum(state is not None and state.ended for _, state in states)
        yield _line(f"{self._title}: {ended} of {len(states)} runs have ended", "bold")
        ordered = sorted(states, key=_urgency)
        room = console.size.height - 3
        shown = ordered if len(ordered) <= room else ordered[: room - 1]
        table = _table()
        for name in ("run", "state", "phase", "epoch", "", "left"):
            table.add_column(
                _text(name), no_wrap=True, overflow="ellipsis", ratio=1 if name == "run" else None
            )
        table.expand = True
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
    if (snapshot := state.snapshot) is None or not state.running:
        return [name, state.in_words, last.phase if last else "", str(last.epoch) if last else "", "", ""]
    left = "" if snapshot.left is None else duration(snapshot.left)
    epoch = str(snapshot.epoch) if snapshot.epoch else ""
    return [name, "running", snapshot.phase, epoch, f"{snapshot.share:.0%}", left]


def progress(snapshot: Snapshot | None) -> str:
    """Return the progress of the whole work, for the begin of a line; empty where it is unknown."""
    if snapshot is None or snapshot.most is None:
        return ""
    left = "" if snapshot.left is None else f", {duration(snapshot.left)} left"
    return f"{snapshot.done:.0f} of at most {snapshot.most:.0f} {snapshot.unit}{left} | "


def head(snapshot: Snapshot) -> Iterator[Text]:
    """Yield the parts of the work, the current one in bold."""
    line = Text(no_wrap=True, overflow="ellipsis")
    past = snapshot.part in snapshot.parts
    for place, part in enumerate(snapshot.parts):
        line.append(" > " if place else "", "dim")
        past = past and part != snapshot.part
        style = "bold reverse" if part == snapshot.part else "dim" if past else ""
        line.append(f"[{part}]" if part == snapshot.part else part, style)
    if line:
        yield line


def _bars(snapshot: Snapshot, width: int) -> Iterator[Table]:
    """Yield the bar of the epoch or phase, and that of the whole work."""
    name = f"{snapshot.phase}, epoch {snapshot.epoch}" if snapshot.epoch else snapshot.stage or snapshot.phase
    rate = "" if snapshot.rows_per_second is None else f"{snapshot.rows_per_second:,.0f} rows/s"
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", width=width // 3)  # fixed, so that bars keep theirs
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True, width=len("100%"))
    table.add_column(no_wrap=True, overflow="ellipsis", width=len("about 10 h 59 min left"))
    table.add_row(_text(name), _bar(snapshot.share), _percent(snapshot.share), _text(rate))
    whole, rest = None, "remaining time unknown"
    if snapshot.left is not None:
        whole = snapshot.seconds / max(snapshot.seconds + snapshot.left, 1e-9)
        rest = f"{duration(snapshot.left)} left"
    table.add_row(_text("in total"), _bar(whole or 0.0), _percent(whole), _text(rest))
    yield table


def _bar(share: float) -> ProgressBar:
    return ProgressBar(total=1.0, completed=min(share, 1.0))


def _percent(share: float | None) -> Text:
    return _text("" if share is None else f"{min(share, 1.0):.0%}")


def _scores(reports: Sequence[EpochEnded], tasks: Sequence[str], width: int, plain: bool) -> Table:
    """Return the table of tasks: loss, latest and best score, and the trend of the phase."""
    last = reports[-1]
    same = [report for report in reports if report.phase == last.phase]
    table = _table()
    trends = width >= NARROW and not plain
    for name in ("task", "loss", "score", last.phase, "best", "epoch"):
        table.add_column(_text(name), no_wrap=True, justify="left" if name in ("task", "score") else "right")
    if trends:
        table.add_column(_text("trend"), no_wrap=True)
    for task in tasks:
        measure, value = monitored(last.metrics[task])
        values = [(report.epoch, monitored(report.metrics[task])[1]) for report in same]
        known = [(epoch, float(score)) for epoch, score in values if score is not None]
        best = max(known, key=lambda one: measure.sign * one[1], default=None)
        loss = last.losses.get(task)
        cells = [
            task,
            "-" if loss is None else f"{loss:.4f}",
            measure.title,
            "-" if value is None else f"{value:{measure.form}}",
            "-" if best is None else f"{best[1]:{measure.form}}",
            "-" if best is None else str(best[0]),
        ]
        trend = [_text(sparkline([score for _, score in known][-TREND:]), "cyan")] if trends else []
        table.add_row(*map(_text, cells), *trend)
    return table


def sparkline(values: Sequence[float]) -> str:
    """Return values as a line of characters of eight heights."""
    if not values:
        return ""
    low, high = min(values), max(values)
    span = high - low or 1.0
    return "".join(LEVELS[round((value - low) / span * (len(LEVELS) - 1))] for value in values)


def _decisions(decisions: Sequence[Evidence], width: int) -> Table:
    """Return the table of the latest decisions, the newest first."""
    table = _table()
    table.add_column(_text("latest decisions"), no_wrap=True, overflow="ellipsis", ratio=2)
    table.add_column(_text("effect on loss"), no_wrap=True, justify="right")
    if width >= NARROW:
        table.add_column(_text("stable"), no_wrap=True, justify="right")
    table.expand = True
    for one in decisions:
        effect = ""
        if one.difference is not None:
            effect = f"{one.difference:+.4f}" + ("" if one.error is None else f" ± {one.error:.4f}")
        elif one.certainty is not None:
            effect = f"certainty {one.certainty:.0%}"
        stable = "" if one.stability is None else f"{one.stability:.0%}"
        against = f" (not {one.against})" if one.against else ""
        cells = [f"{one.choice}: {one.option} {one.action}{against}", effect]
        table.add_row(*map(_text, [*cells, *([stable] if width >= NARROW else [])]))
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))


def _text(text: str, style: str = "") -> Text:
    """Return a cell of a table."""
    return Text(printable(text), style, no_wrap=True, overflow="ellipsis", end="")


def _line(text: str, style: str = "") -> Text:
    return Text(printable(text), style, no_wrap=True, overflow="ellipsis")
