"""Messages of pgoutput as the server sends them, for tests without a server."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from connect_postgres.cdc.pgoutput import UNCHANGED
from connect_postgres.cdc.replication import POSTGRES_EPOCH_US

RELATION = 16_384


def wal(payload: bytes, lsn: int = 1) -> bytes:
    body = b"w" + struct.pack(">QQQ", lsn, lsn, 0) + payload
    return b"d" + struct.pack(">I", len(body) + 4) + body


def keepalive(lsn: int, *, answer: bool = False) -> bytes:
    body = b"k" + struct.pack(">QqB", lsn, 0, answer)
    return b"d" + struct.pack(">I", len(body) + 4) + body


def begin(xid: int, final_lsn: int = 100, commit_us: int = 1_700_000_000_000_000) -> bytes:
    return wal(b"B" + struct.pack(">QqI", final_lsn, commit_us - POSTGRES_EPOCH_US, xid), final_lsn)


def commit(lsn: int, end_lsn: int) -> bytes:
    return wal(b"C" + struct.pack(">BQQq", 0, lsn, end_lsn, 0), end_lsn)


def relation(*columns: str, oid: int = RELATION, name: str = "t", identity: str = "d") -> bytes:
    """Describe a table of texts; the first column is its key."""
    body = b"R" + struct.pack(">I", oid) + b"public\0" + name.encode() + b"\0" + identity.encode()
    body += struct.pack(">H", len(columns))
    for number, column in enumerate(columns):
        body += bytes([number == 0]) + column.encode() + b"\0" + struct.pack(">Ii", 25, -1)
    return wal(body, 0)


def row(values: Sequence[Any]) -> bytes:
    data = struct.pack(">H", len(values))
    for value in values:
        if value is None:
            data += b"n"
        elif value is UNCHANGED:
            data += b"u"
        else:
            data += b"t" + struct.pack(">I", len(value)) + value
    return data


def insert(*values: Any, lsn: int = 1, oid: int = RELATION) -> bytes:
    return wal(b"I" + struct.pack(">I", oid) + b"N" + row(values), lsn)


def update(new: Sequence[Any], old: Sequence[Any] | None = None, kind: bytes = b"K", lsn: int = 1) -> bytes:
    former = b"" if old is None else kind + row(old)
    return wal(b"U" + struct.pack(">I", RELATION) + former + b"N" + row(new), lsn)


def delete(old: Sequence[Any], kind: bytes = b"K", lsn: int = 1) -> bytes:
    return wal(b"D" + struct.pack(">I", RELATION) + kind + row(old), lsn)


def truncate(*oids: int, lsn: int = 1) -> bytes:
    return wal(b"T" + struct.pack(">IB", len(oids), 0) + struct.pack(f">{len(oids)}I", *oids), lsn)


def message(prefix: str, content: bytes, *, is_transactional: bool, lsn: int = 1) -> bytes:
    head = struct.pack(">BQ", is_transactional, lsn) + prefix.encode() + b"\0"
    return wal(b"M" + head + struct.pack(">I", len(content)) + content, lsn)
