"""The live table of a worker on a terminal: each connector's state, rate and lag, in place."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.logging import RichHandler
from rich.table import Table

from connect.cli import logs
from connect.runtime.model import ConnectorState, State, TaskState

if TYPE_CHECKING:
    from connect.runtime.herder import Herder
    from connect.runtime.lag import SinkLag

INTERVAL_S = 0.5
_STYLES = {State.RUNNING: "green", State.FAILED: "bold red", State.PAUSED: "yellow"}


class Display:
    """Redraws every half second while the context is open; log lines appear above the table."""

    def __init__(self, herder: Herder, url: str) -> None:
        self._herder = herder
        self._url = url
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False)
        self._before: tuple[float, dict[str, int]] = (time.monotonic(), {})
        self._drawing: asyncio.Task[None] | None = None
        self._lags: Mapping[str, SinkLag] = {}

    async def __aenter__(self) -> Display:
        handler = RichHandler(console=self._console, show_path=False)
        handler.setFormatter(logs.formatter("%(message)s"))
        logging.getLogger().handlers[:] = [handler]
        self._live.start()
        self._drawing = asyncio.create_task(self._draw_forever())
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        assert self._drawing is not None
        self._drawing.cancel()
        await asyncio.gather(self._drawing, return_exceptions=True)
        self._live.update(self.table(), refresh=True)
        self._live.stop()

    async def _draw_forever(self) -> None:
        while True:
            self._lags = await self._herder.lags()
            self._live.update(self.table(), refresh=True)
            await asyncio.sleep(INTERVAL_S)

    def table(self) -> Table:
        """Return the table as it is now; rates are since the last call."""
        table = Table(title=f"Connect on {self._url}", title_justify="left", expand=False)
        for heading, justify in [("connector", "left"), ("type", "left"), ("state", "left"), ("tasks", "right"),
                                 ("records", "right"), ("records/s", "right"), ("lag", "right"), ("cause", "left")]:  # fmt: skip
            table.add_column(heading, justify=justify)  # type: ignore[arg-type]
        now, totals = time.monotonic(), self._totals()
        elapsed = max(now - self._before[0], 1e-3)
        for name in self._herder.connectors():
            table.add_row(
                *self._row(name, totals.get(name, 0), (totals.get(name, 0) - self._before[1].get(name, 0)) / elapsed)
            )
        self._before = (now, totals)
        return table

    def _totals(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for progress in self._herder.progress():
            totals[progress.id.connector] = totals.get(progress.id.connector, 0) + progress.records
        return totals

    def _row(self, name: str, records: int, rate: float) -> list[str]:
        status = self._herder.status(name)
        states: list[ConnectorState | TaskState] = [status.connector, *status.tasks]
        failed = [one for one in states if one.state is State.FAILED]
        state = State.FAILED if failed else status.connector.state
        found = self._lags.get(name)
        cause = (failed[0].trace or "").splitlines()[0] if failed and failed[0].trace else ""
        running = sum(task.state is State.RUNNING for task in status.tasks)
        style = _STYLES.get(state, "")
        return [
            name, status.type, f"[{style}]{state}[/]" if style else state, f"{running}/{len(status.tasks)}",
            f"{records:,}", f"{max(rate, 0):,.0f}", f"{found.lag:,}" if found else "-", cause[:60],
        ]  # fmt: skip
