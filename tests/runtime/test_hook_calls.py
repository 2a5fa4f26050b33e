"""Hooks are called through pluggy, in its order and with its options; a plugin that fails spoils nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connect.api import ConfigData, ConfigProvider, Predicate, SourceConnector, SourceTask, Transform, hookimpl
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost
from tests.support.logs import logged
from tests.support.worker import running_worker


class Shout(Transform):
    pass


class Whisper(Transform):
    pass


class TickConnector(SourceConnector):
    class_name = "test.Tick"
    task_class = SourceTask


class OtherTickConnector(SourceConnector):
    class_name = "other.Tick"
    task_class = SourceTask


class Vault(ConfigProvider):
    def get(self, path: str, keys: Any = None) -> ConfigData:
        return ConfigData({"password": "s3cret"}, ttl_ms=60_000)


def giving(*classes: type, **options: Any) -> Callable[[], list[type]]:
    return hookimpl(lambda: list(classes), **options)  # type: ignore[no-any-return]


def host_of(timeout_s: float = 10.0, **plugins: dict[str, Any]) -> PluginHost:
    host = PluginHost(timeout_s=timeout_s)
    for name, functions in plugins.items():
        host.register(SimpleNamespace(**functions), name)
    return host


def tick(host: PluginHost) -> type:
    return host.resolve("Tick", PluginKind.SOURCE).cls


def test_plugins_are_asked_in_the_order_in_which_they_were_found() -> None:
    host = host_of(
        one={"connect_connectors": giving(TickConnector)}, two={"connect_connectors": giving(OtherTickConnector)}
    )
    assert tick(host) is TickConnector


def test_a_plugin_that_tries_to_be_first_claims_a_name_before_the_others() -> None:
    first = giving(OtherTickConnector, tryfirst=True)
    assert tick(host_of(one={"connect_connectors": giving(TickConnector)}, two={"connect_connectors": first})) is (
        OtherTickConnector
    )


def test_a_plugin_that_tries_to_be_last_leaves_a_name_to_the_others() -> None:
    last = giving(TickConnector, trylast=True)
    assert tick(host_of(one={"connect_connectors": last}, two={"connect_connectors": giving(OtherTickConnector)})) is (
        OtherTickConnector
    )


def test_a_function_of_another_name_is_taken_for_the_hook_that_it_names() -> None:
    host = host_of(one={"my_transforms": giving(Shout, specname="connect_transforms")})
    assert [desc.cls for desc in host.list()] == [Shout]


@hookimpl(wrapper=True)
def without_shout() -> Iterator[Any]:
    given = yield
    return [[cls for cls in classes if cls is not Shout] for classes in given]


@hookimpl(hookwrapper=True)
def without_shout_as_of_old() -> Iterator[Any]:
    outcome = yield
    outcome.force_result([[cls for cls in classes if cls is not Shout] for classes in outcome.get_result()])


@pytest.mark.parametrize("wrapper", [without_shout, without_shout_as_of_old])
def test_a_wrapper_may_take_away_what_others_give(wrapper: Any) -> None:
    host = host_of(one={"connect_transforms": giving(Shout, Whisper)}, two={"connect_transforms": wrapper})
    assert [desc.cls for desc in host.list()] == [Whisper]


@hookimpl(wrapper=True)
def with_whisper() -> Iterator[Any]:
    given = yield
    return [*given, [Whisper]]


def test_what_a_wrapper_adds_is_its_own_plugin_s() -> None:
    host = host_of(one={"connect_transforms": giving(Shout)}, two={"connect_transforms": with_whisper})
    assert sorted(desc.cls.__name__ for desc in host.list()) == ["Shout", "Whisper"]
    assert host.broken == []


@hookimpl(wrapper=True)
def raises_before() -> Iterator[Any]:
    raise SystemExit(3)
    yield


@hookimpl(wrapper=True)
def raises_after() -> Iterator[Any]:
    yield
    raise KeyError("x")


@hookimpl(wrapper=True)
def forgets_to_return() -> Iterator[Any]:
    yield


@hookimpl(wrapper=True)
def yields_twice() -> Iterator[Any]:
    yield
    yield


@hookimpl(hookwrapper=True)
def forces_an_exit() -> Iterator[Any]:
    outcome = yield
    outcome.force_exception(SystemExit(3))


@hookimpl(wrapper=True)
def adds_nonsense() -> Iterator[Any]:
    given = yield
    return [*given, [3]]


@pytest.mark.parametrize(
    ("wrapper", "cause"),
    [
        (raises_before, "it raised SystemExit: 3"),
        (raises_after, "KeyError: 'x'"),
        (forgets_to_return, "the wrapper returned NoneType; expected the list that it was given, or another"),
        (yields_twice, "the wrapper yields twice"),
        (forces_an_exit, "it raised SystemExit: 3"),
        (adds_nonsense, "plugin two: connect_transforms returned 3, which is no subclass of Transform"),
    ],
)
def test_a_wrapper_that_fails_is_left_out_and_changes_nothing(wrapper: Any, cause: str) -> None:
    host = host_of(one={"connect_transforms": giving(Shout)}, two={"connect_transforms": wrapper})
    assert [desc.cls for desc in host.list()] == [Shout]
    assert [(broken.name, broken.cause) for broken in host.broken] == [("two", cause)]


@hookimpl(wrapper=True)
def looks_on(state: str) -> Iterator[Any]:
    SEEN.append(f"before {state}")
    yield
    SEEN.append(f"after {state}")


SEEN: list[str] = []


def test_a_wrapper_of_a_hook_that_observes_returns_nothing_as_the_others_do(caplog: pytest.LogCaptureFixture) -> None:
    seen = hookimpl(lambda state: SEEN.append(state))
    host = host_of(one={"connect_task_state_changed": seen}, two={"connect_task_state_changed": looks_on})
    told = {"connector": "c", "task": 0, "state": "FAILED", "previous": None, "trace": "", "time_ms": 0}
    host.calls.tell("connect_task_state_changed", told, lambda plugin: True)
    assert SEEN == ["before FAILED", "FAILED", "after FAILED"]
    assert logged(caplog) == []


def test_a_hook_that_fails_leaves_out_the_whole_plugin_and_no_other() -> None:
    def fails() -> list[type]:
        raise SystemExit(3)

    two = {"connect_transforms": giving(Whisper), "connect_predicates": hookimpl(fails)}
    host = host_of(one={"connect_transforms": giving(Shout)}, two=two)
    assert [desc.cls for desc in host.list()] == [Shout]
    assert [(broken.name, broken.cause) for broken in host.broken] == [("two", "it raised SystemExit: 3")]


def test_a_hook_that_hangs_leaves_its_plugin_out_in_time() -> None:
    released = threading.Event()
    hang = hookimpl(lambda: [released.wait(30)])
    host = host_of(0.1, one={"connect_transforms": giving(Shout)}, two={"connect_transforms": hang})
    released.set()
    assert [desc.cls for desc in host.list()] == [Shout]
    assert [broken.cause for broken in host.broken] == ["it did not end within 0.1 s"]


def test_a_function_without_hookimpl_is_not_called_and_told_of(caplog: pytest.LogCaptureFixture) -> None:
    called: list[int] = []
    one = {"connect_transforms": giving(Shout), "connect_predicates": lambda: called.append(1) or [Predicate]}
    host = host_of(one=one)
    assert [desc.cls for desc in host.list()] == [Shout]
    assert called == []
    assert "plugin one defines connect_predicates without @hookimpl, so it is not called" in caplog.text


def test_a_plugin_without_any_hookimpl_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "bare.py").write_text("def connect_transforms():\n    return []\n")
    [broken] = PluginHost.discover([tmp_path]).broken
    assert broken.cause.endswith("without @hookimpl, so it registers nothing: write @hookimpl above it")
    assert [record.getMessage().count("without @hookimpl") for record in caplog.records] == [1]


async def _later() -> list[type]:
    return [Shout]


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (hookimpl(_later), "connect_transforms is `async def`; a hook is a plain `def`, since nobody awaits it"),
        (
            hookimpl(lambda request: []),
            "connect_transforms takes 'request', which the hook does not give; expected no argument",
        ),
        (
            hookimpl(lambda: [Shout], wrapper=True),
            "connect_transforms wraps others, so it must `yield` once; it does not",
        ),
    ],
)
def test_a_function_that_pluggy_could_not_call_is_refused_in_words_of_the_contract(function: Any, cause: str) -> None:
    assert [broken.cause for broken in host_of(one={"connect_transforms": function}).broken] == [f"plugin one: {cause}"]


def test_an_observer_that_asks_for_what_is_not_told_is_refused_with_what_is() -> None:
    [broken] = host_of(one={"connect_worker_started": hookimpl(lambda host: None)}).broken
    assert broken.cause.endswith("which the hook does not give; expected some of cluster_id, version, time_ms")


def test_config_providers_are_found_by_their_names_and_not_among_what_rest_lists() -> None:
    host = host_of(one={"connect_config_providers": giving(Vault)})
    desc = host.resolve("Vault", PluginKind.CONFIG_PROVIDER)
    assert (desc.cls, desc.kind.value) == (Vault, "configprovider")
    provider = desc.cls()
    assert isinstance(provider, ConfigProvider)
    assert provider.get("db", ["password"]) == ConfigData({"password": "s3cret"}, 60_000)


async def test_rest_lists_every_kind_but_config_providers_as_kafka_connect_does(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        functions = {"connect_config_providers": giving(Vault), "connect_transforms": giving(Shout)}
        worker.herder.plugins.register(SimpleNamespace(**functions), "one")
        listed = (await worker.client.get("/connector-plugins", params={"connectorsOnly": "false"})).json()
    names = {plugin["class"].rpartition(".")[2] for plugin in listed}
    assert "Shout" in names
    assert "Vault" not in names
