"""GzipDecompress: a key or value of gzipped bytes becomes the bytes themselves. Confluent's."""

from __future__ import annotations

import zlib
from typing import Any

from connect.api import Batch, Config, DataError, config_key
from connect.api.java import java_class
from connect_transforms.fields.columns import ColumnTransform, KeyColumn, ValueColumn
from connect_transforms.filter_by_path import CONFLUENT

_GZIP_ALONE = 16 + zlib.MAX_WBITS


class GzipDecompressConfig(Config):
    """How much is taken."""

    max_decompressed_bytes: int = config_key(
        "Largest size of one key or value after decompression, in bytes: a few bytes of gzip may hold gigabytes.",
        default=104_857_600,
        ge=1,
        importance="low",
    )


class _GzipDecompress(ColumnTransform[GzipDecompressConfig]):
    def apply_batch(self, batch: Batch) -> Batch:
        schema, values = self.column(batch)
        return self.replaced(batch, schema, [None if value is None else self._plain(value) for value in values])

    def _plain(self, value: Any) -> bytes:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise DataError(f"GzipDecompress takes bytes, found: {java_class(value)}; use ByteArrayConverter")
        limit = self.config.max_decompressed_bytes
        parts: list[bytes] = []
        rest, size = bytes(value), 0
        while rest or not parts:  # a gzip file may hold several members, one after the other
            member = zlib.decompressobj(_GZIP_ALONE)
            try:
                parts.append(member.decompress(rest, limit - size + 1))
            except zlib.error as error:
                raise DataError(f"the bytes are no gzip: {error}") from error
            size += len(parts[-1])
            if size > limit:
                raise DataError(f"more than {limit} bytes after decompression; see max.decompressed.bytes")
            if not member.eof:
                raise DataError("the gzip is cut off")
            rest = member.unused_data
        return b"".join(parts)


class GzipDecompressKey(_GzipDecompress, KeyColumn):
    """Decompress the key."""

    class_name = CONFLUENT + "GzipDecompress$Key"


class GzipDecompressValue(_GzipDecompress, ValueColumn):
    """Decompress the value."""

    class_name = CONFLUENT + "GzipDecompress$Value"
