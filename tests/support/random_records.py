"""Random records, schemas and transform configs for comparisons with Kafka's classes: the same for the same seed.

What departures.md lists is left out: dates beyond Python's calendar, and configs of which several parts may fail, since
Kafka reports the first in the order of a hash table.
"""

from __future__ import annotations

import base64
import json
import random
from typing import Any

KAFKA = "org.apache.kafka.connect.transforms."
PRIMITIVES = ("int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string", "bytes")
LOGICAL = {"Date": "int32", "Time": "int32", "Timestamp": "int64", "Decimal": "bytes"}
NAMES = ("a", "b", "c", "d", "n")
TEXTS = (
    "", "x", "5", "-7", "300", "3.7", "true", "TRUE", "2024-01-31", "2024-01-31 10:20:30", "1e3", " 42", "abc:def",
    "-0",
)  # fmt: skip
PATTERNS = ("yyyy-MM-dd", "yyyy-MM-dd HH:mm:ss", "yyyyMMdd", "EEE, d MMM yyyy HH:mm:ss z", "yyyy-MM-dd'T'HH:mm:ss.SSSX")
LETTERS = "GyMdkHmsSEDFwWahKzZYuXL"
KEYED = (
    "Cast", "ExtractField", "Flatten", "HeaderFrom", "HoistField", "InsertField", "MaskField", "ReplaceField",
    "SetSchemaMetadata", "TimestampConverter",
)  # fmt: skip
UNKEYED = ("ValueToKey", "TimestampRouter", "DropHeaders", "InsertHeader", "RegexRouter")

Json = Any


