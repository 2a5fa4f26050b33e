"""What must never be shown, and how a text is shown without it.

Three ways a secret could get out, and what closes each:

- a config that REST shows: values of secret keys, and secrets inside URLs and other values, become [hidden] (`masked`).
  A reference (`${provider:path:key}`) is no secret: it is shown as it was written.
- a message, a trace or a log line in which a plugin or a library quotes a value: `remember` notes the secrets of every
  config that runs, and `redact` takes them out of any text.
- a config that was read and is sent back: `unmasked` puts the stored secret in the place of [hidden], and refuses what
  is not known, so that the mask itself is never stored.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote, unquote

from connect.api import HIDDEN, ConfigKey, ConfigType, ConnectError, Problem, invalid_config
from connect.api.config import names_of
from connect.runtime import secret_text
from connect.runtime.connector_config import SinkConnectorConfig, SourceConnectorConfig
from connect.runtime.model import PluginKind
from connect.runtime.plugins import CONNECTOR_KINDS, PluginHost

_REFERENCE = re.compile(r"\$\{[^}]+\}")
#: Keys that name a plugin, whose own keys follow under the same prefix.
_CONVERTERS: Final = ("key.converter", "value.converter", "header.converter")
_NESTED = re.compile(r"(transforms|predicates)\..+\.type")
_NESTED_KINDS: Final = (PluginKind.TRANSFORM, PluginKind.PREDICATE, PluginKind.CONVERTER, PluginKind.HEADER_CONVERTER)
#: The framework's own keys, of which none is a secret; looked up, since every shown config has them.
_PLAIN: Final = frozenset({*SourceConnectorConfig.keys(), *SinkConnectorConfig.keys()})

#: A shorter value is too likely to be a word of the message itself.
REMEMBERED_CHARS_MIN: Final = 4
#: A longer one is no password; keys and certificates are some KiB.
REMEMBERED_CHARS_MAX: Final = 16 << 10
REMEMBERED_COUNT_MAX: Final = 10_000
_remembered: OrderedDict[str, None] = OrderedDict()
_pattern: re.Pattern[str] | None = None
#: Texts are looked through on any thread: a pattern of before must not take the place of one that knows more. May be
#: taken again by who holds it, since what is freed meanwhile may log.
_changing: Final = threading.RLock()


def is_reference(value: str) -> bool:
    """Say whether a value is nothing but a reference to a config provider."""
    return _REFERENCE.fullmatch(value.strip()) is not None


def is_untyped(key: ConfigKey) -> bool:
    """Say whether a declared key is a secret by its name, and not by its type: who prints the config shows it."""
    return key.type in (ConfigType.STRING, ConfigType.LIST) and secret_text.is_secret_name(key.name)


def secret_keys(plugins: PluginHost, config: Mapping[str, str | None]) -> set[str]:
    """Return the keys of a connector config whose values are secrets: declared so, or secret by their names."""
    declared = _declared(plugins, config)
    # Of a class that is a reference it is not known which of its keys are secrets.
    hidden = tuple(prefix for name, value in config.items() if value and "${" in value and (prefix := _prefix(name)))
    return {
        name
        for name, value in config.items()
        if value and (_is_secret(declared.get(name), name) or (hidden and name.startswith(hidden)))
    } - {name for name in config if _prefix(name)}


def _declared(plugins: PluginHost, config: Mapping[str, str | None]) -> dict[str, ConfigKey]:
    """Return what the connector, and its transforms, predicates and converters, declare of a config's keys."""
    desc = plugins.find(config.get("connector.class") or "", *CONNECTOR_KINDS)
    declared = names_of(desc.cls.config_class) if desc is not None else {}
    for name, value in config.items():
        prefix = _prefix(name)
        if prefix and value and (nested := plugins.find(value, *_NESTED_KINDS)) is not None:
            declared |= {prefix + inner: key for inner, key in names_of(nested.cls.config_class).items()}
    return declared


def _prefix(name: str) -> str | None:
    """Return the prefix of a plugin's keys, for a key that names its class; None for any other key."""
    return name + "." if name in _CONVERTERS else name.removesuffix("type") if _NESTED.fullmatch(name) else None


def _is_secret(declared: ConfigKey | None, name: str) -> bool:
    if declared is not None:
        return declared.type is ConfigType.PASSWORD
    return name not in _PLAIN and secret_text.is_secret_name(name)


def masked(plugins: PluginHost, config: Mapping[str, str]) -> dict[str, str]:
    """Return a config to show."""
    secret = secret_keys(plugins, config)
    return {name: shown(value, secret=name in secret) for name, value in config.items()}


def shown(value: str, *, secret: bool) -> str:
    """Return a config's value to show: a secret as [hidden], a reference as it is, a URL without its password."""
    if secret:
        return value if is_reference(value) else HIDDEN
    return secret_text.hide(value)


def unmasked(plugins: PluginHost, config: Mapping[str, str | None], stored: Mapping[str, str]) -> dict[str, str | None]:
    """Return a config that was shown before, with what was hidden put back from the stored one.

    Raises:
        ConfigError: A mask stands where no secret is known; names each such key.
    """
    filled, problems = unmask(plugins, config, stored)
    if problems:
        raise invalid_config(problems)
    return filled


def unmask(
    plugins: PluginHost, config: Mapping[str, str | None], stored: Mapping[str, str]
) -> tuple[dict[str, str | None], list[Problem]]:
    """As `unmasked`, and return what is wrong in place of raising it; those values stay as they were sent."""
    masks = {name: value for name, value in config.items() if value is not None and secret_text.holds_mask(value)}
    if not masks:
        return dict(config), []
    secret, secret_before = secret_keys(plugins, config), secret_keys(plugins, stored)
    filled, problems = dict(config), []
    for name, value in masks.items():
        before = stored.get(name)
        found = None
        if before is not None and (name in secret) is (name in secret_before):
            found = _known(before, value, secret=name in secret)
        if found is None:
            problems.append(Problem(name, f"Invalid value {HIDDEN} for configuration {name}: {_unknown(before)}"))
        else:
            filled[name] = found
    return filled, problems


def _known(before: str, value: str, *, secret: bool) -> str | None:
    if secret_text.holds_mask(before):  # of a time when masks were stored
        return None
    if secret:
        return before if value.strip() == HIDDEN else None
    return secret_text.restored(before, value)


def _unknown(before: str | None) -> str:
    what = "it stands for a secret that is not shown, and "
    if before is None:
        return what + "this connector has none there yet; give the secret itself"
    return (
        what + "what it stands beside was changed (the address, the user, the class), "
        "so that the stored one is not used for it; give the secret itself"
    )


def secret_pieces(plugins: PluginHost, config: Mapping[str, str | None]) -> list[str]:
    """Return every secret of a config: whole values, and those inside values; longest first."""
    secret = secret_keys(plugins, config)
    found = {name: [value] if name in secret else secret_text.pieces(value) for name, value in config.items() if value}
    open_text = "\n".join([*config, *(secret_text.hide(v) for name, v in config.items() if v and name not in secret)])
    each = {form for parts in found.values() for part in parts for form in (unquote(part), *quoted_forms(part))}
    # One that the config shows elsewhere too, such as a password that is the user's name, is not hidden by being taken
    # out of messages: they would only become unreadable.
    usable = (
        part for part in each if len(part) >= REMEMBERED_CHARS_MIN and part not in open_text and HIDDEN not in part
    )
    return sorted((part for part in usable if not is_reference(part)), key=len, reverse=True)


def quoted_forms(value: str) -> set[str]:
    """Return a value, and it as source code, URLs and JSON quote it."""
    as_json = (json.dumps(value, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False))
    return {value, repr(value)[1:-1], quote(value, safe=""), *as_json}


def without(text: str, parts: Iterable[str]) -> str:
    """Return a text without these secrets, and without those that `redact` finds."""
    for part in parts:
        text = text.replace(part, HIDDEN)
    return redact(text)


@contextmanager
def kept_out(plugins: PluginHost, config: Mapping[str, str | None]) -> Iterator[None]:
    """Take a config's secrets out of the message of an error that its checks raise: it may never have run."""
    try:
        yield
    except ConnectError as error:
        error.message = without(error.message, secret_pieces(plugins, config))
        raise


# -- messages, traces, log lines -----------------------------------------------------------------------------------


def remember(plugins: PluginHost, config: Mapping[str, str]) -> None:
    """Note the secrets of a config that runs, also those inside URLs, so that `redact` knows them."""
    add(secret_pieces(plugins, config))


def hide_in_urls(text: str) -> str:
    """Return a message without the passwords of the URLs in it."""
    return secret_text.hide(text, line=True)


def add(values: Iterable[str]) -> None:
    """Note secret values; the oldest are forgotten beyond `REMEMBERED_COUNT_MAX`."""
    global _pattern
    values = list(values)
    with _changing:
        for value in values:
            length = len(value)
            if (
                REMEMBERED_CHARS_MIN <= length <= REMEMBERED_CHARS_MAX
                and not is_reference(value)
                and value not in _remembered
            ):
                _remembered[value] = None
                _pattern = None
        while len(_remembered) > REMEMBERED_COUNT_MAX:
            _remembered.popitem(last=False)


def redact(text: str) -> str:
    """Return a text without the secrets that are known and without passwords in URLs."""
    if _remembered:
        text = (_pattern or _compiled()).sub(HIDDEN, text)
    return hide_in_urls(text)


def _compiled() -> re.Pattern[str]:
    global _pattern
    with _changing:
        if _pattern is None:
            # The longest first: one secret may begin with another.
            _pattern = re.compile("|".join(re.escape(v) for v in sorted(_remembered, key=len, reverse=True)))
        return _pattern
