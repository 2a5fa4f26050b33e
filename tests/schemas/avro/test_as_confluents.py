"""Schemas and bytes are Confluent's to the byte: beside its AvroData, recorded, and in a JVM where there is one."""

from __future__ import annotations

import json
import random
from base64 import b64decode, b64encode
from typing import Any

import pytest

from connect.api import DataError
from connect_schemas.avro.parsing import parsed
from connect_schemas.avro.reading import AvroReader
from connect_schemas.avro.texts import text_of
from connect_schemas.avro.to_avro import to_avro
from connect_schemas.avro.writing import AvroWriter
from tests.support.avro_data import Dice, answered, envelope, opened, options_of, recorded
from tests.support.kafka import KafkaUnavailable
from tests.support.notation import noted


def ours(question: dict[str, Any]) -> dict[str, Any]:
    """Return what we make of a question."""
    options = options_of(question)
    answer: dict[str, Any] = {}
    try:
        if "value" in question:
            schema, value = opened(question["value"])
            node = to_avro(schema, options)
            answer["schema"] = text_of(node)
            (data,) = AvroWriter(schema, node, options).write([value])
            answer["bytes"] = b64encode(_as_avro(node.kind, data)).decode()
        else:
            reader = AvroReader(parsed(question["schema"]), options)
            data = b64decode(question["bytes"])
            column = reader.read([_as_record(json.loads(question["schema"]), data)], 0)
            answer["value"] = envelope(column.schema, column.values[0])
    except DataError as error:
        answer["error"] = error.message
    return answer


def _as_avro(kind: str, data: bytes) -> bytes:
    """Return a record as Avro has it: Confluent's serializer leaves out the size of bytes that are all of it."""
    return bytes([len(data) * 2]) + data if kind == "bytes" else data


def _as_record(schema: Any, data: bytes) -> bytes:
    is_bytes = schema == "bytes" or (isinstance(schema, dict) and schema["type"] == "bytes")
    return data[1:] if is_bytes else data


def differences(asked: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[str]:
    """Return where we differ from Java's answers."""
    found = []
    for question, theirs in asked:
        if "value" in question and opened(question["value"])[1] is None:
            continue  # a null is none of Avro's
        mine = ours(question)
        if ("error" in theirs) != ("error" in mine) or ("error" not in theirs and not _is_same(theirs, mine)):
            found.append(f"{json.dumps(question)}\n  theirs {json.dumps(theirs)}\n  ours   {json.dumps(mine)}")
    return found


def _is_same(theirs: dict[str, Any], mine: dict[str, Any]) -> bool:
    if "value" in theirs:
        if theirs["value"] is None:
            return opened(mine["value"])[1] is None
        their_schema, their_value = opened(theirs["value"])
        my_schema, my_value = opened(mine["value"])
        same = noted(their_schema, their_value) == noted(my_schema, my_value)
        return same and their_schema == my_schema
    return theirs == mine


def test_schemas_values_and_bytes_are_as_recorded() -> None:
    found = differences(recorded())
    assert not found, f"{len(found)} differ:\n" + "\n".join(found[:8])


@pytest.mark.kafka
@pytest.mark.slow
def test_schemas_values_and_bytes_are_as_javas() -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    try:
        asked = answered(Dice(seed), 300)
    except KafkaUnavailable as error:
        pytest.skip(f"no Java here: {error}")
    found = differences(asked)
    assert not found, f"{len(found)} differ:\n" + "\n".join(found[:8])
