"""A file of Debezium Server as what it is made of: a source connector's config, and keys of the server's own.

Source: Debezium 3, DebeziumServer.java: `debezium.source.*` goes to the connector, `debezium.transforms` and
`debezium.predicates` are its transforms, `debezium.format.*` names converters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SOURCE: Final = "debezium.source."
_MEMBERS: Final = ("debezium.transforms", "debezium.predicates")
_FORMATS: Final = {"debezium.format.key": "key", "debezium.format.value": "value", "debezium.format.header": "header"}
#: What the server itself keeps, and no connector.
_OWN: Final = ("offset.", "schema.history.", "database.history.")
_CONVERTERS: Final = {
    "json": "org.apache.kafka.connect.json.JsonConverter",
    "simplestring": "org.apache.kafka.connect.storage.StringConverter",
    "avro": "io.confluent.connect.avro.AvroConverter",
    "protobuf": "io.confluent.connect.protobuf.ProtobufConverter",
}


def is_debezium_server(keys: Mapping[str, str]) -> bool:
    """Say whether a file is one of Debezium Server."""
    return any(key.startswith("debezium.") for key in keys)


def connector_of(keys: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Return the connector's config, by which key of the file each of its keys came, and the server's own keys."""
    config: dict[str, str] = {}
    came: dict[str, str] = {}
    rest: dict[str, str] = {}
    for key, value in keys.items():
        name = _name_of(key)
        if name is None:
            rest[key] = value
            continue
        config[name] = _CONVERTERS.get(value.strip().lower(), value) if key in _FORMATS else value
        came[name] = key
    return config, came, rest


def _name_of(key: str) -> str | None:
    if key.startswith(_SOURCE):
        name = key.removeprefix(_SOURCE)
        return None if name.startswith(_OWN) else name
    if key.startswith(_MEMBERS):
        return key.removeprefix("debezium.")
    for begin, which in _FORMATS.items():
        if key == begin:
            return f"{which}.converter"
        if key.startswith(f"{begin}."):
            return f"{which}.converter.{key.removeprefix(f'{begin}.')}"
    return None
