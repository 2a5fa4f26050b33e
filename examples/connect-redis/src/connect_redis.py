"""Writes records to Redis: a key each, a hash each, or a stream."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from typing import Any, Literal

import redis

from connect.api import ConfigError, DataError, FailedRecord, Record, RetriableError, Secret, sink

__version__ = "0.1.0"

#: What passes by itself, or once somebody has mended the server.
_AWAY = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
)
_Command = tuple[str | bytes | int | float, ...]


@sink
def redis_sink(
    url: str = "redis://127.0.0.1:6379/0",
    password: Secret | None = None,
    form: Literal["string", "hash", "stream"] = "string",
    key_prefix: str = "",
    expire_ms: int = 0,
    stream_maxlen: int = 0,
) -> Generator[None, list[Record], None]:
    """Write records to Redis: a key each, a hash each, or a stream.

    Args:
        url: Where the server is: redis://HOST:PORT/DATABASE, or rediss:// for TLS.
        password: Of the server, where it asks for one.
        form: string: the record's key is a key of Redis, and its value is set there as JSON, or text as it is. hash:
            the fields of the value become those of a hash. Of both, a record without value deletes the key. stream:
            each record is an entry of the stream of its topic.
        key_prefix: Stands in front of every key; the topic's name stands behind it in the name of a stream.
        expire_ms: How long a key lives; 0 for ever.
        stream_maxlen: About how many entries a stream keeps; 0 for all.
    """
    client = redis.Redis.from_url(url, password=password.get_secret_value() if password else None, socket_timeout=10)
    with closing(client):
        while True:
            records = yield
            commands: list[_Command] = []
            failed: list[FailedRecord] = []
            for number, record in enumerate(records):
                try:
                    commands += _commands(record, form, key_prefix, expire_ms, stream_maxlen)
                except DataError as error:
                    failed.append(FailedRecord(number, error.message))
            if failed:
                raise DataError(f"{len(failed)} records do not fit: {failed[0].reason}", failed=failed)
            _send(client, commands, url)


def _send(client: redis.Redis, commands: list[_Command], url: str) -> None:
    """Send commands in one transaction of Redis, so that a connection that ends leaves all of them or none."""
    where = url.rpartition("@")[2]
    try:
        pipe = client.pipeline(transaction=True)
        for command in commands:
            pipe.execute_command(*command)  # type: ignore[no-untyped-call]
        pipe.execute()
    except (redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        raise ConfigError(f"{where} refuses the login: {error}", config_path="password") from None
    except _AWAY as error:
        raise RetriableError(f"{where}: {error}") from error
    except redis.exceptions.ResponseError as error:
        raise DataError(f"{where}: {error}") from error


def _commands(record: Record, form: str, prefix: str, expire_ms: int, maxlen: int) -> list[_Command]:
    if form == "stream":
        size: _Command = ("MAXLEN", "~", maxlen) if maxlen else ()
        fields = _fields(record.value) if isinstance(record.value, dict) else {"value": _text(record.value)}
        if record.key is not None:
            fields = {"key": _text(record.key), **fields}
        return [("XADD", f"{prefix}{record.topic}", *size, "*", *(part for pair in fields.items() for part in pair))]
    if record.key is None:
        raise DataError("its key is null; expected one, which becomes the key of Redis")
    key = prefix.encode() + _bytes(_text(record.key))
    if record.value is None:
        return [("DEL", key)]
    lives: list[_Command] = [("PEXPIRE", key, expire_ms)] if expire_ms else []
    if form == "string":
        return [("SET", key, _text(record.value)), *lives]
    if not isinstance(record.value, dict) or not record.value:
        raise DataError(f"its value is {type(record.value).__name__}; expected an object with fields, for a hash")
    pairs = [part for pair in _fields(record.value).items() for part in pair]
    return [("DEL", key), ("HSET", key, *pairs), *lives]  # fields of before that are gone are to go


def _fields(value: dict[Any, Any]) -> dict[str, str | bytes]:
    return {str(name): _text(item) for name, item in value.items() if item is not None}


def _text(value: Any) -> str | bytes:
    if isinstance(value, str | bytes):
        return value
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"it is no JSON: {error}") from error


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
