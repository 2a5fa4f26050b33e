"""What a plugin class is like, in plain values: told by the process that has it, read where a class stands for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from connect.api import (
    Config,
    ConfigKey,
    Connector,
    Plugin,
    Predicate,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    Transform,
)
from connect.api.config_values import ConfigType, Secret, to_text

#: The methods that cross, by the base class whose contract has them: those that a class overrides are told.
METHODS: Final[dict[type[Plugin], tuple[str, ...]]] = {
    SourceConnector: (
        "start", "task_configs", "check", "stop", "exactly_once_support", "can_define_transaction_boundaries",
        "alter_offsets", "signal",
    ),
    SinkConnector: ("start", "task_configs", "check", "stop", "exactly_once_support", "alter_offsets"),
    SourceTask: ("start", "stop", "poll", "poll_batch", "commit", "commit_records", "offset_within"),
    SinkTask: (
        "start", "stop", "open", "resume_offsets", "put", "put_batch", "put_batches", "flush", "close_partitions",
        "preview",
    ),
    Transform: ("apply", "apply_batch"),
    Predicate: ("test", "test_batch"),
}  # fmt: skip
_KEY_TEXTS: Final = ("name", "importance", "documentation", "group", "width", "display_name")
_KEY_LISTS: Final = ("dependents", "recommended", "formerly", "placeholders")


def base_of(cls: type[Plugin]) -> type[Plugin] | None:
    """Return the class of the contract that a plugin class is of; None for a kind that does not cross."""
    return next((base for base in METHODS if issubclass(cls, base)), None)


def declared(cls: type[Plugin]) -> dict[str, Any] | None:
    """Return what a class is like, for `described` on the other side; None for a kind that does not cross."""
    base = base_of(cls)
    if base is None:
        return None
    own = {name: getattr(cls, name) for name in METHODS[base] if getattr(cls, name) is not getattr(base, name)}
    found: dict[str, Any] = {
        "base": base.__name__,
        "module": cls.__module__,
        "qualname": cls.__qualname__,
        "doc": cls.__doc__,
        "class_name": cls.class_name,
        "aliases": list(cls.aliases),
        "version": str(cls.version),
        "methods": {name: inspect.getdoc(method) for name, method in own.items()},
        "async": [name for name, method in own.items() if inspect.iscoroutinefunction(method)],
        "keys": keys_of(cls.config_class),
    }
    if issubclass(cls, Connector):
        task = declared(cls.task_class)
        assert task is not None, "a connector's task is a source's or a sink's"
        found["task"] = task
        found["task_has_keys"] = cls.task_class.config_class is not Config
    if issubclass(cls, Transform):
        found["allowed_by"] = cls.allowed_by
    if issubclass(cls, SourceTask):
        found["previews"] = cls.previews
    return found


def keys_of(config_class: type[Config]) -> list[dict[str, Any]]:
    """Return a config's declared keys."""
    return [
        {
            **{name: getattr(key, name) for name in _KEY_TEXTS},
            **{name: list(getattr(key, name)) for name in _KEY_LISTS},
            "type": key.type.value,
            "required": key.required,
            "default": _plain_default(key),
            "order": key.order,
            "internal": key.internal,
            "valid_values": key.valid_values,
        }
        for key in config_class.keys().values()
    ]


def config_keys(found: Any) -> dict[str, ConfigKey]:
    """Return declared keys as they were told.

    Raises:
        ValueError, TypeError, KeyError: These are none, whoever told them.
    """
    keys = {}
    for row in found:
        texts = {name: _text(row[name]) for name in _KEY_TEXTS}
        lists = {name: tuple(_text(item) for item in row[name]) for name in _KEY_LISTS}
        kind, default = ConfigType(row["type"]), row["default"]
        name = texts.pop("name")
        assert isinstance(name, str)
        keys[name] = ConfigKey(
            name,
            kind,
            required=bool(row["required"]),
            default=Secret(default) if kind is ConfigType.PASSWORD and isinstance(default, str) else default,
            order=int(row["order"]),
            internal=bool(row["internal"]),
            validators=(_told(_text(row["valid_values"]) or ""),) if row["valid_values"] else (),
            **texts,  # type: ignore[arg-type] # those that may be None are
            **lists,  # type: ignore[arg-type]
        )
    return keys


def _told(valid_values: str) -> Callable[[Any], None]:
    """Return a check that says what is valid; the plugin's process checks."""

    def check(value: Any) -> None:
        return None

    check.valid_values = valid_values  # type: ignore[attr-defined]
    return check


def _plain_default(key: ConfigKey) -> Any:
    if isinstance(key.default, Secret):
        return key.default.get_secret_value()
    if key.default is None or isinstance(key.default, bool | int | float | str):
        return key.default
    if isinstance(key.default, list | tuple):
        return [str(item) for item in key.default]
    return to_text(key.default, key.type)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} in place of text")
    return value


def text_of(found: Mapping[str, Any], name: str) -> str:
    """Return a text that was told.

    Raises:
        ValueError: It is none.
    """
    value = _text(found.get(name))
    if value is None:
        raise ValueError(f"no {name}")
    return value
