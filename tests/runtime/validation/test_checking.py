"""Plugin code that a request asks for: bounded in time and number, on an instance of its own, closed in any case."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import Any, ClassVar

import pytest

from connect.api import ConfigError, Problem, SourceConnector, SourceTask
from connect.runtime.border.calls import PluginTimeoutError
from connect.runtime.border.watchdog import Watchdog
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc
from connect.runtime.validation import checking
from connect.runtime.validation.checking import Checks, TooManyChecksError, check


class Looks(SourceConnector):
    class_name = "test.Looks"
    task_class = SourceTask
    calls: ClassVar[list[str]] = []
    gate: ClassVar[threading.Event] = threading.Event()

    def start(self) -> None:
        self.calls.append("start")

    def check(self) -> Iterable[Problem]:
        self.calls.append("check")
        what = self.config.originals.get("what", "")
        if what == "hang":
            self.gate.wait(30)
        if what == "raise":
            raise ConfigError("the table is missing", hint="Create it.", config_path="table")
        if what == "exit":
            raise SystemExit(3)
        if what == "number":
            return 42  # type: ignore[return-value]
        return [Problem("table", "no such table")]

    def close(self) -> None:
        self.calls.append("close")


DESC = PluginDesc(Looks, PluginKind.SOURCE, "test")


@pytest.fixture(autouse=True)
def fresh():
    Looks.calls.clear()
    Looks.gate.clear()
    yield
    Looks.gate.set()


async def test_a_connector_is_configured_asked_and_closed_and_never_started() -> None:
    [advice] = await check(DESC, {"name": "c"})
    assert (advice.key, advice.code, advice.message) == ("table", "check", "no such table")
    assert Looks.calls == ["check", "close"]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("raise", ("table", "config.invalid", "the table is missing (Create it.)")),
        ("exit", ("", "plugin.failed", "SystemExit: 3 (check of check of connector c, test.Looks)")),
        ("number", ("", "plugin.broken", "Looks.check returned int 42; expected an iterable of Problem")),
    ],
)
async def test_what_it_raises_or_returns_wrongly_is_told_and_it_is_closed(what: str, told: tuple[str, ...]) -> None:
    [advice] = await check(DESC, {"name": "c", "what": what})
    assert (advice.key, advice.code) == told[:2]
    assert advice.message.startswith(told[2])
    assert Looks.calls == ["check", "close"]


async def test_a_check_that_hangs_is_told_of_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "CLOSE_S", 0.01)
    [advice] = await check(DESC, {"name": "c", "what": "hang"}, timeout_s=0.1)
    assert (advice.code, advice.message) == ("plugin.timeout", "the check did not end within 0.1 s")


async def test_code_aside_has_a_deadline_and_gives_what_it_returns() -> None:
    assert await Checks(Watchdog(), timeout_s=30).aside("adding", lambda: 1 + 1) == 2
    with pytest.raises(PluginTimeoutError, match=r"did not return within 0\.1 s"):
        await Checks(Watchdog(), timeout_s=0.1).aside("hanging", lambda: Looks.gate.wait(30))


async def test_checks_that_hang_do_not_take_threads_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "HANGING_MAX", 2)
    checks = Checks(Watchdog(), timeout_s=0.02)
    for _ in range(2):
        with pytest.raises(PluginTimeoutError):
            await checks.aside("validation of Stuck", lambda: Looks.gate.wait(30))
    with pytest.raises(TooManyChecksError, match=r"2 checks of configs are under way and do not end: .*Stuck"):
        await checks.aside("one more", lambda: 1)
    Looks.gate.set()
    checks._timeout_s = 10  # a busy machine may take longer for one that does not hang than these were given
    async with asyncio.timeout(30):
        while True:
            try:
                assert await checks.aside("one more", lambda: 1) == 1
                break
            except TooManyChecksError:
                await asyncio.sleep(0.01)


async def test_who_waits_too_long_for_a_place_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "WAIT_S", 0.02)
    checks = Checks(Watchdog(), timeout_s=30)
    others: list[Any] = [
        asyncio.create_task(checks.aside("long", lambda: Looks.gate.wait(30))) for _ in range(checking.AT_ONCE_MAX)
    ]
    await asyncio.sleep(0)
    with pytest.raises(TooManyChecksError, match=r"short did not begin within 0\.02 s"):
        await checks.aside("short", lambda: 1)
    Looks.gate.set()
    await asyncio.gather(*others)
