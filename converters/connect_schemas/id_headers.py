"""Ids of schemas in a record's headers, with the bare data in the record.

Confluent's clients write `__key_schema_id` and `__value_schema_id`: a byte 1, the schema's GUID in 16 bytes, and of
Protobuf the indexes of the message; that is what stands in front of the data where it is not in headers.

Source: Confluent's documentation, "Formats, Serializers, and Deserializers", Wire format; HeaderSchemaIdSerializer and
DualSchemaIdDeserializer (schema-registry 8.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from connect_schemas.wire import MAGIC_GUID

#: Headers of one record, as they are in the log.
Pairs = Sequence[tuple[str, bytes | None]]

_PACKAGE: Final = "io.confluent.kafka.serializers.schema.id."
#: By whether it is the key's.
NAMES: Final = {True: "__key_schema_id", False: "__value_schema_id"}
#: The first is the default.
SERIALIZERS: Final = (_PACKAGE + "PrefixSchemaIdSerializer", _PACKAGE + "HeaderSchemaIdSerializer")
DESERIALIZERS: Final = (_PACKAGE + "DualSchemaIdDeserializer", _PACKAGE + "PrefixSchemaIdDeserializer")


def is_prefix(name: str) -> bool:
    """Whether a class looks at what stands in front of the data alone."""
    return name.startswith(_PACKAGE + "Prefix")


def head(guid: str) -> bytes:
    """Return what names a schema by its GUID."""
    return MAGIC_GUID + UUID(guid).bytes


def last(pairs: Pairs, name: str) -> bytes | None:
    """Return the last header of a name, as Kafka's `lastHeader`; None where there is none."""
    return dict(pairs).get(name)
