"""Columns as one call of fastavro, and what is between their records."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from connect.api import ConfigError
from connect_schemas.avro import wire
from connect_schemas.avro.wire import Codec, GuardError

RECORD = {"type": "record", "name": "n1", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "string"}]}


@pytest.mark.parametrize("is_used_within", [False, True])
def test_a_column_is_what_its_records_are_one_by_one(is_used_within: bool) -> None:
    codec = Codec(RECORD, is_used_within=is_used_within)
    values = [{"a": index, "b": "x" * index} for index in range(200)]
    data = codec.write(values)
    assert data == [codec.write_one(value) for value in values]
    assert codec.read([b"head" + item for item in data], 4) == values
    assert codec.read_one(data[3] + b"more", 0) == values[3]


def test_what_is_no_record_is_written_alike() -> None:
    codec = Codec("string", is_used_within=False)
    assert codec.write(["a", ""]) == [b"\x02a", b"\0"]
    assert codec.read([b"\x02a", b"\0"], 0) == ["a", ""]


@pytest.mark.parametrize(
    "data", [[b"\x02\x02x", b"\x02\x02"], [b"\x02\x02xy", b"\x02\x02x"], [b"\x02", b"\x02xx\x02x"], [b"", b""]]
)
def test_a_record_that_is_too_short_or_too_long_takes_nothing_from_its_neighbour(data: list[bytes]) -> None:
    with pytest.raises((GuardError, EOFError, UnicodeDecodeError, ValueError, StopIteration)):
        Codec(RECORD, is_used_within=False).read(data, 0)


def test_text_that_is_none_is_read_where_that_is_asked_for() -> None:
    codec = Codec("string", is_used_within=False)
    with pytest.raises(UnicodeDecodeError):
        codec.read_one(b"\x02\xff", 0)
    assert codec.read_one(b"\x02\xff", 0, lenient=True) == "\ufffd"


def test_without_fastavro_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **rest: Any) -> Any:
        if name == "fastavro":
            raise ImportError(name)
        return real(name, *more, **rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match="needs fastavro") as raised:
        wire.fastavro()
    assert "connect-runtime[schemas]" in raised.value.hint
