"""Whatever bytes or values a converter gets, it raises nothing but errors of Connect."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from connect.api import ConfigError, ConnectError, DataError
from connect_converters import connect_converters, connect_header_converters
from connect_converters.string import StringConverter
from tests.support.converters import make_converter
from tests.transforms.test_only_connect_errors import Dice, deep

NAMES = [
    "schema", "payload", "type", "fields", "field", "name", "optional", "default", "items", "keys", "values",
    "version",
]  # fmt: skip
NAMES += ["parameters", "doc", "scale", "a"]
TYPES = ["int8", "int16", "int32", "int64", "string", "bytes", "array", "map", "float", "double", "boolean", "struct"]
LOGICAL = [f"org.apache.kafka.connect.data.{name}" for name in ("Decimal", "Date", "Time", "Timestamp")]
LEAVES: list[Any] = [None, True, 0, 1, -1, 1.5, 10**30, "", "a", "2", "AQ==", "nope", *TYPES, *LOGICAL]
BYTES = [
    None, b"", b"null", b'{"a":1,"a":2}', b"\xef\xbb\xbf1", b'"\\ud800"', b"[" * 1100 + b"]" * 1100, b"1e999", b"-0",
    b"NaN", b'{"a":' * 900 + b"1" + b"}" * 900, b"1" * 5000, b'{"schema":null,"payload":[1]}',
    b'{"schema":{"type":"string"}}', b'{"schema":{"type":"int32"},"payload":null}', b'{"payload":1}',
    b'{"schema":[],"payload":1}', b"\xff\xfe", b"\x00\x01",
]  # fmt: skip
CONFIG_WORDS = ["true", "false", "BASE64", "NUMERIC", "UTF-8", "ISO-8859-1", "UTF-16", "x", "0", "5"]


class JsonDice(Dice):
    """Draws JSON that is nearly a schema and nearly a payload of it."""

    def odd(self, depth: int = 3) -> Any:
        if depth and self.random() < 0.4:
            return {self.choice(NAMES): self.odd(depth - 1) for _ in range(self.randrange(5))}
        if depth and self.random() < 0.15:
            return [self.odd(depth - 1) for _ in range(self.randrange(3))]
        return self.choice(LEAVES)

    def envelope_schema(self, depth: int = 2) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": self.choice(TYPES)}
        inner = (lambda: self.envelope_schema(depth - 1)) if depth else (lambda: {"type": "string"})
        match schema["type"]:
            case "struct":
                schema["fields"] = [{**inner(), "field": f"f{n}"} for n in range(self.randrange(3))]
            case "array":
                schema["items"] = inner()
            case "map":
                schema |= {"keys": inner(), "values": inner()}
        if self.random() < 0.3:
            schema |= {
                "name": self.choice(LOGICAL),
                "parameters": self.choice([{"scale": "2"}, {"scale": "x"}, {"scale": 2}, 5, None]),
            }
        for name in ("optional", "default", "version", "doc"):
            if self.random() < 0.25:
                schema[name] = self.odd(1)
        if self.random() < 0.15:
            schema[self.choice(list(schema))] = self.odd(1)
        return schema

    def payload_of(self, schema: Any) -> Any:
        if not isinstance(schema, dict) or self.random() < 0.15:
            return self.odd(2)
        match schema.get("type"):
            case "struct":
                fields = schema.get("fields")
                listed = fields if isinstance(fields, list) else []
                return {str(f.get("field")): self.payload_of(f) for f in listed if isinstance(f, dict)}
            case "array":
                return [self.payload_of(schema.get("items"))]
            case "map":
                return self.choice([{}, {"a": 1}, [[1, 2]], [["a", 1]], [1]])
        return self.odd(0)

    def bytes(self) -> bytes | None:
        kind = self.random()
        if kind < 0.15:
            return self.randbytes(self.randrange(12))
        if kind < 0.3:
            return self.choice(BYTES)
        if kind < 0.5:
            return json.dumps(self.odd()).encode()
        schema = self.envelope_schema()
        return json.dumps({"schema": schema, "payload": self.payload_of(schema)}).encode()


def classes() -> list[Any]:
    found = dict.fromkeys([*connect_converters(), *connect_header_converters()])
    return [pytest.param(cls, id=cls.__name__) for cls in found]


def made(dice: Dice, cls: Any) -> Any:
    keys = cls.config_class.keys()
    raw = {name: dice.choice([*key.recommended, *CONFIG_WORDS]) for name, key in keys.items() if dice.random() < 0.5}
    return make_converter(
        cls, is_key=dice.random() < 0.3, **{name.replace(".", "_"): value for name, value in raw.items()}
    )


@pytest.mark.parametrize("cls", classes())
def test_only_errors_of_connect_come_out(cls: Any) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = JsonDice(seed)
    for _ in range(25):
        try:
            converter = made(dice, cls)
        except ConnectError:
            continue
        for _ in range(8):
            data, schema = dice.bytes(), None if dice.random() < 0.4 else dice.schema()
            value = dice.any() if schema is None else dice.fitting(schema)
            for name, call in calls(converter, data, schema, value):
                try:
                    call()
                except ConnectError as error:
                    assert error.message
                except Exception as error:
                    what = f"{cls.__name__}.{name} {converter.config!r} {data!r:.1000} {schema!r:.300} {value!a:.300}"
                    raise AssertionError(f"{type(error).__name__}: {error}\n{what}") from error


def calls(converter: Any, data: bytes | None, schema: Any, value: Any) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    if hasattr(converter, "to_connect_data"):
        found += [("to_connect_data", lambda: converter.to_connect_data("t", data))]
        found += [("decode", lambda: converter.decode("t", [data, data]))]
        found += [("from_connect_data", lambda: converter.from_connect_data("t", schema, value))]
        found += [("encode", lambda: converter.encode("t", schema, [value, value]))]
    if hasattr(converter, "to_connect_header"):
        found += [("to_connect_header", lambda: converter.to_connect_header("t", "h", data))]
        found += [("from_connect_header", lambda: converter.from_connect_header("t", "h", schema, value))]
    return found


def test_a_value_nested_too_deeply_for_a_header_is_a_data_error() -> None:
    converter = next(cls for cls in connect_header_converters() if cls.__name__ == "SimpleHeaderConverter")()
    with pytest.raises(DataError, match="nested too deeply"):
        converter.from_connect_header("t", "h", None, deep(1023))


@pytest.mark.parametrize("encoding", ["base64", "rot13", "hex", "zlib"])
def test_an_encoding_of_bytes_is_no_character_set(encoding: str) -> None:
    with pytest.raises(ConfigError, match="no such character set"):
        make_converter(StringConverter, converter_encoding=encoding)
