"""What a run says in the terminal: a line a fact, and progress while something is long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console as RichConsole
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

NAME_WIDTH = 9


class Console:
    """Prints `` stage     text`` lines; on a terminal the last line moves while work goes on.

    In a file or a pipe nothing is redrawn: every epoch leaves a line of its own.
    """

    def __init__(self, console: RichConsole | None = None) -> None:
        self._console = console or RichConsole(highlight=False)
        self._live: Live | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether lines can be redrawn."""
        return self._console.is_terminal

    def say(self, stage: str, text: str) -> None:
        """Print one fact of a stage."""
        self._console.print(f" [bold cyan]{stage:<{NAME_WIDTH}}[/] {escape(text)}", soft_wrap=True)

    def warn(self, stage: str, text: str) -> None:
        """Print something that the user should know before trusting the rest."""
        self._console.print(
            f" [bold cyan]{stage:<{NAME_WIDTH}}[/] [yellow]note: {escape(text)}[/]", soft_wrap=True
        )

    @contextmanager
    def working(self, stage: str, text: str) -> Iterator[None]:
        """Show that something goes on, for as long as the block runs."""
        if not self.is_terminal:
            self.say(stage, f"{text} ...")
            yield
            return
        spinner = Spinner("dots", text=Text(f"{text} ..."))
        with self._moving(self._row(stage, spinner)):
            yield

    @contextmanager
    def progress(self, stage: str) -> Iterator[ProgressLine]:
        """A progress line to be updated from within the block."""
        line = ProgressLine(self, stage)
        if not self.is_terminal:
            yield line
            return
        with self._moving(self._row(stage, Text("starting ..."))):
            yield line

    def _row(self, stage: str, *cells: Spinner | ProgressBar | Text) -> Table:
        row = Table.grid(padding=(0, 1))
        row.add_row(Text(f" {stage:<{NAME_WIDTH}}", style="bold cyan"), *cells)
        return row

    @contextmanager
    def _moving(self, row: Table) -> Iterator[None]:
        with Live(row, console=self._console, transient=True, refresh_per_second=8) as self._live:
            try:
                yield
            finally:
                self._live = None

    def redraw(self, stage: str, *, done: float, text: str) -> None:
        """Redraw the moving line; nothing happens where no line can move."""
        if self._live is not None:
            bar = ProgressBar(total=1.0, completed=done, width=24)
            self._live.update(self._row(stage, bar, Text(text)))


class ProgressLine:
    """One moving line of a console."""

    def __init__(self, console: Console, stage: str) -> None:
        self._console = console
        self._stage = stage

    def update(self, *, done: float, text: str) -> None:
        """Show how far it is, ``done`` in [0, 1]."""
        self._console.redraw(self._stage, done=done, text=text)

    def milestone(self, text: str) -> None:
        """Leave a line, in a file or pipe only: on a terminal the moving line says it."""
        if not self._console.is_terminal:
            self._console.say(self._stage, text)


def number(value: float | None, digits: int = 3) -> str:
    """A number as people read it; 'undefined' for None."""
    return "undefined" if value is None else f"{value:.{digits}f}"


def count(value: float) -> str:
    """A count with thin groups of thousands."""
    return f"{round(value):,}"
