from __future__ import annotations

import inspect
from typing import Any

import pluggy
import pytest

from connect.api import hookimpl, hooks


def manager(*plugins: object) -> pluggy.PluginManager:
    made = pluggy.PluginManager(hooks.PROJECT)
    made.add_hookspecs(hooks)
    for plugin in plugins:
        made.register(plugin)
    made.check_pending()
    return made


def specs() -> dict[str, Any]:
    return {name: found for name, found in vars(hooks).items() if name.startswith("connect_")}


def test_every_hook_is_known_plain_and_says_what_it_is_for() -> None:
    known = manager().hook
    assert specs()
    for name, spec in specs().items():
        assert hasattr(known, name), "it lacks @hookspec"
        assert not inspect.iscoroutinefunction(spec)
        assert (spec.__doc__ or "").startswith(("Return ", "Hear ")), name


def test_a_hook_that_gives_classes_takes_nothing_and_one_that_observes_is_told_when() -> None:
    for name, spec in specs().items():
        arguments = list(inspect.signature(spec).parameters)
        if (spec.__doc__ or "").startswith("Return "):
            assert arguments == [], name
        else:
            assert arguments[-1] == "time_ms", name


def test_a_function_takes_those_arguments_that_it_names_and_may_be_called_otherwise() -> None:
    heard = []

    class Observer:
        @hookimpl
        def connect_worker_stopped(self, time_ms: int) -> None:
            heard.append(time_ms)

        @hookimpl(specname="connect_worker_stopped")
        def other(self) -> None:
            heard.append(-1)

    manager(Observer()).hook.connect_worker_stopped(cluster_id="c", time_ms=7)
    assert sorted(heard) == [-1, 7]


def test_an_argument_or_a_hook_that_there_is_not_is_refused() -> None:
    class Argument:
        @hookimpl
        def connect_worker_stopped(self, colour: str) -> None: ...

    class Name:
        @hookimpl
        def connect_no_such_thing(self) -> None: ...

    for wrong in (Argument(), Name()):
        with pytest.raises(pluggy.PluginValidationError):
            manager(wrong)


def test_plugins_mark_their_hooks_with_pluggys_marker_of_this_project_or_with_ours() -> None:
    class Mine:
        @pluggy.HookimplMarker("connect")
        def connect_connectors(self) -> list[type]:
            return []

    class Ours:
        @hookimpl
        def connect_connectors(self) -> list[type]:
            return [int]

    assert sorted(map(len, manager(Mine(), Ours()).hook.connect_connectors())) == [0, 1]


def test_plugins_are_found_and_their_hooks_known_under_one_name_for_ever() -> None:
    from connect.api.hooks import ENTRY_POINT_GROUP, PROJECT

    assert (PROJECT, ENTRY_POINT_GROUP) == ("connect", "connect"), "every published plugin says it"
