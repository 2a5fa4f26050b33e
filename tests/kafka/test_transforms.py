"""Our transforms against Kafka's own classes, and our dates against the JDK's, on random records."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from connect.api import INT32, STRING, ConnectError, Converter, Headers, Record, Schema, Transform
from connect.api.java import DateFormat
from connect.runtime.model import PluginKind
from tests.conformance.play import KINDS, _normal
from tests.support.kafka import lab, run_java
from tests.support.random_records import RandomRecords
from tests.support.transforms import PLUGINS

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.usefixtures("kafka")]
JSON = "org.apache.kafka.connect.json.JsonConverter"


def ask_kafka(commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answers = run_java(
        *lab("TransformLab"), stdin="".join(json.dumps(command) + "\n" for command in commands)
    ).splitlines()
    return [json.loads(line) for line in answers]


def converter(*, schemas: bool) -> Converter:
    cls = PLUGINS.resolve(JSON, PluginKind.CONVERTER).cls
    made = cast(Converter, cls())
    made.is_key = False
    config = {"schemas.enable": str(schemas).lower(), "decimal.format": "NUMERIC", "replace.null.with.default": "false"}
    made.configure(cls.config_class.parse(config))
    return made


WITH_SCHEMAS, SCHEMALESS = converter(schemas=True), converter(schemas=False)


class Failed(Exception):
    """A step raised; `phase` is TransformLab's word for it."""

    def __init__(self, phase: str, error: Exception) -> None:
        super().__init__(f"{phase}: {error!r}")
        self.phase, self.error = phase, error


def step(phase: str, call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except Exception as error:
        raise Failed(phase, error) from error


def ours(command: dict[str, Any]) -> dict[str, Any]:
    cls = PLUGINS.resolve(command["class"], PluginKind.TRANSFORM).cls
    transform = cast(Transform, cls())
    step("configure", lambda: transform.configure(cls.config_class.parse(command["config"])))
    read = (WITH_SCHEMAS if command["schemas"] else SCHEMALESS).to_connect_data
    key_schema, key = step("decode", read, "t", None if command["key"] is None else command["key"].encode())
    value_schema, value = step("decode", read, "t", None if command["value"] is None else command["value"].encode())
    headers = Headers().add("h", 5, INT32).add("g", "x", STRING)
    made = step(
        "apply",
        transform.apply,
        Record(
            command["topic"],
            value,
            key=key,
            key_schema=key_schema,
            value_schema=value_schema,
            headers=headers,
            timestamp=command["timestamp"],
            source_partition={"p": "1"},
            source_offset={"o": 1},
        ),
    )
    if made is None:
        return {"dropped": True}
    return {
        "topic": made.topic,
        "key": text(made.key_schema, made.key),
        "value": text(made.value_schema, made.value),
        "headers": [[h.name, text(h.schema, h.value)] for h in made.headers or ()],
    }


def text(schema: Schema | None, value: Any) -> str | None:
    data = step("encode", (SCHEMALESS if schema is None else WITH_SCHEMAS).from_connect_data, "t", schema, value)
    return None if data is None else data.decode()


def difference(wanted: dict[str, Any], command: dict[str, Any]) -> str | None:
    try:
        found = ours(command)
    except Failed as failed:
        return error_difference(wanted.get("error"), failed)
    return None if parsed(wanted) == parsed(found) else f"expected {wanted}, got {found}"


def error_difference(wanted: dict[str, str] | None, failed: Failed) -> str | None:
    if wanted is None or wanted["phase"] != failed.phase:
        return f"expected {wanted}, got {failed}"
    kind = KINDS.get(wanted["exception"], ConnectError)
    # The vectors' maps are LinkedHashMaps, as a connector's mostly are; those of JsonConverter are HashMaps.
    message = (wanted["message"] or "").replace("java.util.HashMap", "java.util.LinkedHashMap")
    same = wanted["exception"] not in KINDS or _normal(message) == _normal(str(failed.error))
    return None if isinstance(failed.error, kind) and same else f"expected {wanted}, got {failed}"


def parsed(answer: dict[str, Any]) -> Any:
    def load(data: str | None) -> Any:
        return None if data is None else json.loads(data)

    if "topic" not in answer:
        return answer
    headers = [[name, load(data)] for name, data in answer["headers"]]
    return [answer["topic"], load(answer["key"]), load(answer["value"]), headers]


@pytest.mark.parametrize("seed", [1, 2])
def test_transforms_do_what_kafkas_do(seed: int) -> None:
    records = RandomRecords(seed)
    commands = [records.command() for _ in range(1500)]
    pairs = zip(commands, ask_kafka(commands), strict=True)
    wrong = [(command, found) for command, wanted in pairs if (found := difference(wanted, command))]
    assert wrong == []


def test_dates_are_what_the_jdk_makes_of_them() -> None:
    records = RandomRecords(3)
    commands: list[dict[str, Any]] = []
    for _ in range(2000):
        pattern, ms = records.pattern(), records.milliseconds()
        commands.append({"pattern": pattern, "ms": ms})
        commands.append({"pattern": pattern, "text": records.mangled(DateFormat(pattern).format(ms))})
    wrong = []
    for command, wanted in zip(commands, ask_kafka(commands), strict=True):
        dates = DateFormat(command["pattern"])
        try:
            found: dict[str, Any] = (
                {"text": dates.format(command["ms"])} if "ms" in command else {"ms": dates.parse(command["text"])}
            )
        except ValueError:
            found = {"error": wanted.get("error")}
        if found != wanted:
            wrong.append((command, wanted, found))
    assert wrong == []
