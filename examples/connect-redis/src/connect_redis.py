"""Writes records to Redis: a key each, a hash each, or a stream."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from typing import Any, Literal

import redis

from connect.api import ConfigError, DataError, FailedRecord, Record, RetriableError, Secret, sink

__version__ = "0.1.0"

#: What the server says of a command that is about the record, and not about the server: the first word.
_OF_THE_RECORD = ("WRONGTYPE", "ERR")
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
            each record is an entry of the stream of its topic, and its key the field named key.
        key_prefix: Stands in front of every key; the topic's name stands behind it in the name of a stream.
        expire_ms: How long a key lives; 0 for ever.
        stream_maxlen: About how many entries a stream keeps; 0 for all.
    """
    try:
        secret = password.get_secret_value() if password else None
        client = redis.Redis.from_url(url, password=secret, socket_timeout=10, socket_connect_timeout=10)
    except ValueError as error:
        raise ConfigError(f"the address is wrong: {error}", config_path="url") from error
    with closing(client):
        while True:
            records = yield
            commands: list[_Command] = []
            #: Of each command, its record.
            numbers: list[int] = []
            failed: list[FailedRecord] = []
            for number, record in enumerate(records):
                try:
                    made = _commands(record, form, key_prefix, expire_ms, stream_maxlen)
                    commands += made
                    numbers += [number] * len(made)
                except DataError as error:
                    failed.append(FailedRecord(number, error.message))
            if failed:
                raise DataError(f"{len(failed)} records do not fit: {failed[0].reason}", failed=failed)
            _send(client, commands, numbers, url)


def _send(client: redis.Redis, commands: list[_Command], numbers: list[int], url: str) -> None:
    """Send commands in one transaction of Redis, so that a connection that ends leaves all of them or none."""
    where = url.rpartition("@")[2].partition("?")[0]
    try:
        pipe = client.pipeline(transaction=True)
        for command in commands:
            pipe.execute_command(*command)  # type: ignore[no-untyped-call]
        # All answers: a command of a transaction that fails as it runs takes none of the others with it.
        answers = pipe.execute(raise_on_error=False)
    except (redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        raise ConfigError(f"{where} refuses the login: {error}", config_path="password") from None
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
        raise RetriableError(f"{where}: {error}") from error
    except redis.exceptions.RedisError as error:
        raise _told(error, where) from error
    failed: dict[int, str] = {}
    for number, answer in zip(numbers, answers, strict=True):
        if isinstance(answer, Exception):
            told = _told(answer, where)
            if not isinstance(told, DataError):
                raise told from answer
            failed.setdefault(number, told.message)
    if failed:
        named = [FailedRecord(number, reason) for number, reason in failed.items()]
        raise DataError(f"{len(named)} records do not fit: {named[0].reason}", failed=named)


def _told(error: Exception, where: str) -> DataError | RetriableError:
    """Return what an answer is to the worker: a bad record, or a server that is not ready: it loads, is full, is a
    replica, cannot save, has too few replicas, or moves keys. In doubt the server: no record is thrown away for it."""
    # In front stands the command, with what is in the record.
    text = str(error).rpartition(" of pipeline caused error: ")[2]
    aborted = error.__cause__ if isinstance(error, redis.exceptions.ExecAbortError) else None
    if aborted is not None:
        return _told(aborted, where) if isinstance(aborted, Exception) else RetriableError(f"{where}: {text}")
    is_plain = type(error) in (redis.exceptions.ResponseError, redis.exceptions.DataError)
    # redis-py takes the word ERR away from what it tells.
    first = text.partition(" ")[0]
    if is_plain and (first in _OF_THE_RECORD or not first.isupper()):
        return DataError(f"{where}: {text}")
    return RetriableError(f"{where}: {text}")


def _commands(record: Record, form: str, prefix: str, expire_ms: int, maxlen: int) -> list[_Command]:
    if form == "stream":
        size: _Command = ("MAXLEN", "~", maxlen) if maxlen else ()
        fields = _fields(record.value) if isinstance(record.value, dict) else {"value": _text(record.value)}
        if record.key is not None:
            fields = {**fields, "key": _text(record.key)}
        if not fields:
            raise DataError("its value has no fields, and it has no key; an entry of a stream has one at least")
        return [("XADD", f"{prefix}{record.topic}", *size, "*", *(part for pair in fields.items() for part in pair))]
    if record.key is None:
        raise DataError("its key is null; expected one, which becomes the key of Redis")
    key = prefix.encode() + _bytes(_text(record.key))
    if record.value is None:
        return [("DEL", key)]
    lives: list[_Command] = [("PEXPIRE", key, expire_ms)] if expire_ms else []
    if form == "string":
        return [("SET", key, _text(record.value)), *lives]
    fields = _fields(record.value) if isinstance(record.value, dict) else {}
    if not fields:
        raise DataError(f"its value is {type(record.value).__name__}; expected an object with fields, for a hash")
    pairs = [part for pair in fields.items() for part in pair]
    return [("DEL", key), ("HSET", key, *pairs), *lives]  # fields of before that are gone are to go


def _fields(value: dict[Any, Any]) -> dict[str, str | bytes]:
    strange = [name for name in value if not isinstance(name, str)]
    if strange:
        raise DataError(f"the field {strange[0]!r:.50} has no text for its name")
    for name in value:
        _text(name)
    return {name: _text(item) for name, item in value.items() if item is not None}


def _text(value: Any) -> str | bytes:
    if isinstance(value, bytes):
        return value
    try:
        text = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"it is no {'text' if isinstance(value, str) else 'JSON'}: {error}") from error
    return text


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
