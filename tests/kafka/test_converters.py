"""Converters answer random input as Kafka's own do: what is read, what is written, what is refused and how.

The input keeps clear of the departures (docs/reference/departures.md): years beyond 9999, minus zero, lists as keys,
numbers beyond 64 bits without a schema, true beside 1 as keys.
"""

from __future__ import annotations

import json
import random
import re
from base64 import b64encode
from typing import Any

import pytest

from connect.api import DataError
from connect_converters import JsonConverter, SimpleHeaderConverter, StringConverter
from tests.conformance.play import _normal
from tests.support.converters import make_converter
from tests.support.kafka import lab, run_java
from tests.support.notation import noted

DATA = "org.apache.kafka.connect.data."
CASES = 3000

WORDS = [
    "1", "-5", "300", "70000", "1.5", "1e3", "1E400", "+7", "0.1", "true", "false", "null", "abc", "a b", "", " ",
    "\\,", "2019-08-23", "2019-08-23T14:34:54.346Z", "14:34:54.346Z", "2019-08-23T14\\:34\\:54.346Z", '"x"',
    '"2019-08-23"', '"a\\"b"', "99999999999999999999", "9223372036854775807", "1.", ".5", "1e", "NaN", "é", "\\",
    "--1", "1_0", "00012", "2019-13-45", "2019-8-3xx", "3.4028236e38", "1e-50", "2147483648", "0.123456789",
]  # fmt: skip
NUMBERS = [
    "0", "1", "-1", "127", "128", "-129", "300", "32768", "2147483647", "-2147483649", "9223372036854775807", "1e3",
    "1.5", "-2.75", "0.1", "1e30", "1E400", "1e-400", "3.4028236e38", "123456789.125", "1e7", "0.001", "0.0001",
    "33554433.5", "12345678901234567890.125", "5e-324", "1.50", "007", "4.35", "9007199254740993",
    "123456789012345678",
]  # fmt: skip
TEXTS = [
    "", "a", "AQ==", "AJY=", "AJxY=", " AQ==", "!!", "1", "true", "é", "\U0001f600", "\x1f\x7f", "\u2028", 'a"b\\c/',
    "NaN",
]  # fmt: skip


class Raw(str):
    """JSON text that stands for itself."""


class Dice(random.Random):
    """Draws headers' texts, schemas as JSON, and values for them; one in ten is not what its schema asks for."""

    def header(self, depth: int = 0) -> str:
        kind = self.random()
        if depth < 3 and kind < 0.2:
            items = self.choice([",", ", ", " ,", ";", ""]).join(
                self.header(depth + 1) for _ in range(self.randrange(4))
            )
            return f"[{items}{self.choice([']', ']', ']', ''])}"
        if depth < 3 and kind < 0.4:
            keys = [self.choice(WORDS) for _ in range(self.randrange(3))]
            if {"true", "false"} & {*keys}:  # beside 1, or 1e-50 that is 0, they would be one key of Python's
                keys = keys[:1]
            entries = [f"{key}{self.choice([':', ':', ' : ', ''])}{self.header(depth + 1)}" for key in keys]
            return f"{{{self.choice([',', ', ', ' ']).join(entries)}{self.choice(['}', '}', ''])}"
        return self.choice(["", " "]) * (kind < 0.5) + self.choice(WORDS)

    def any_json(self, depth: int = 0) -> Any:
        kind = self.random()
        if depth < 2 and kind < 0.2:
            return [self.any_json(depth + 1) for _ in range(self.randrange(3))]
        if depth < 2 and kind < 0.3:
            return {name: self.any_json(depth + 1) for name in "abc"[: self.randrange(3)]}
        return self.choice([None, True, False, Raw(self.choice(NUMBERS)), self.choice(TEXTS)])

    def schema(self, depth: int = 0) -> dict[str, Any]:
        simple = [
            "int8", "int16", "int32", "int64", "float", "double", "boolean", "string", "bytes", "Date", "Time",
            "Timestamp", "Decimal",
        ]  # fmt: skip
        kind = self.choice(simple + (["struct", "array", "map"] * 2 if depth < 2 else []))
        schema: dict[str, Any] = {"type": kind}
        if kind == "Decimal":
            schema = {
                "type": "bytes",
                "parameters": self.choice([{"scale": "2"}, {"scale": "2"}, {"scale": "0"}, {"scale": "x"}]),
            }
        elif kind[0].isupper():
            schema = {"type": "int64" if kind == "Timestamp" else "int32", "version": 1}
        elif kind == "struct":
            schema["fields"] = [{**self.schema(depth + 1), "field": name} for name in "abc"[: self.randrange(4)]]
        elif kind == "array":
            schema["items"] = self.schema(depth + 1)
        elif kind == "map":
            schema |= {"keys": {"type": self.choice(["string", "string", "int32"])}, "values": self.schema(depth + 1)}
        if kind[0].isupper():
            schema["name"] = DATA + kind
        if self.random() < 0.4:
            schema["optional"] = True
        if self.random() < 0.08 and kind != "struct":
            schema["default"] = self.value(schema)
        return schema

    def value(self, schema: dict[str, Any]) -> Any:
        if self.random() < 0.04 and "name" not in schema:
            return self.any_json(1)
        kind = schema["type"]
        if schema.get("optional") and self.random() < 0.15:
            return None
        if "name" in schema:
            return self.choice(
                ["AQ==", "AJY=", Raw("1.50"), Raw("3")] if kind == "bytes" else [Raw("0"), Raw("1"), Raw("19000"), "x"]
            )
        if kind == "struct":
            return {field["field"]: self.value(field) for field in schema["fields"] if self.random() < 0.95}
        if kind == "array":
            return [self.value(schema["items"]) for _ in range(self.randrange(3))]
        if kind == "map":
            entry = self.value(schema["values"])  # one: Java's maps have an order of their own
            return {"k": entry} if schema["keys"]["type"] == "string" else [[Raw("7"), entry]]
        if kind in ("string", "bytes"):
            return self.choice(TEXTS if kind == "string" else ["", "AQ==", "/w=="])
        return self.random() < 0.5 if kind == "boolean" else Raw(self.choice(NUMBERS))

    def envelope(self) -> str:
        schema = self.schema()
        message = {
            "schema": schema,
            "payload": self.value(schema) if self.random() < 0.9 or "name" in schema else self.any_json(),
        }
        return dumped(message if self.random() < 0.95 else dict(reversed(message.items())))


