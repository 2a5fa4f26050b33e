"""How `connect consume` prints records: a column of values, JSON, or a template in kcat's letters."""

from __future__ import annotations

import codecs
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import orjson

from connect.cli.decoding import Decoded, Decoders, Part
from connect.cli.output import UsageError
from connect.cli.timestamps import timestamp_text
from connect.records import FetchedBatch, RawHeaders
from connect.runtime.tasks.record_json import as_json, as_shown

#: The member that stands for bytes which are no UTF-8, in JSON.
BASE64 = "base64"

Renderer = Callable[[FetchedBatch], bytes]

_ESCAPES = {"n": b"\n", "t": b"\t", "r": b"\r", "\\": b"\\", "0": b"\0"}
_TOKEN = re.compile(r"%(.?)|\\(.?)|([^%\\]+)", re.DOTALL)


class _Record(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: Part
    value: Part
    headers: RawHeaders | None
    sizes: tuple[int, int]


def renderer(template: str, decoders: Decoders | None = None) -> Renderer:
    """Return what prints a batch: 'value', 'raw', 'json', 'pretty', or a template.

    Args:
        decoders: The converters of keys and values; None: bytes are printed as they are. With them, printing may block.

    Raises:
        ConfigError: The template has a letter that stands for nothing, or 'raw' is to be decoded.
    """
    if template == "value":
        return _values if decoders is None else lambda batch: _lines(decoders.decode(batch)[1])
    if template == "raw":
        if decoders is not None:
            raise UsageError("--format raw is a record's bytes as they are, which no converter goes with")
        return _raw
    if template == "json":
        return lambda batch: b"".join(_dumped(_body(record)) + b"\n" for record in _records(batch, decoders))
    if template == "pretty":
        return lambda batch: _pretty(batch, decoders)
    pieces = _parse(template)
    return lambda batch: b"".join(
        piece if isinstance(piece, bytes) else piece(record) for record in _records(batch, decoders) for piece in pieces
    )


_LETTERS: dict[str, Callable[[_Record], bytes]] = {
    "t": lambda r: r.topic.encode(),
    "p": lambda r: b"%d" % r.partition,
    "o": lambda r: b"%d" % r.offset,
    "T": lambda r: b"%d" % r.timestamp,
    "d": lambda r: timestamp_text(r.timestamp).encode(),
    "k": lambda r: _shown(r.key),
    "K": lambda r: b"%d" % r.sizes[0],
    "s": lambda r: _shown(r.value),
    "S": lambda r: b"%d" % r.sizes[1],
    "h": lambda r: b",".join(name.encode() + b"=" + _shown(value) for name, value in r.headers or ()),
    "%": lambda _: b"%",
}


def _parse(template: str) -> list[bytes | Callable[[_Record], bytes]]:
    pieces: list[bytes | Callable[[_Record], bytes]] = []
    for letter, escape, text in _TOKEN.findall(template):
        if text:
            pieces.append(text.encode())
        elif letter in _LETTERS:
            pieces.append(_LETTERS[letter])
        elif escape in _ESCAPES:
            pieces.append(_ESCAPES[escape])
        else:
            raise UsageError(
                f"--format: {('%' + letter) if letter else ('backslash ' + escape)!r} stands for nothing; known are "
                f"{', '.join('%' + known for known in _LETTERS)} and value, raw, json, pretty"
            )
    return pieces


def _values(batch: FetchedBatch) -> bytes:
    return _lines(batch.columns.values)


def _lines(values: Sequence[Part]) -> bytes:
    return b"\n".join(map(_shown, values)) + b"\n" if values else b""


def _raw(batch: FetchedBatch) -> bytes:
    """Print each value's own bytes and a line end; nothing else for null."""
    return b"".join((value or b"") + b"\n" for value in batch.columns.values)


def _pretty(batch: FetchedBatch, decoders: Decoders | None) -> bytes:
    """Print each record as indented JSON, its value as JSON where it is some."""
    lines = []
    for record in _records(batch, decoders):
        body = _body(record)
        body["date"] = timestamp_text(record.timestamp)
        for name, part in (("key", record.key), ("value", record.value)):
            if not isinstance(part, Decoded):
                body[name] = _parsed(body[name])
        lines.append(_dumped(body, indent=2) + b"\n")
    return b"".join(lines)


def _parsed(text: object) -> object:
    try:
        return orjson.loads(text) if isinstance(text, str) else text
    except orjson.JSONDecodeError:
        return text


def _records(batch: FetchedBatch, decoders: Decoders | None) -> Iterator[_Record]:
    columns, count = batch.columns, len(batch)
    raw: Sequence[bytes | None] = columns.keys or [None] * count
    keys: Sequence[Part] = raw
    values: Sequence[Part] = columns.values
    if decoders is not None:
        keys, values = decoders.decode(batch)
    headers: Sequence[RawHeaders | None] = columns.headers or [None] * count
    for index, (offset, timestamp) in enumerate(zip(batch.offsets, columns.stamps, strict=True)):
        sizes = _size(raw[index]), _size(columns.values[index])
        yield _Record(
            batch.topic, batch.partition, offset, timestamp, keys[index], values[index], headers[index], sizes
        )


def _size(data: bytes | None) -> int:
    return -1 if data is None else len(data)


def _body(record: _Record) -> dict[str, object]:
    return {
        "topic": record.topic, "partition": record.partition, "offset": record.offset, "timestamp": record.timestamp,
        "key": _text(record.key), "headers": [[name, _text(value)] for name, value in record.headers or ()],
        "value": _text(record.value),
    }  # fmt: skip


def _dumped(body: dict[str, object], *, indent: Literal[2] | None = None) -> bytes:
    try:
        return orjson.dumps(body, option=None if indent is None else orjson.OPT_INDENT_2)
    except TypeError:  # half a surrogate pair, for which JSON has an escape, or nested very deep
        shown = json.dumps(as_shown(body), separators=None if indent else (",", ":"), indent=indent)
        return shown.encode()


def _text(data: Part) -> object:
    """Return bytes as they stand in JSON: text, or {"base64": ...} for what is no UTF-8, so that the two differ; what
    a converter read as the JSON that it comes to.
    """
    if data is None:
        return None
    if isinstance(data, Decoded):
        return as_shown(data.value)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {BASE64: b64encode(data).decode()}


def _shown(data: Part) -> bytes:
    """Return bytes as text for people. A byte that is no UTF-8 is \\xff; where the text itself reads so, its
    backslashes are doubled: an odd number of them before xff means the byte, an even one the characters.
    """
    if data is None:
        return b"null"
    if isinstance(data, Decoded):
        return data.value.encode("utf-8", "replace") if isinstance(data.value, str) else as_json(data.value)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="surrogateescape")
    else:
        if "\\x" not in text:
            return data
    return _LOOKS_ESCAPED.sub(lambda match: match[1] * 2 + match[2], text).encode("utf-8", "backslashreplace_bytes")


#: Backslashes before what reads like an escape, or before a byte that becomes one.
_LOOKS_ESCAPED = re.compile(r"(\\+)(x[0-9a-f]{2}|[\udc80-\udcff])")


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    escaped = "".join(f"\\x{ord(char) & 0xFF:02x}" for char in error.object[error.start : error.end])
    return escaped, error.end


codecs.register_error("backslashreplace_bytes", _escape)
