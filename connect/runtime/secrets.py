"""What must never be shown, and how a text is shown without it.

Three ways a secret could get out, and what closes each:

- a config that REST shows: values of secret keys, and passwords inside URLs, become [hidden] (`masked`). A reference
  (`${provider:path:key}`) is no secret: it is shown as it was written.
- a message, a trace or a log line in which a plugin or a library quotes a value: `remember` notes the secret values of
  every config that runs, and `redact` takes them out of any text.
- a config that was read and is sent back: `unmasked` puts the stored secret in the place of [hidden].
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from connect.api import HIDDEN, ConfigKey, ConfigType
from connect.runtime.config import SinkConnectorConfig, SourceConnectorConfig
from connect.runtime.model import PluginKind
from connect.runtime.plugins import CONNECTOR_KINDS, PluginHost

_URL_PASSWORD = re.compile(r"(://[^/@:\s\"']*):[^/@\s\"']*@|((?:^|[?&;])password=)[^&;\s\"']*", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{[^}]+\}")
#: Keys that nothing declares (client overrides, keys of nested plugins) are secret by their names.
_SECRET_NAME = re.compile(r"(^|[._-])(password|passwd|secret|token|credentials?|api[._-]?key|private[._-]?key|jaas[._-]?config)$", re.IGNORECASE)  # fmt: skip
#: Keys that name a plugin, whose own keys follow under the same prefix.
_CONVERTERS: Final = ("key.converter", "value.converter", "header.converter")
_NESTED = re.compile(r"(transforms|predicates)\..+\.type")
_NESTED_KINDS: Final = (PluginKind.TRANSFORM, PluginKind.PREDICATE, PluginKind.CONVERTER, PluginKind.HEADER_CONVERTER)
#: The framework's own keys, of which none is a secret; looked up, since every shown config has them.
_PLAIN: Final = frozenset({*SourceConnectorConfig.keys(), *SinkConnectorConfig.keys()})

#: A shorter value is too likely to be a word of the message itself.
REMEMBERED_CHARS_MIN: Final = 4
REMEMBERED_COUNT_MAX: Final = 10_000
_remembered: OrderedDict[str, None] = OrderedDict()
_pattern: re.Pattern[str] | None = None


def is_reference(value: str) -> bool:
    """Say whether a value is nothing but a reference to a config provider."""
    return _REFERENCE.fullmatch(value.strip()) is not None


def secret_keys(plugins: PluginHost, config: Mapping[str, str | None]) -> set[str]:
    """Return the keys of a connector config whose values are secrets: declared so, or secret by their names."""
    declared = _declared(plugins, config)
    return {name for name, value in config.items() if value and _is_secret(declared.get(name), name)}


def _declared(plugins: PluginHost, config: Mapping[str, str | None]) -> dict[str, ConfigKey]:
    """Return what the connector, and its transforms, predicates and converters, declare of a config's keys."""
    desc = plugins.find(config.get("connector.class") or "", *CONNECTOR_KINDS)
    declared = dict(desc.cls.config_class.keys()) if desc is not None else {}
    for name, value in config.items():
        prefix = name + "." if name in _CONVERTERS else name.removesuffix("type") if _NESTED.fullmatch(name) else None
        if prefix and value and (nested := plugins.find(value, *_NESTED_KINDS)) is not None:
            declared |= {prefix + inner: key for inner, key in nested.cls.config_class.keys().items()}
    return declared


def _is_secret(declared: ConfigKey | None, name: str) -> bool:
    if declared is not None:
        return declared.type is ConfigType.PASSWORD
    return name not in _PLAIN and _SECRET_NAME.search(name) is not None


def masked(plugins: PluginHost, config: Mapping[str, str]) -> dict[str, str]:
    """Return a config to show."""
    secret = secret_keys(plugins, config)
    return {name: shown(value, secret=name in secret) for name, value in config.items()}


def shown(value: str, *, secret: bool) -> str:
    """Return a config's value to show: a secret as [hidden], a reference as it is, a URL without its password."""
    if secret:
        return value if is_reference(value) else HIDDEN
    return hide_in_urls(value)


def unmasked(plugins: PluginHost, config: dict[str, str | None], stored: Mapping[str, str]) -> dict[str, str | None]:
    """Return a config that was shown before, with what was hidden put back from the stored one."""
    before = masked(plugins, stored)
    return {
        name: stored[name] if value is not None and HIDDEN in value and before.get(name) == value else value
        for name, value in config.items()
    }


def hide_in_urls(text: str) -> str:
    """Return a text without the passwords of the URLs in it."""
    # Most texts have no '=' and no '://': they are not looked through.
    return _URL_PASSWORD.sub(_hide, text) if "://" in text or "=" in text else text


def _hide(match: re.Match[str]) -> str:
    if match[1] is not None:
        return f"{match[1]}:{HIDDEN}@"
    return f"{match[2]}{HIDDEN}"


# -- messages, traces, log lines -----------------------------------------------------------------------------------


def remember(plugins: PluginHost, config: Mapping[str, str]) -> None:
    """Note the secret values of a config that runs, so that `redact` knows them.

    One that the config shows elsewhere too, such as a password that is the user's name, is not hidden by being taken
    out of messages: they would only become unreadable.
    """
    secret = secret_keys(plugins, config)
    open_text = "\n".join([*config, *(hide_in_urls(value) for name, value in config.items() if name not in secret)])
    add(config[name] for name in secret if config[name] not in open_text)


def add(values: Iterable[str]) -> None:
    """Note secret values; the oldest are forgotten beyond `REMEMBERED_COUNT_MAX`."""
    global _pattern
    for value in values:
        if len(value) >= REMEMBERED_CHARS_MIN and not is_reference(value) and value not in _remembered:
            _remembered[value] = None
            _pattern = None
    while len(_remembered) > REMEMBERED_COUNT_MAX:
        _remembered.popitem(last=False)


def redact(text: str) -> str:
    """Return a text without the secrets that are known and without passwords in URLs."""
    global _pattern
    if _remembered:
        if _pattern is None:
            # The longest first: one secret may begin with another.
            _pattern = re.compile("|".join(re.escape(v) for v in sorted(_remembered, key=len, reverse=True)))
        text = _pattern.sub(HIDDEN, text)
    return hide_in_urls(text)
