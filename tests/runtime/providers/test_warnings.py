"""Warnings of references, and of providers that nothing confines."""

from __future__ import annotations

from typing import cast

from connect.api import Config, ConfigProvider, config_key
from connect.runtime.providers.config_providers import ConfigProviders, Look, UnknownProvider
from connect.runtime.providers.resolved import resolved_of
from connect.runtime.providers.warnings import open_providers, reference_warnings
from connect_providers import EnvVarConfigProvider, FileConfigProvider


def test_a_reference_to_nobody_and_a_line_break_are_warned_of() -> None:
    resolved = resolved_of({"a": "${v:x}", "b": "${v:y}"}, {"${v:x}": "secret\n", "${v:y}": "secret"})
    look = Look(resolved, (), (UnknownProvider("c", "${w:z}", "there is no 'w'"),))
    assert [(one.key, one.code, one.message) for one in reference_warnings(look, {})] == [
        ("c", "unknown_provider", "${w:z} is taken as it is: there is no 'w'"),
        ("a", "risky", "the value of ${v:x} ends in a line break, which belongs to it"),
    ]


class PathConfig(Config):
    path: str = config_key("A path with places that the plugin fills.", placeholders=["time", "field"])


def test_what_the_plugin_fills_itself_is_no_reference() -> None:
    look = Look(
        resolved_of({}, {}),
        (),
        (
            UnknownProvider("path", "${time:yyyy}", "there is no 'time'"),
            UnknownProvider("path", "${tmie:yyyy}", "there is no 'tmie'"),
            UnknownProvider("other", "${time:yyyy}", "there is no 'time'"),
        ),
    )
    told = [(one.key, one.message) for one in reference_warnings(look, PathConfig.keys())]
    assert told == [
        ("path", "${tmie:yyyy} is taken as it is: there is no 'tmie'"),
        ("other", "${time:yyyy} is taken as it is: there is no 'time'"),
    ]


class Some:
    """Providers that are made."""

    def __init__(self, **made: tuple[type[ConfigProvider], dict[str, str]]) -> None:
        self._made = made

    def instances(self) -> list[tuple[str, ConfigProvider]]:
        found = []
        for name, (cls, config) in self._made.items():
            one = cls()
            one.configure(cls.config_class.parse(config))
            found.append((name, one))
        return found


class Closed(ConfigProvider):
    """Has no such key."""

    config_class = Config


def test_a_provider_is_open_while_its_operator_has_not_said_what_may_be_read() -> None:
    some = Some(
        f=(FileConfigProvider, {}),
        g=(FileConfigProvider, {"allowed.paths": "/"}),
        e=(EnvVarConfigProvider, {}),
        h=(EnvVarConfigProvider, {"allowlist.pattern": "A.*"}),
        c=(Closed, {}),
    )
    found = dict(open_providers(cast(ConfigProviders, some)))
    assert list(found) == ["f", "e"]
    assert "config.providers.f.param.allowed.paths" in found["f"]
    assert "any file" in found["f"]
    assert "any variable" in found["e"]
