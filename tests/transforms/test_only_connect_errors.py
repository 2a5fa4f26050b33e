"""Whatever a record holds, a transform or predicate raises nothing but errors of Connect, and changes no input.

An exception of another kind is a defect even where Kafka refuses the record too: it names no field, and tolerance
takes it for a broken plugin.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import random
from decimal import Decimal
from typing import Any

import pytest

from connect.api import (
    BYTES,
    STRING,
    Batch,
    Config,
    ConnectError,
    DataError,
    Headers,
    Predicate,
    Record,
    Schema,
    SchemaType,
    Transform,
)
from connect.api.java import java_text
from connect_transforms import connect_predicates, connect_transforms
from tests.support.transforms import make_transform

#: Values that each config key may get; what a config refuses is left out.
WORDS = [
    "a", "b", "n", "n.a", "a,b", "a:z", "h", "*", "", "a.b.c", "`a.b`.c", "5", "-1", "0", "x y", "true", "false",
    "V1", "V2", "int8", "int32", "int64", "float32", "float64", "boolean", "string", "a:int8", "a:string,b:boolean",
    "n.a:float32", "a:int64,n:string", "copy", "move", "unix", "Timestamp", "Date", "Time", "yyyy-MM-dd", "yyyy",
    "HH:mm:ss.SSS", "SSS", "seconds", "nanoseconds", "microseconds", "milliseconds", "JSON_PATH", "PLAIN", "$.a",
    "$.n.a", "$['a']", "$[*]", "$[?(@.a == 5)]", "$.n[?(@.a =~ /a.*/ || @.a > 'b')]", "$[?(@.a in ['x', 5])]",
    "include", "exclude", "ignore", "fail", "warn", "drop_silent", "drop_warn", "nullify", "retain", "force_optional",
    "validate", "(.*)", "t(.)", "$1", "${x}", "+02:00", "America/New_York", "UTC", "topic:t1:d", "a?", "a!",
    "${topic}-${timestamp}", "7", "a,n.a", "d", "d,a", '{"type": "object"}',
    '{"properties": {"a": {"type": "integer"}}}', '{"a": 1}', "[1, 2]", "12.5", "\ud800",
]  # fmt: skip

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 5, 127, 128, 1 << 31, 1 << 63, -(1 << 63) - 1, 10**400, 0.0, -0.0, 0.1, 1e300,
    float("nan"), float("inf"), float("-inf"), "", "a", "5", "-7.5", "1e999999", "NaN", "2024-01-31", "\ud800", "\0",
    "x" * 5000, "9" * 5000, b"", b"\xff", b"\x1f\x8b", bytearray(b"a"), memoryview(b"a"), Decimal("1.50"),
    Decimal("NaN"), Decimal("Infinity"), Decimal("1E+999999"), Decimal("1E-999999"), dt.date(1, 1, 1),
    dt.date(9999, 12, 31), dt.time(23, 59, 59), dt.time(1, tzinfo=dt.UTC), dt.datetime(1, 1, 1, tzinfo=dt.UTC),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999999, dt.UTC), dt.datetime(2024, 1, 1),
    dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=14))), dt.timedelta(1), object, {1}, (1, 2), 1j, [],
    [None], ["a", 5], {}, {None: 1}, {1: 2, "a": 3}, {"a": {"a": {"a": [1]}}}, {"": ""}, {(1, 2): 3}, {b"k": b"v"},
    {"a": [{"a": 1}, 5]},
]  # fmt: skip

PLAIN = [kind for kind in SchemaType if kind not in (SchemaType.STRUCT, SchemaType.ARRAY, SchemaType.MAP)]
SCHEMAS = [Schema(kind, optional=optional) for kind in PLAIN for optional in (True, False)]
SCHEMAS += [Schema.timestamp(optional=True), Schema.date(), Schema.time(), Schema.decimal(2, optional=True)]
SCHEMAS += [
    Schema.array(STRING),
    Schema.array(Schema.decimal(1)),
    Schema.map(STRING, BYTES),
    Schema.map(Schema("int32"), STRING),
]
SCHEMAS += [
    Schema.struct({}),
    Schema.struct({"a": SCHEMAS[0], "n": Schema.struct({"a": SCHEMAS[8]}, optional=True)}, name="s"),
]


def deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


ODD += [deep(400), deep(1023), [[[[]]]]]


class Dice(random.Random):
    def any(self, depth: int = 2) -> Any:
        if depth and self.random() < 0.5:
            return {self.choice("abdnh"): self.any(depth - 1) for _ in range(self.randrange(4))}
        if depth and self.random() < 0.1:
            return [self.any(depth - 1) for _ in range(self.randrange(3))]
        return self.choice(ODD)

    def schema(self, depth: int = 2) -> Schema:
        if depth and self.random() < 0.6:
            names = self.sample("abdnh", self.randrange(5))
            return Schema.struct({name: self.schema(depth - 1) for name in names}, optional=self.random() < 0.5)
        return self.choice(SCHEMAS)

    def fitting(self, schema: Schema) -> Any:
        """A value that mostly fits; now and then one that does not, as a careless connector sends."""
        if self.random() < 0.05:
            return self.choice(ODD)
        if schema.optional and self.random() < 0.2:
            return None
        if schema.type is SchemaType.STRUCT:
            return {field.name: self.fitting(field.schema) for field in schema.fields}
        fits = [value for value in ODD if _fits(schema, value)]
        return self.choice(fits or ODD)

    def record(self) -> Record:
        key_schema, value_schema = (None if self.random() < 0.5 else self.schema() for _ in range(2))
        headers = Headers()
        for _ in range(self.randrange(3)):
            header = None if self.random() < 0.5 else self.choice(SCHEMAS)
            with contextlib.suppress(ConnectError):  # a header is checked as it is added
                headers.add(self.choice("hab"), self.any(1) if header is None else self.fitting(header), header)
        return Record(
            self.choice([None, "t1", "", "x" * 300, "\ud800", "t-é"]),
            self.any() if value_schema is None else self.fitting(value_schema),
            key=self.any() if key_schema is None else self.fitting(key_schema),
            key_schema=key_schema,
            value_schema=value_schema,
            timestamp=self.choice([None, -1, 0, 1_483_425_001_864, 1 << 62, -(1 << 62)]),
            partition=self.choice([None, 0, 3]),
            headers=self.choice([None, headers]),
            offset=self.choice([None, 0, 1 << 62]),
        )


def _fits(schema: Schema, value: Any) -> bool:
    try:
        schema.validate(value)
    except ConnectError:
        return False
    return True


def drawn_config(dice: Dice, config_class: type[Config]) -> Config | None:
    """A random config that validates, or None where a few draws made none."""
    for _ in range(60):
        raw = {
            name: dice.choice(declared.recommended)
            if declared.recommended and dice.random() < 0.5
            else dice.choice(WORDS)
            for name, declared in config_class.keys().items()
            if declared.required or dice.random() < 0.5
        }
        try:
            return config_class.parse(raw)
        except ConnectError:
            continue
    return None


def classes() -> list[Any]:
    found = [*connect_transforms(), *connect_predicates()]
    return [
        pytest.param(cls, id=cls.class_name.rpartition(".")[2])
        for cls in found
        if not cls.class_name.endswith(".Python")
    ]


ROUNDS, RECORDS = 8, 8


STRUCT = Schema.struct({"a": Schema.struct({"b": STRING})})
AT_THE_END = dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=14)))


@pytest.mark.parametrize(
    ("name", "config", "record"),
    [
        ("TimestampRouter", {}, Record(None, 1, timestamp=1)),
        ("Cast$Value", {"spec": "int64"}, Record("t", Decimal("NaN"))),
        ("Flatten$Value", {}, Record("t", {"a": 5}, value_schema=STRUCT)),
        ("Flatten$Value", {}, Record("t", deep(1023))),
        ("ValidateJsonSchema$Value", {"schema": '{"additionalProperties": {"$ref": "#"}}'}, Record("t", deep(1023))),
        (
            "TimezoneConverter",
            {"converted.timezone": "+02:00"},
            Record("t", {"a": AT_THE_END}, value_schema=Schema.struct({"a": Schema.timestamp()})),
        ),
    ],
)
def test_what_was_an_unexpected_exception_is_a_data_error(name: str, config: dict[str, str], record: Record) -> None:
    with pytest.raises(DataError):
        make_transform(name, **config).apply(record)


def test_text_and_keys_of_any_kind_are_taken() -> None:
    assert java_text(AT_THE_END).endswith("UTC 0001")
    taken = make_transform("TimezoneConverter", **{"converted.timezone": "UTC"}).apply(Record("t", {1: "a", b"k": 2}))
    assert taken is not None
    assert taken.value == {1: "a", b"k": 2}


@pytest.mark.parametrize("cls", classes())
def test_only_errors_of_connect_come_out(cls: Any) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = Dice(seed)
    for _ in range(ROUNDS):
        config = drawn_config(dice, cls.config_class)
        if config is None:
            continue
        plugin = cls()
        try:
            plugin.configure(config)
        except ConnectError:
            continue
        for _ in range(RECORDS):
            record = dice.record()
            before = repr_of(record)
            try:
                run(plugin, record)
            except ConnectError as error:
                assert error.message
                assert "NoneType" not in error.message
            except Exception as error:
                raise AssertionError(
                    f"{cls.class_name} {config!r}\n{repr_of(record):.2000}\n{type(error).__name__}: {error}"
                ) from error
            assert repr_of(record) == before, "the record was changed"


def repr_of(record: Record) -> str:
    try:
        return ascii((record.topic, record.key, record.value, list(record.headers or ()), record.value_schema))
    except RecursionError:
        return ""


def run(plugin: Transform | Predicate, record: Record) -> None:
    if isinstance(plugin, Predicate):
        plugin.test(record)
        plugin.test_batch(Batch.group([record])[0])
        return
    with contextlib.suppress(ConnectError):
        plugin.apply(record)
    plugin.apply_batch(Batch.group([record])[0])
