"""The live table of a worker on a terminal: each connector's state, rate and lag, in place, and what failed below it.

What is shown is gathered on the event loop; drawing is done by the thread that writes the log lines
(`connect.cli.logs`), so a terminal that is slow or stands still never holds up the worker.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from connect.api import ConnectError
from connect.cli.logs.formats import formatter
from connect.cli.logs.handler import FLUSH_S, DescriptorWriter, Line, LineHandler, line_handler, plain
from connect.cli.states import tasks_text
from connect.runtime.causes import cause_of
from connect.runtime.model import ConnectorState, State, TaskState

if TYPE_CHECKING:
    from connect.runtime.herder import Herder
    from connect.runtime.lag import SinkLag

INTERVAL_S: Final = 0.5
_STYLES: Final = {State.RUNNING: "green", State.FAILED: "bold red", State.PAUSED: "yellow"}
_LEVEL_STYLES: Final = ((logging.ERROR, "red"), (logging.WARNING, "yellow"))
_COLUMNS: Final = (
    ("connector", "left"),
    ("type", "left"),
    ("state", "left"),
    ("tasks", "left"),
    ("records", "right"),
    ("records/s", "right"),
    ("lag", "right"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One connector as it is shown; `cause` is '' unless something of it FAILED."""

    name: str
    cells: tuple[str, ...]
    style: str
    cause: str


class Display:
    """Redraws every half second while the context is open; log lines appear above the table.

    Failed connectors come first; what does not fit on the screen is counted.
    """

    def __init__(self, herder: Herder, url: str) -> None:
        self._herder = herder
        self._url = url
        self._writer = DescriptorWriter(sys.stderr)
        self._console = Console(file=self._writer)  # type: ignore[arg-type]
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        self._before: tuple[float, dict[str, int]] = (time.monotonic(), {})
        self._drawing: asyncio.Task[None] | None = None
        self._handler: LineHandler | None = None
        self._lags: Mapping[str, SinkLag] = {}

    async def __aenter__(self) -> Display:
        self._handler = line_handler()
        if self._handler is None:
            self._handler = LineHandler(plain(self._writer))
            self._handler.setFormatter(formatter())
            logging.getLogger().handlers[:] = [self._handler]
        self._handler.show(self._live.start)
        self._handler.write = self._print
        self._drawing = asyncio.create_task(self._draw_forever())
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        assert self._drawing is not None
        assert self._handler is not None
        self._drawing.cancel()
        await asyncio.gather(self._drawing, return_exceptions=True)
        rows, handler, ended = await self.rows(), self._handler, asyncio.Event()
        loop = asyncio.get_running_loop()

        def end() -> None:
            self._live.update(self._fitting(rows), refresh=True)
            self._live.stop()
            handler.write = plain(self._writer)
            loop.call_soon_threadsafe(ended.set)

        handler.show(end)
        with suppress(TimeoutError):  # the terminal stands still
            async with asyncio.timeout(FLUSH_S):
                await ended.wait()

    async def _draw_forever(self) -> None:
        assert self._handler is not None
        while True:
            rows = await self.rows()
            self._handler.show(lambda rows=rows: self._draw(rows))  # type: ignore[misc]
            await asyncio.sleep(INTERVAL_S)

    # -- on the terminal's thread ----------------------------------------------------------------------------------

    def _draw(self, rows: Sequence[Row]) -> None:
        self._live.start()  # without effect where it has begun
        self._live.update(self._fitting(rows), refresh=True)

    def _print(self, lines: Sequence[Line]) -> None:
        """Print log lines above the table, which is drawn once more for all of them."""
        text = Text("\n").join(Text(line.text, style=_style(line.level)) for line in lines)
        self._console.print(text, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def _fitting(self, rows: Sequence[Row]) -> Group:
        """Return as many rows as the screen holds."""
        count = min(len(rows), max(1, self._console.height - 4))
        while True:
            shown = self.view(rows, count)
            over = len(self._console.render_lines(shown, pad=False)) - self._console.height + 1
            if over <= 0 or count <= 1:
                return shown
            count = max(1, count - max(1, over // 3))

    def view(self, rows: Sequence[Row], count: int | None = None) -> Group:
        """Return the table of the first `count` rows, all when left out, with the causes of failures below it."""
        shown = rows[:count]
        table = Table(title=f"Connect on {self._url}", title_justify="left", box=box.SIMPLE, pad_edge=False)
        for heading, justify in _COLUMNS:
            table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
        for row in shown:
            state = Text(row.cells[2], style=row.style)
            table.add_row(*(state if index == 2 else Text(cell) for index, cell in enumerate((*row.cells,))))
        parts: list[Any] = [table]
        # Text, not markup: brackets in a cause are its own.
        parts += [Text(f"{row.name}: {row.cause}", style="red", overflow="fold") for row in shown if row.cause]
        if len(rows) > len(shown):
            others = rows[len(shown) :]
            failed = sum(bool(row.cause) for row in others)
            told = f"; something of {failed} of them has FAILED" if failed else ""
            parts.append(Text(f"{len(others)} more connectors: {tasks_text(row.cells[2] for row in others)}{told}"))
        return Group(*parts)

    # -- on the loop -----------------------------------------------------------------------------------------------

    async def rows(self) -> list[Row]:
        """Return what is to be shown now, failures first; rates are since the last call."""
        with suppress(ConnectError, OSError):  # a disk that fails: the lag stays what it was, and the rest is shown
            self._lags = await self._herder.lags()
        lags = self._lags
        now, totals = time.monotonic(), self._totals()
        elapsed = max(now - self._before[0], 1e-3)
        rows = [
            self._row(name, totals.get(name, 0), (totals.get(name, 0) - self._before[1].get(name, 0)) / elapsed, lags)
            for name in self._herder.connectors()
        ]
        self._before = (now, totals)
        return sorted(rows, key=lambda row: (not row.cause, row.name))

    def _totals(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for progress in self._herder.progress():
            totals[progress.id.connector] = totals.get(progress.id.connector, 0) + progress.records
        return totals

    def _row(self, name: str, records: int, rate: float, lags: Mapping[str, SinkLag]) -> Row:
        status = self._herder.status(name)
        states: list[ConnectorState | TaskState] = [status.connector, *status.tasks]
        failed = [one for one in states if one.state is State.FAILED]
        causes = [found.line for one in failed if (found := cause_of(one.trace)) is not None]
        cause = (causes[0] if causes else "FAILED, no cause is known") if failed else ""
        lag = lags.get(name)
        cells = (
            name,
            status.type,
            status.connector.state.value,
            tasks_text(task.state.value for task in status.tasks),
            f"{records:,}",
            f"{max(rate, 0):,.0f}",
            "-" if lag is None else f"{lag.lag:,}",
        )
        return Row(name, cells, _STYLES[State.FAILED] if failed else _STYLES.get(status.connector.state, ""), cause)


def _style(level: int) -> str:
    return next((style for least, style in _LEVEL_STYLES if level >= least), "")