class RandomRecords:
    """Makes commands for TransformLab.java."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def command(self) -> dict[str, Json]:
        """A transform with its config, and a record."""
        name, config = self._config()
        schemas = self._chance(0.6)
        return {
            "class": KAFKA + name,
            "config": config,
            "schemas": schemas,
            "topic": self._one("orders", "t1"),
            "timestamp": self._one(None, 1_700_000_000_123, 0),
            "key": self._text(schemas),
            "value": self._text(schemas),
        }

    def pattern(self) -> str:
        """A SimpleDateFormat pattern."""
        if self._chance(0.3):
            return self._one(*PATTERNS)
        pieces = []
        for _ in range(self._random.randint(1, 6)):
            letter = self._one(*LETTERS)
            count = self._random.randint(1, 3 if letter == "X" else 4)
            pieces.append(letter * count + self._one("-", " ", ":", "", "/", ",", "'T'", "."))
        return "".join(pieces)

    def milliseconds(self) -> int:
        """A date, mostly of our days."""
        if self._chance(0.6):
            return self._random.randrange(0, 2 * 10**12)
        return self._random.randrange(-62_000_000_000_000, 250_000_000_000_000)

    def mangled(self, text: str) -> str:
        """A text with a few changes, half the time."""
        characters = list(text)
        for _ in range(self._random.randint(0, 3) if self._chance(0.5) else 0):
            place = self._random.randrange(len(characters) + 1)
            characters[place : place + self._random.randint(0, 1)] = self._one(*"0123456789 -+:aZ")
        return "".join(characters)

    # -- values ----------------------------------------------------------------------------------------------------

    def _text(self, schemas: bool) -> str | None:
        if self._chance(0.05):
            return None
        if not schemas:
            return json.dumps(self._object(0) if self._chance(0.85) else self._plain(0))
        schema = self._struct(0) if self._chance(0.8) else self._schema(0)
        if self._chance(0.25):
            schema["optional"] = True
        return json.dumps({"schema": schema, "payload": self._member(schema)})

    def _plain(self, depth: int) -> Json:
        kind = self._random.random()
        if kind < 0.12:
            return None
        if kind < 0.3:
            return self._one(0, 1, -5, 300, 1 << 31, 1 << 40, 1_700_000_000_123)
        if kind < 0.4:
            return self._one(0.5, -1.5, 1e10, 1e7, 0.001, -0.7, 3.0, 1e300)
        if kind < 0.48:
            return self._chance(0.5)
        if kind < 0.75 or depth > 2:
            return self._one(*TEXTS)
        return [self._plain(depth + 1) for _ in range(2)] if kind < 0.83 else self._object(depth + 1)

    def _object(self, depth: int) -> Json:
        return {name: self._plain(depth + 1) for name in self._random.sample(NAMES, self._random.randrange(5))}

    def _schema(self, depth: int) -> Json:
        kind = self._random.random()
        schema: Json
        if kind < 0.55 or depth > 2:
            schema = {"type": self._one(*PRIMITIVES)}
        elif kind < 0.75:
            name = self._one(*LOGICAL)
            schema = {"type": LOGICAL[name], "name": f"org.apache.kafka.connect.data.{name}", "version": 1}
            schema |= {"parameters": {"scale": "2"}} if name == "Decimal" else {}
        elif kind < 0.82:
            schema = {"type": "array", "items": self._schema(depth + 1)}
        elif kind < 0.87:
            schema = {"type": "map", "keys": {"type": "string"}, "values": self._schema(depth + 1)}
        else:
            schema = self._struct(depth + 1)
        if self._chance(0.4):
            schema["optional"] = True
        if self._chance(0.15) and schema["type"] not in ("struct", "array", "map"):
            schema["default"] = self._value(schema)
        return schema

    def _struct(self, depth: int) -> Json:
        names = self._random.sample(NAMES, self._random.randint(1, 4))
        schema: Json = {"type": "struct", "fields": [{**self._schema(depth + 1), "field": name} for name in names]}
        for name, value in (("name", "com.x.Y"), ("version", 3), ("doc", "words"), ("parameters", {"p": "q"})):
            if self._chance(0.3):
                schema[name] = value
        return schema

    def _member(self, schema: Json) -> Json:
        may_be_null = schema.get("optional") or "default" in schema
        return None if may_be_null and self._chance(0.3) else self._value(schema)

    def _value(self, schema: Json) -> Json:
        match (schema.get("name") or "").rpartition(".")[2] or schema["type"]:
            case "Date":
                return self._random.randrange(-10_000, 60_000)
            case "Time":
                return self._random.randrange(86_400_000)
            case "Timestamp":
                return self.milliseconds()
            case "Decimal":
                return self._one(0.5, 12.25, -3, 100_000, 2.1)
        match schema["type"]:
            case "int8" | "int16" | "int32" | "int64" as kind:
                limit = 1 << int(kind[3:]) - 1
                return (
                    self._one(0, 1, -1, limit - 1, -limit) if self._chance(0.5) else self._random.randrange(-100, 100)
                )
            case "float32":
                return self._one(0.5, -1.25, 1e7, 100.0, 65536.0)
            case "float64":
                return self._one(0.5, -1.25, 3e10, 1e7, 0.001, 0.1, -300.7, 1e19, 1e-5)
            case "boolean":
                return self._chance(0.5)
            case "string":
                return self._one(*TEXTS)
            case "bytes":
                return base64.b64encode(self._random.randbytes(self._random.randrange(4))).decode()
            case "array":
                return [self._member(schema["items"]) for _ in range(2)]
            case "map":
                return {name: self._member(schema["values"]) for name in "xy"}
        return {field["field"]: self._member(field) for field in schema["fields"]}

    # -- configs ---------------------------------------------------------------------------------------------------

    def _config(self) -> tuple[str, dict[str, str]]:
        name = self._one(*KEYED, *KEYED, *UNKEYED, "Cast", "Cast", "TimestampConverter", "TimestampConverter")
        config: dict[str, str] = getattr(self, f"_{name.lower()}")()
        if self._chance(0.3) and name not in (
            "DropHeaders",
            "Flatten",
            "HoistField",
            "InsertHeader",
            "RegexRouter",
            "TimestampRouter",
        ):
            config["replace.null.with.default"] = self._one("true", "false")
        return (name + self._one("$Value", "$Value", "$Value", "$Key") if name in KEYED else name), config

    def _cast(self) -> dict[str, str]:
        target = self._one("int8", "int16", "int32", "int64", "float64", "boolean", "string")
        return {"spec": target if self._chance(0.25) else f"{self._field()}:{target}"}

    def _extractfield(self) -> dict[str, str]:
        field = self._one(self._field(), "n.a", "a.b", "`a`.b", "n.", "`n.a`")
        return {"field": field} | ({"field.syntax.version": "V2"} if self._chance(0.6) else {})

    def _flatten(self) -> dict[str, str]:
        return {"delimiter": self._one(".", "_", "--")}

    def _headerfrom(self) -> dict[str, str]:
        return {"fields": self._field(), "headers": self._one("h", "x"), "operation": self._one("move", "copy")}

    def _hoistfield(self) -> dict[str, str]:
        return {"field": "line"}

    def _insertfield(self) -> dict[str, str]:
        keys = ("topic.field", "partition.field", "timestamp.field")
        config = {key: self._one("T", "P", "a") + self._one("", "!", "?") for key in keys if self._chance(0.5)}
        return {**config, "static.field": self._one("S", "c") + self._one("", "!", "?"), "static.value": "v"}

    def _maskfield(self) -> dict[str, str]:
        replacement = {"replacement": self._one("7", "***", "3.7", "-1")} if self._chance(0.5) else {}
        return {"fields": self._field(), **replacement}

    def _replacefield(self) -> dict[str, str]:
        config = {key: self._field() for key in ("exclude", "include") if self._chance(0.5)}
        return config | ({"renames": f"{self._field()}:A,{self._one('x', 'y')}:B"} if self._chance(0.5) else {})

    def _setschemametadata(self) -> dict[str, str]:
        return {"schema.name": "N"} | ({"schema.version": "9"} if self._chance(0.6) else {})

    def _timestampconverter(self) -> dict[str, str]:
        config = {"target.type": self._one("string", "unix", "Date", "Time"), "format": self._one(*PATTERNS)}
        config |= {"field": self._field()} if self._chance(0.8) else {}
        return config | ({"unix.precision": self._one("microseconds", "nanoseconds")} if self._chance(0.3) else {})

    def _valuetokey(self) -> dict[str, str]:
        return {"fields": f"{self._field()},a"}

    def _timestamprouter(self) -> dict[str, str]:
        return {"timestamp.format": self._one(*PATTERNS, "YYYY-ww")}

    def _dropheaders(self) -> dict[str, str]:
        return {"headers": self._one("h", "g,h", "x")}

    def _insertheader(self) -> dict[str, str]:
        return {"header": self._one("h", "n"), "value.literal": self._one(*TEXTS, "[1,2]", '{"a":1}', "null")}

    def _regexrouter(self) -> dict[str, str]:
        return {"regex": self._one("t(.*)", "(o)(.*)", ".*"), "replacement": self._one("$0-x", "y", "a\\$")}

    def _field(self) -> str:
        return self._one(*NAMES, "nope")

    def _one(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability
