"""Confluent's AvroData, as Apicurio ships it: in a JVM (tests/kafka/java/AvroDataLab.java), or its recorded answers.

    ask(questions)      answers from Java; the first time in a checkout this downloads 15 MB with Maven
    recorded()          questions and answers that were recorded: tests/schemas/golden/avro_data.json
    python -m tests.support.avro_data    records them anew

A question is of two kinds. {"options", "value"}: what Avro schema and bytes come of a schema and value, in the envelope
of JsonConverter. {"options", "schema", "bytes"}: what schema and value come of Avro.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from connect.api import Schema, SchemaType
from connect.api.java import EPOCH, to_single
from connect_converters import JsonConverter
from connect_schemas.avro.options import Options
from tests.support.converters import make_converter
from tests.support.kafka import JVM_OPTIONS, TOOL_TIMEOUT_S, find_java, jars_of, lab

POM = Path(__file__).parents[1] / "schemas" / "pom.xml"
GOLDEN = Path(__file__).parents[1] / "schemas" / "golden" / "avro_data.json"
SEED = 20261128

#: Our switches by the names that they have in Java.
SWITCHES = {
    "enhancedSchemaSupport": "enhanced",
    "scrubInvalidNames": "scrub",
    "connectMetaData": "metadata",
    "discardTypeDocDefault": "discard",
    "generalizedSumTypeSupport": "generalized",
    "ignoreDefaultForNullables": "ignore_defaults",
    "allowOptionalMapKey": "optional_map_keys",
}
#: What is tried: all at their defaults most often, then each for itself.
OPTIONS: list[dict[str, bool]] = [
    {}, {}, {"enhancedSchemaSupport": True}, {"connectMetaData": False}, {"scrubInvalidNames": True},
    {"discardTypeDocDefault": True}, {"generalizedSumTypeSupport": True}, {"ignoreDefaultForNullables": True},
    {"allowOptionalMapKey": True},
]  # fmt: skip

_envelopes = make_converter(JsonConverter, replace_null_with_default="false")


def options_of(question: dict[str, Any]) -> Options:
    """Return a question's switches as ours; Apicurio's converter does not flatten unions."""
    return Options(flatten=False, **{SWITCHES[name]: value for name, value in question["options"].items()})


def envelope(schema: Schema | None, value: Any) -> Any:
    """Return a schema and a value in JsonConverter's envelope."""
    return json.loads(_envelopes.from_connect_data("t", schema, value))


def opened(said: Any) -> tuple[Schema | None, Any]:
    """Return the schema and value of an envelope."""
    found: tuple[Schema | None, Any] = _envelopes.to_connect_data("t", json.dumps(said).encode())
    return found