def dumped(node: Any) -> str:
    if isinstance(node, Raw):
        return str(node)
    if isinstance(node, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{dumped(item)}" for name, item in node.items()) + "}"
    return "[" + ",".join(map(dumped, node)) + "]" if isinstance(node, list) else json.dumps(node, ensure_ascii=False)


class Ours:
    """What ConverterLab does, here."""

    def __init__(self) -> None:
        self.enveloped = make_converter(JsonConverter)
        self.schemaless = make_converter(JsonConverter, schemas_enable="false")
        self.writers = {
            "json": self.enveloped.from_connect_data,
            "numeric": make_converter(JsonConverter, decimal_format="NUMERIC").from_connect_data,
            "text": make_converter(StringConverter).from_connect_data,
            "header-text": lambda t, s, v: make_converter(SimpleHeaderConverter).from_connect_header(t, "h", s, v),
        }

    def answer(self, what: str, data: bytes) -> str | None:
        try:
            if what == "header":
                return noted(*make_converter(SimpleHeaderConverter).to_connect_header("t", "h", data))
            schema, value = (self.schemaless if what == "schemaless" else self.enveloped).to_connect_data("t", data)
            if what in ("schemaless", "envelope"):
                return f"{noted(schema, value)}" if schema is not None or value is not None else "- null"
            written = self.writers[what]("t", schema, value)
        except DataError as error:
            return f"! {error}"
        return None if written is None else written.decode(errors="replace")


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_random_input_is_answered_as_kafkas_converters_answer_it(kafka: None) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = Dice(seed)
    made = {"header": dice.header, "schemaless": lambda: dumped(dice.any_json())}
    cases = []
    for _ in range(CASES):
        what = dice.choice(
            ["header", "header", "schemaless", "envelope", "envelope", "json", "numeric", "text", "header-text"]
        )
        cases.append((what, made.get(what, dice.envelope)().encode()))
    commands = "".join(json.dumps({"do": what, "data": b64encode(data).decode()}) + "\n" for what, data in cases)
    theirs = [
        json.loads(line)
        for line in run_java("-Duser.timezone=UTC", *lab("ConverterLab"), stdin=commands).strip("\n").split("\n")
    ]
    ours = Ours()
    unlike = [
        (case, kafkas, found)
        for case, kafkas in zip(cases, theirs, strict=True)
        if not alike(kafkas, found := ours.answer(*case))
    ]
    assert unlike == []


#: The first and the last moment of the years 1 to 9999.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999


_NO_NUMBER = re.compile(r'"?-?(?:NaN|Infinity)"?')


def alike(kafkas: str | None, ours: str | None) -> bool:
    if kafkas is None or ours is None:
        return kafkas is ours
    if "outside the years 1 to 9999" in ours or re.match(r"map.*\{.*\btrue:", kafkas):
        return True
    if _holds_a_date_beyond(kafkas):  # numbers beside a timestamp are dates there, too; here such a text stays one
        return ours.startswith("string ")
    if "NaN" in ours or "Infinity" in ours:  # departure no-numbers-are-read-back: Kafka reads as 0 what it writes so
        kafkas, ours = _NO_NUMBER.sub("0.0", kafkas), _NO_NUMBER.sub("0.0", ours)
    if kafkas.startswith("! "):
        return _normal(kafkas) == _normal(ours)
    # Java prints the address of bytes, and leaves no sign at zero.
    return "[B@" in kafkas or kafkas == ours


def _holds_a_date_beyond(answer: str) -> bool:
    """Whether an answer of Kafka's holds a date, which is written as D and milliseconds, that Python has not."""
    found = map(int, re.findall(r"\bD(-?\d+)\b", answer)) if ".Timestamp" in answer else []
    return any(not _FIRST_MS <= ms <= _LAST_MS for ms in found)
