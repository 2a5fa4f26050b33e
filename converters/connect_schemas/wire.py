"""The form of a record that names its schema: a byte that says how, the schema's id, and the data behind it.

| byte 0 | what follows                                         | written by                                |
|--------|------------------------------------------------------|-------------------------------------------|
| 0      | the id as 4 bytes, big-endian; then the data         | every serializer, where nothing is said   |
| 1      | the schema's GUID as 16 bytes; then the data         | serializers of a registry that has GUIDs  |

Of Protobuf the indexes of the message stand between the id and the data; those are for who reads Protobuf.

Source: Confluent's documentation, "Formats, Serializers, and Deserializers", Wire format; Apicurio's, "Confluent
compatible wire format" (`apicurio.registry.use-id=contentId`, 4 bytes), and its own with ids of 8 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import itemgetter
from typing import Final, NamedTuple
from uuid import UUID

MAGIC: Final = b"\0"
MAGIC_GUID: Final = b"\1"
_ID: Final = struct.Struct(">I")
_LONG_ID: Final = struct.Struct(">Q")
_GUID_BYTES: Final = 16
#: What a text of JSON begins with, unless it is a number.
_JSON: Final = (b"{", b"[", b'"')
#: The id of a schema: a number, or a GUID.
SchemaId = int | UUID


class MessageId(NamedTuple):
    """A message of a schema, by its indexes, where a schema has several.

    Attributes:
        size: How many bytes name schema and message: indexes can be written in more than one way.
    """

    schema_id: SchemaId
    indexes: tuple[int, ...]
    size: int

    def __str__(self) -> str:
        return str(self.schema_id)


#: What records are read together by.
ReaderKey = SchemaId | MessageId


@dataclass(frozen=True, slots=True)
class Framing:
    """How long an id is.

    Args:
        id_bytes: 4 as everywhere, or 8 as Apicurio's serializers of former versions have it.
    """

    id_bytes: int = 4

    def head(self, schema_id: int) -> bytes:
        """Return what stands in front of the data of each record of a schema."""
        return MAGIC + (_ID if self.id_bytes == 4 else _LONG_ID).pack(schema_id)

    def is_head(self, data: bytes) -> bool:
        """Whether a header's value names a schema by itself; of Protobuf the indexes of the message follow."""
        size = {MAGIC: self.id_bytes, MAGIC_GUID: _GUID_BYTES}.get(data[:1])
        return size is not None and len(data) > size

    def parted(self, data: Sequence[bytes | None]) -> Parted:
        """Return which records are of which schema, and which name none. Nulls are of no schema."""
        size = 1 + self.id_bytes
        one = self._one_head(data, size)
        if one is not None:
            schema_id = int.from_bytes(one[1:], "big")
            return Parted({schema_id: list(range(len(data)))}, [], {schema_id: size}, {})
        by_head: dict[bytes | None, list[int]] = {}
        for index, head in enumerate(map(_head_of, data, repeat(slice(size)))):
            by_head.setdefault(head, []).append(index)
        parted = Parted({}, by_head.pop(None, []), {}, {})
        for head, indexes in by_head.items():
            assert head is not None
            if head[:1] == MAGIC and len(head) == size:
                schema_id = int.from_bytes(head[1:], "big")
                parted.indexes[schema_id], parted.sizes[schema_id] = indexes, size
            else:
                self._odd(data, head, indexes, parted)
        return parted

    @staticmethod
    def _one_head(data: Sequence[bytes | None], size: int) -> bytes | None:
        """Return what all records begin with, as they mostly do; None where they differ."""
        try:
            heads = list(map(itemgetter(slice(size)), data))  # type: ignore[arg-type]
        except TypeError:  # a null
            return None
        head: bytes | None = heads[0] if heads and heads.count(heads[0]) == len(heads) else None
        return head if head is not None and head[:1] == MAGIC and len(head) == size else None

    def _odd(self, data: Sequence[bytes | None], head: bytes, indexes: list[int], parted: Parted) -> None:
        for index in indexes:
            item = data[index]
            assert item is not None
            if head[:1] == MAGIC_GUID and len(item) > _GUID_BYTES:
                guid = UUID(bytes=item[1 : 1 + _GUID_BYTES])
                parted.indexes.setdefault(guid, []).append(index)
                parted.sizes[guid] = 1 + _GUID_BYTES
            elif head[:1] in (MAGIC, MAGIC_GUID):
                parted.odd[index] = f"it has {len(item)} bytes, too few for the id of a schema"
            else:
                parted.odd[index] = (
                    f"it begins with byte {item[0]}{', as JSON does' if item[:1] in _JSON else ''}, where records with "
                    "a schema's id begin with 0"
                    if item
                    else "it is empty"
                )


@dataclass(frozen=True, slots=True)
class Parted:
    """A column's records by schema.

    Attributes:
        indexes: Of each schema the places of its records, in order.
        nulls: The places of nulls.
        sizes: Of each schema how many bytes stand in front of the data.
        odd: The places of records that name no schema, and why.
    """

    indexes: dict[ReaderKey, list[int]]
    nulls: list[int]
    sizes: dict[ReaderKey, int]
    odd: dict[int, str]


def _head_of(item: bytes | None, part: slice) -> bytes | None:
    return None if item is None else item[part]
