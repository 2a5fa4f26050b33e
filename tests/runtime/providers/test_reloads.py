"""Values that hold for a time: looked up again, and what changed is restarted."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from connect.api import ConfigError
from connect.runtime.providers import reloads
from connect.runtime.providers.config_providers import ConfigProviders
from connect.runtime.providers.reloads import Reloads
from connect.runtime.providers.resolved import Resolved, resolved_of
from tests.support.worker import until

CONFIG = {"k": "${v:p:k}"}


class Providers:
    """Answers what a test puts in; an error is raised."""

    def __init__(self) -> None:
        self.answer: str | Exception = "one"
        self.ttl_ms: int | None = 1
        self.looks = 0

    async def resolve(self, config: Any) -> Resolved:
        self.looks += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return resolved_of(config, {"${v:p:k}": self.answer}, self.ttl_ms)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloads, "TTL_MS_MIN", 1)


def made(providers: Providers) -> tuple[Reloads, list[str]]:
    restarted: list[str] = []
    return Reloads(cast(ConfigProviders, providers), restarted.append), restarted


async def test_what_has_not_changed_is_not_restarted_and_what_has_is_once() -> None:
    providers = Providers()
    watching, restarted = made(providers)
    watching.watch("x", await providers.resolve(CONFIG))
    await until(lambda: providers.looks > 4)
    assert restarted == []
    providers.answer = "two"
    await until(lambda: restarted == ["x"])
    await until(lambda: watching.watched() == [])


async def test_a_look_that_fails_changes_nothing_and_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    providers = Providers()
    watching, restarted = made(providers)
    watching.watch("x", await providers.resolve(CONFIG))
    providers.answer = ConfigError("the file is gone")
    await until(lambda: providers.looks > 3)
    assert restarted == []
    assert "runs on with the values that it has" in caplog.text
    assert "the file is gone" in caplog.text
    providers.answer = "two"
    await until(lambda: restarted == ["x"])


async def test_a_value_that_holds_for_good_ends_the_watch() -> None:
    providers = Providers()
    watching, restarted = made(providers)
    watching.watch("x", await providers.resolve(CONFIG))
    providers.ttl_ms = None
    await until(lambda: watching.watched() == [])
    watching.watch("x", await providers.resolve(CONFIG))
    assert watching.watched() == []
    assert restarted == []


async def test_forgotten_and_closed_nothing_is_looked_up_any_more() -> None:
    providers = Providers()
    providers.ttl_ms = 3_600_000
    watching, _ = made(providers)
    for name in ("x", "y", "z"):
        watching.watch(name, await providers.resolve(CONFIG))
    watching.forget("x")
    watching.forget("unknown")
    assert watching.watched() == ["y", "z"]
    watching.close()
    assert watching.watched() == []
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("values of")] == []


async def test_a_time_without_end_is_one_that_a_timer_can_take() -> None:
    providers = Providers()
    providers.ttl_ms = 1 << 80
    watching, _ = made(providers)
    watching.watch("x", await providers.resolve(CONFIG))
    await asyncio.sleep(0)
    assert watching.watched() == ["x"]
    watching.close()