def ask(questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return Java's answers. Raises `KafkaUnavailable` where there is no JDK, or the jars cannot be had."""
    java, classpath = find_java(), str(jars_of(POM) / "*")
    ran = subprocess.run(
        [java, *JVM_OPTIONS, *lab("AvroDataLab", classpath)],
        input="".join(f"{json.dumps(question)}\n" for question in questions),
        capture_output=True,
        encoding="utf-8",
        timeout=TOOL_TIMEOUT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    answers = [json.loads(line) for line in ran.stdout.rstrip("\n").split("\n")]
    assert len(answers) == len(questions), f"{len(questions)} questions, {len(answers)} answers"
    return answers


def recorded() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the questions and answers that were recorded."""
    return [(one["question"], one["answer"]) for one in json.loads(GOLDEN.read_text())]


class Dice(random.Random):
    """Draws schemas and values, as sources have them, and some that Avro has no word for."""

    def question(self) -> dict[str, Any]:
        """Draw what is to be written."""
        options = self.choice(OPTIONS)
        self._names = 0
        self._has_entries = False
        self._scrubs = options.get("scrubInvalidNames", False)
        schema = self.schema(2 if self.random() < 0.7 else 0)
        return {"options": options, "value": envelope(schema, self.value(schema))}

    def schema(self, depth: int, *, is_key: bool = False) -> Schema:
        """Draw a schema."""
        kinds = ["int8", "int16", "int32", "int64", "string", "boolean"]
        kinds += (
            [] if is_key else ["float32", "float64", "bytes", "decimal", "date", "time", "timestamp", "enum", "fixed"]
        )
        kinds += ["struct", "struct", "array", "map", "map"] if depth > 0 and not is_key else []
        kind = self.choice(kinds)
        more: dict[str, Any] = {"optional": self.random() < 0.4 and not is_key}
        if self.random() < 0.15:
            more["doc"] = self.choice(["words", 'with "quotes" and é', ""])
        match kind:
            case "decimal":
                schema = Schema.decimal(self.choice([0, 2, 2, 5]), **more)
                if self.random() < 0.3:
                    schema = schema.replace(parameters={**(schema.parameters or {}), "connect.decimal.precision": "12"})
                return self.with_default(schema)
            case "date" | "time" | "timestamp":
                return self.with_default(getattr(Schema, kind)(**more))
            case "struct":
                return self.struct(depth, more)
            case "array":
                items = self.schema(depth - 1)
                if items.type is SchemaType.FLOAT64:  # Avro 1.12.0 reads such lists with 32 bits
                    items = Schema("int64")
                return self.with_default(Schema.array(items, **more))
            case "map":
                # Of maps whose keys are no text one at most: two that differ have one name, and Java mixes them up.
                keys = Schema("string") if self._has_entries else self.schema(0, is_key=True)
                self._has_entries = self._has_entries or keys.type is not SchemaType.STRING
                return Schema.map(keys.replace(default=None), self.schema(depth - 1), **more)
            case "enum":
                name = self.name("Color")
                word = "io.confluent.connect.avro.Enum"
                parameters = {word: name, f"{word}.RED": "RED", f"{word}.BLUE": "BLUE"}
                return Schema("string", name=name, parameters=parameters, **more)
            case "fixed":
                return Schema("bytes", name=self.name("Fixed"), parameters={"connect.fixed.size": "4"}, **more)
        if self.random() < 0.1:
            more["version"] = self.randrange(1, 5)
        if self.random() < 0.1:
            more["parameters"] = {"b": "2", "a": "1", **({"avro.x": "y"} if self.random() < 0.5 else {})}
        if self.random() < 0.1:
            more["name"] = self.choice(["shop.Money", "Money"])
        return self.with_default(Schema(kind, **more))

    def name(self, word: str) -> str:
        """Draw a name of a type; each once in a schema."""
        self._names += 1
        odd = self.choice(["my-", "1a", ""]) if self._scrubs else ""  # of namespaces Apicurio scrubs nothing
        return f"{self.choice(['shop.', 'shop.of.', ''])}{odd}{word}{self._names}"

    def struct(self, depth: int, more: dict[str, Any]) -> Schema:
        """Draw a struct, some of them unions."""
        names = ["a", "b", "c_d", "E", "f1"] + (["g-h", "2i", "j.k", "x y~*"] if self._scrubs else [])
        names = self.sample(names, self.randrange(1, 5))
        if self.random() < 0.15:
            kinds = {"int": "int32", "string": "string", "boolean": "boolean", "bytes": "bytes", "double": "float64"}
            chosen = self.sample(sorted(kinds), self.randrange(2, 4))
            parts = {name: Schema(kinds[name], optional=True) for name in chosen}
            return Schema.struct(parts, name="io.confluent.connect.avro.Union", optional=more["optional"])
        if self.random() < 0.6:
            more["name"] = self.name("Struct")
        if self.random() < 0.1:
            more["version"] = self.randrange(1, 5)
        if self.random() < 0.2:
            more["parameters"] = {
                "io.confluent.connect.avro.record.doc": "of a record",
                f"io.confluent.connect.avro.field.doc.{names[0]}": "of a field",
            }
        return Schema.struct({name: self.schema(depth - 1) for name in names}, **more)

    def with_default(self, schema: Schema) -> Schema:
        """Return a schema, some with a default."""
        if self.random() >= 0.2 or schema.type is SchemaType.STRUCT:
            return schema
        if schema.value_schema is not None and (schema.value_schema.optional or schema.value_schema.fields):
            return schema  # of items that may be null Java reads null, whatever their default
        return schema.replace(default=self.value(schema.replace(optional=False)))

    def value(self, schema: Schema) -> Any:
        """Draw a value of a schema."""
        if schema.optional and self.random() < 0.25:
            return None
        if schema.name == Schema.date().name:
            return dt.date(1970, 1, 1) + dt.timedelta(days=self.randrange(-20000, 40000))
        if schema.name == Schema.time().name:
            return (EPOCH + dt.timedelta(milliseconds=self.randrange(86400000))).time()
        if schema.name == Schema.timestamp().name:
            return EPOCH + dt.timedelta(milliseconds=self.randrange(-(10**12), 4 * 10**12))
        if schema.name == Schema.decimal(0).name:
            digits = int((schema.parameters or {})["scale"])
            return Decimal(
                self.choice([0, 1, -1, 127, 128, -128, -129, 10**20, self.randrange(-(10**9), 10**9)])
            ).scaleb(-digits)
        match schema.type:
            case SchemaType.STRUCT:
                if schema.name == "io.confluent.connect.avro.Union":
                    chosen = self.choice(schema.fields)
                    return {f.name: self.value(f.schema.replace(optional=False)) if f is chosen else None
                            for f in schema.fields}  # fmt: skip
                return {field.name: self.value(field.schema) for field in schema.fields}
            case SchemaType.ARRAY:
                assert schema.value_schema is not None
                return [self.value(schema.value_schema) for _ in range(self.randrange(3))]
            case SchemaType.MAP:  # one entry: Java's maps have an order of their own
                assert schema.value_schema is not None
                assert schema.key_schema is not None
                return {self.value(schema.key_schema): self.value(schema.value_schema)}
            case SchemaType.BOOLEAN:
                return self.random() < 0.5
            case SchemaType.FLOAT32:
                return to_single(self.choice([0.0, 0.1, 1.5, -2.75, 1e10, 3.4e38, 1e-3]))
            case SchemaType.FLOAT64:
                return self.choice([0.0, 0.1, 1.5, -2.75, 1e300, 1e7, 1e-4, 123456.789])
            case SchemaType.BYTES:
                return self.randbytes(4)
            case SchemaType.STRING:
                if "io.confluent.connect.avro.Enum" in (schema.parameters or {}):
                    return self.choice(["RED", "BLUE"])
                return self.choice(["", "a", "long " * 30, "é\U0001f600", '"\\\n\t'])
        bits = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}[schema.type.value]
        return self.choice([0, 1, -1, (1 << bits - 1) - 1, -(1 << bits - 1)])


#: Avro schemas that Connect did not write, each with a value as JSON that fastavro takes.
FOREIGN: list[tuple[Any, list[Any]]] = [
    ("int", [1]), ("string", ["a"]), (["null", "string"], [None, "a"]), (["int", "string"], ["x"]),
    (["null", "int", "string"], [None, 5, "x"]),
    ({"type": "int", "logicalType": "date"}, [18000]), ({"type": "int", "logicalType": "time-millis"}, [1]),
    ({"type": "long", "logicalType": "time-micros"}, [1]), ({"type": "long", "logicalType": "timestamp-micros"}, [9]),
    ({"type": "long", "logicalType": "timestamp-millis"}, [1600000000000]),
    ({"type": "long", "logicalType": "local-timestamp-millis"}, [5]),
    ({"type": "string", "logicalType": "uuid"}, ["u"]),
    ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3}, ["\x01\x02"]),
    ({"type": "bytes", "logicalType": "decimal", "precision": 9}, ["\x7f"]),
    ({"type": "enum", "name": "ns.E", "symbols": ["A", "B"], "doc": "of E", "default": "A"}, ["B"]),
    ({"type": "map", "values": "double"}, [{"k": 1.5}]),
    ({"type": "array", "items": ["null", "long"]}, [[1, None, 2]]),
    ({"type": "record", "name": "ns.R", "doc": "of R", "fields": [
        {"name": "a", "type": "int", "default": 7, "doc": "of a"},
        {"name": "b", "type": ["null", "string"], "default": None},
        {"name": "c", "type": ["string", "null"], "default": "x"}, {"name": "d", "type": "bytes", "default": "\xff"},
        {"name": "e", "type": {"type": "array", "items": "int"}, "default": [1, 2]},
        {"name": "f", "type": {"type": "map", "values": "float"}, "default": {"k": 0.5}},
        {"name": "g", "type": ["int", "string"]}, {"name": "h", "type": "double", "default": 1},
        {"name": "i", "type": {"type": "int", "logicalType": "date"}, "default": 1},
        {"name": "j", "type": {"type": "enum", "name": "J", "symbols": ["X", "Y"]}, "default": "Y"}]},
     [{"a": 1, "b": "s", "c": None, "d": "\x01", "e": [], "f": {}, "g": "z", "h": 2.5, "i": 3, "j": "X"}]),
    ({"type": "record", "name": "ns.Outer", "fields": [
        {"name": "in", "type": {"type": "record", "name": "Inner", "fields": [{"name": "x", "type": "long"}]}},
        {"name": "again", "type": ["null", "Inner"], "default": None},
        {"name": "u", "type": ["null", "Inner", {"type": "fixed", "name": "Fx", "size": 1},
                               {"type": "enum", "name": "En", "symbols": ["P"]}, {"type": "map", "values": "int"}]}]},
     [{"in": {"x": 1}, "again": {"x": 2}, "u": {"x": 3}}, {"in": {"x": 1}, "again": None, "u": "P"}]),
    ({"type": "record", "name": "P", "fields": [
        {"name": "v", "type": {"type": "string", "avro.java.string": "String"}},
        {"name": "n", "type": {"type": "int", "connect.type": "int8"}},
        {"name": "w", "type": {"type": "int", "connect.doc": "d", "connect.version": 3, "connect.name": "N",
                               "connect.parameters": {"p": "q"}, "connect.default": 4}}]},
     [{"v": "a", "n": 5, "w": 6}]),
    ({"type": "int", "connect.type": "int8", "logicalType": "other"}, [3]), (["string"], ["a"]),
    ({"type": "record", "name": "Empty", "fields": []}, [{}]),
]  # fmt: skip


def questions(dice: Dice, count: int) -> list[dict[str, Any]]:
    """Return drawn questions of what is written."""
    return [dice.question() for _ in range(count)]


def foreign() -> list[dict[str, Any]]:
    """Return the questions of Avro that Connect did not write, with each switch."""
    import io

    import fastavro

    found = []
    for schema, values in FOREIGN:
        plain = json.loads(json.dumps(schema).replace("logicalType", "logicalKind"))
        for value in values:
            out = io.BytesIO()
            fastavro.schemaless_writer(out, fastavro.parse_schema(plain), _as_bytes(plain, value))
            for options in OPTIONS[1:]:
                if options.get("generalizedSumTypeSupport") and _has_null_of_several(schema):
                    continue  # it takes null for a field, and then finds none
                data = b64encode(out.getvalue()).decode()
                found.append({"options": options, "schema": json.dumps(schema), "bytes": data})
    return found


def _has_null_of_several(schema: Any) -> bool:
    """Whether a union of null and several others is somewhere in a schema: Java counts its fields in two ways."""
    if isinstance(schema, list):
        return (len(schema) > 2 and "null" in schema) or any(map(_has_null_of_several, schema))
    parts = schema.values() if isinstance(schema, dict) else ()
    return any(_has_null_of_several(part) for part in parts if isinstance(part, dict | list))


def _is_mixed_up(answer: dict[str, Any]) -> bool:
    return _has_null_of_several(json.loads(answer["schema"]))


def _as_bytes(schema: Any, value: Any) -> Any:
    """Return a value with bytes where the schema has them and JSON a text."""
    if isinstance(schema, dict) and schema["type"] in ("bytes", "fixed"):
        return value.encode("latin-1")
    if isinstance(schema, dict) and schema["type"] == "record":
        types = {field["name"]: field["type"] for field in schema["fields"]}
        return {name: item.encode("latin-1") if types[name] == "bytes" else item for name, item in value.items()}
    return value


def answered(dice: Dice, count: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return questions with Java's answers: what is drawn is written, and what was written is read again."""
    written = questions(dice, count)
    answers = ask(written)
    back = [
        {"options": question["options"], "schema": answer["schema"], "bytes": answer["bytes"]}
        for question, answer in zip(written, answers, strict=True)
        if "bytes" in answer and not ("generalizedSumTypeSupport" in question["options"] and _is_mixed_up(answer))
    ]
    read = [*back, *foreign()]
    return [*zip(written, answers, strict=True), *zip(read, ask(read), strict=True)]


def main() -> None:
    """Record questions and answers anew."""
    found = [{"question": question, "answer": answer} for question, answer in answered(Dice(SEED), 400)]
    GOLDEN.parent.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in found)
    GOLDEN.write_text(f"[\n{lines}\n]\n")
    print(f"{len(found)} answers, {sum('error' in one['answer'] for one in found)} of them errors")


if __name__ == "__main__":
    main()
