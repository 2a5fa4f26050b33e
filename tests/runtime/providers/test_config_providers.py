"""The providers of a worker: made once, asked one call at a time, for each path once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connect.api import ConfigData, ConfigError, ConfigProvider, InvalidConfigError, hookimpl
from connect.runtime.plugins import PluginHost
from connect.runtime.providers.config_providers import ConfigProviders, declared, provider_names
from connect.runtime.worker_config import WorkerConfig
from tests.support.worker import until


class Notes(ConfigProvider):
    """Remembers what it is asked for."""

    asked: list[tuple[str, tuple[str, ...]]]
    busy = False

    def __init__(self) -> None:
        self.asked = []

    def get(self, path: str, keys: Collection[str] | None = None) -> ConfigData:
        assert not self.busy, "one call at a time"
        self.busy = True
        self.asked.append((path, tuple(keys or ())))
        self.busy = False
        return ConfigData({key: f"{path}/{key}" for key in keys or ()}, ttl_ms=len(path) * 100 if path else None)


class Plug:
    @hookimpl
    def connect_config_providers(self) -> Any:
        return [Notes]


@asynccontextmanager
async def providers(**keys: str) -> AsyncIterator[ConfigProviders]:
    plugins = PluginHost()
    plugins.register(Plug(), "notes")
    name = f"{Notes.__module__}.Notes"
    texts = {"config.providers": "a, b", "config.providers.a.class": name, "config.providers.b.class": "Notes"}
    made = ConfigProviders(plugins, WorkerConfig.parse({**texts, **keys}))
    await made.open()
    yield made
    await made.aclose()


def notes(made: ConfigProviders, name: str) -> Notes:
    found = dict(made.instances())[name]
    assert isinstance(found, Notes)
    return found


async def test_each_path_is_asked_for_once_with_all_of_its_keys() -> None:
    async with providers() as made:
        config = {"x": "${a:p:k}${a:p:l}", "y": "${a:p:k}", "z": "${a:long:k}", "w": "${b:k}", "v": "plain"}
        found = await made.resolve(config)
        assert found.config == {"x": "p/kp/l", "y": "p/k", "z": "long/k", "w": "/k", "v": "plain"}
        assert notes(made, "a").asked == [("p", ("k", "l")), ("long", ("k",))]
        assert notes(made, "b").asked == [("", ("k",))]
        assert found.ttl_ms == 100, "the shortest"


async def test_a_config_without_references_asks_nobody() -> None:
    async with providers() as made:
        found = await made.resolve({"a": "x", "b": "${plain}", "c": "${other:k}"})
        assert found.config == found.written
        assert found.parts == {}
        assert notes(made, "a").asked == []


async def test_many_at_once_take_turns() -> None:
    async with providers() as made:
        found = await asyncio.gather(*(made.resolve({"x": f"${{a:p{n}:k}}"}) for n in range(20)))
        assert [one.config["x"] for one in found] == [f"p{n}/k" for n in range(20)]


async def test_an_unknown_provider_is_told_with_the_nearest_or_with_all() -> None:
    async with providers() as made:
        [one] = made.unknown({"x": "${zzz:p:k}", "y": "${a:k}"})
        assert (one.key, one.reference) == ("x", "${zzz:p:k}")
        assert one.why == "the worker has no config provider 'zzz'; it has a, b"
    none = ConfigProviders(PluginHost(), WorkerConfig.parse({}))
    assert none.unknown({"x": "${a:k}"})[0].why.endswith("nor any other (config.providers)")


async def test_what_says_who_a_connector_is_stays_as_it_is_and_is_refused() -> None:
    async with providers() as made:
        look = await made.look({"name": "${a:p:k}", "x": "${a:p:k}"})
        assert look.resolved.config == {"name": "${a:p:k}", "x": "p/k"}
        assert [problem.key for problem in look.problems] == ["name"]
        with pytest.raises(InvalidConfigError, match="it cannot be a reference"):
            await made.resolve({"connector.class": "${a:p:k}"})
        with pytest.raises(InvalidConfigError, match=r"offsets\.storage\.topic: it cannot be a reference"):
            await made.resolve({"offsets.storage.topic": "${a:p:k}"})  # reserved by its name


def test_names_are_listed_once_without_spaces() -> None:
    assert provider_names({"config.providers": " a ,b,,a "}) == ["a", "b"]
    assert provider_names({}) == []


def test_an_unknown_class_is_named_with_its_key() -> None:
    texts = {"config.providers": "a", "config.providers.a.class": "NoSuch"}
    with pytest.raises(ConfigError, match="NoSuch") as caught:
        declared(PluginHost(), texts)
    assert caught.value.config_path == "config.providers.a.class"


@pytest.mark.timeout(20)
async def test_a_provider_that_hangs_holds_up_neither_the_end_nor_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(Notes, "get", lambda self, path, keys=None: gate.wait(30))
    async with providers() as made:
        hanging = asyncio.create_task(made.resolve({"x": "${a:p:k}"}, limit_s=30))
        await until(lambda: made._providers["a"]._thread is not None and made._providers["a"]._thread.is_busy)
        began = time.monotonic()
        await made.aclose()
        assert time.monotonic() - began < 20
        hanging.cancel()
        await asyncio.wait({hanging})
    gate.set()


async def test_a_closed_provider_is_closed_once() -> None:
    async with providers() as made:
        await made.aclose()
        assert made.instances() == []


async def test_a_key_that_nearly_is_one_that_the_provider_declares_is_told_at_the_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    param = "config.providers.f.param."
    texts = {
        "config.providers": "f",
        "config.providers.f.class": "FileConfigProvider",
        f"{param}allowed.path": "/run/secrets",
        f"{param}its.own": "x",
    }
    made = ConfigProviders(PluginHost.discover(tells=False), WorkerConfig.parse(texts))
    await made.open()
    await made.aclose()
    assert [record.getMessage() for record in caplog.records if "allowed.path" in record.getMessage()] == [
        f"{param}allowed.path is no key of config provider 'f' and may do nothing; did you mean {param}allowed.paths?"
    ]
    assert "its.own" not in caplog.text
