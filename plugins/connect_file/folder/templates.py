"""Names of files and folders: `path.template`, and what partitioners stand for, as one kind of template.

    ${topic} ${partition} ${start_offset} ${field:NAME} ${time:PATTERN}

What comes out of a record never leads to another folder: separators, control characters and what else means something
to a file system or to Hive are written as `%2F`, a dot at the beginning as `%2E`. So two values never have one name,
and Hive and Spark read back what was there. A name of more than `NAME_BYTES_MAX` is cut, with a checksum of all of it.
"""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from connect.api import Batch, DataError
from connect_file.folder.fields import field_values
from connect_file.folder.times import TimeFormat, Times

#: What Hive has for null, and for an empty text.
NULL_NAME: Final = "__HIVE_DEFAULT_PARTITION__"
#: Names may have 255 bytes; this leaves room for a number and the ending behind.
NAME_BYTES_MAX: Final = 200
_KEPT_BYTES: Final = 160
_PATH_BYTES_MAX: Final = 3000
_OFFSET_DIGITS: Final = 10
_PIECE: Final = re.compile(r"\$\{([a-z_]+)(?::([^}]*))?\}")
_CODED: Final = re.compile("[\\x00-\\x1f\\x7f\"#%'*/:=?\\\\{}\\[\\]^~<>|\\ud800-\\udfff]")
_START_OFFSET: Final = "start_offset"
#: Types of which equal values have one text; 0.0 and -0.0 have two, as 1.0 and 1.00 and a time in two zones.
_ONE_TEXT: Final = frozenset({str, int, bool, type(None), dt.date})


class Piece(NamedTuple):
    """What a template puts in one place.

    Attributes:
        kind: text, topic, partition, start_offset, field or time.
        argument: The text, the field or the pattern.
    """

    kind: str
    argument: str = ""


class Group(NamedTuple):
    """Records of a batch whose files have one name but for the offset.

    Attributes:
        rows: Their places in the batch; None for all.
        texts: What the template's pieces are for them, without the offset.
        identity: The same for the same record whenever it comes.
    """

    rows: list[int] | None
    texts: tuple[str, ...]
    identity: str


class Template:
    """A template, for the batches of one task.

    Args:
        text: The template.
        times: Of records.
        extension: Behind each name, with its dot.

    Raises:
        ValueError: What is wrong with it.
    """

    def __init__(
        self, text: str, times: Times, extension: str = "", *, zone: str = "UTC", duration_ms: int = 0
    ) -> None:
        self.pieces = tuple(pieces_of(text))
        self._times = times
        self._extension = extension
        self._formats = {
            piece: TimeFormat(piece.argument, zone, duration_ms) for piece in self.pieces if piece.kind == "time"
        }
        _check(text, self.pieces)

    def groups(self, batch: Batch) -> list[Group]:
        """Share the records of a batch out to names.

        Raises:
            DataError: A record has no name.
        """
        columns = [self._column(piece, batch) for piece in self.pieces if piece.kind != _START_OFFSET]
        if all(isinstance(column, str) for column in columns):
            return [self._group(None, tuple(map(str, columns)))]
        count = len(batch.values)
        rows = zip(*([column] * count if isinstance(column, str) else column for column in columns), strict=True)
        found: dict[tuple[str, ...], list[int]] = {}
        for row, texts in enumerate(rows):
            found.setdefault(texts, []).append(row)
        if len(found) == 1:
            return [self._group(None, texts) for texts in found]
        return [self._group(places, texts) for texts, places in found.items()]

    def path(self, texts: Sequence[str], start_offset: int) -> tuple[str, str]:
        """Return the folder, empty for the base, and the name of a file, without its ending.

        Raises:
            DataError: They are too long for a file system.
        """
        given = iter(texts)
        written = [
            f"{start_offset:0{_OFFSET_DIGITS}d}" if piece.kind == _START_OFFSET else next(given)
            for piece in self.pieces
        ]
        names = [shortened(name) for name in "".join(written).split("/")]
        path = "/".join(names)
        if len(path.encode()) > _PATH_BYTES_MAX:
            raise DataError(f"the path of its file would be longer than {_PATH_BYTES_MAX} bytes")
        folder, _, name = path.rpartition("/")
        return folder, name

    @property
    def extension(self) -> str:
        """What is behind each name."""
        return self._extension

    def _group(self, rows: list[int] | None, texts: tuple[str, ...]) -> Group:
        self.path(texts, 0)  # too long is the record's fault, and told before anything is kept
        named = [piece for piece in self.pieces if piece.kind != _START_OFFSET]
        fixed = [
            "*" if piece.kind == "time" and not self._times.is_of_record else text
            for piece, text in zip(named, texts, strict=True)
        ]
        return Group(rows, texts, "".join(fixed))

    def _column(self, piece: Piece, batch: Batch) -> list[str] | str:
        if piece.kind == "text":
            return piece.argument
        if piece.kind == "topic":
            return encoded(batch.topic)
        if piece.kind == "partition":
            return str(batch.original_partition)
        if piece.kind == "field":
            return _texts(field_values(batch, piece.argument, use="which names its folder or file"), piece.argument)
        moments, written = self._times.of(batch), self._formats[piece]
        try:
            return written.text(moments) if isinstance(moments, int) else list(map(written.text, moments))
        except (OverflowError, ValueError):
            raise DataError("the time of the record is not of the years 1 to 9999") from None


def pieces_of(text: str) -> Iterator[Piece]:
    """Cut a template into its pieces.

    Raises:
        ValueError: It has one that is not known.
    """
    at = 0
    for found in _PIECE.finditer(text):
        if found.start() > at:
            yield Piece("text", text[at : found.start()])
        kind, argument = found[1], found[2]
        takes_argument = kind in ("field", "time")
        if kind not in ("topic", "partition", _START_OFFSET, "field", "time") or takes_argument == (not argument):
            raise ValueError(
                f"{found[0]} is not known; expected ${{topic}}, ${{partition}}, ${{start_offset}}, ${{field:NAME}} or "
                "${time:PATTERN}"
            )
        yield Piece(kind, argument or "")
        at = found.end()
    if at < len(text):
        yield Piece("text", text[at:])


def _check(text: str, pieces: Sequence[Piece]) -> None:
    """Refuse what could lead out of the folder, hide a file, or give two files one name."""
    plain = "".join(piece.argument if piece.kind in ("text", "time") else "x" for piece in pieces)
    if "\0" in plain or "\\" in plain or "$" in plain:
        raise ValueError("a path without NUL, backslash or a lone $ is expected")
    if any(not name or name.startswith(".") for name in plain.replace("'", "").split("/")):
        raise ValueError(
            "a path within the folder is expected: no slash at its beginning or end, no empty name, and none that "
            "begins with a dot"
        )
    name = text[text.rfind("/", 0, text.find("${start_offset}")) + 1 :] if "${start_offset}" in text else ""
    if "/" in _PIECE.sub("x", name) or not name:
        raise ValueError("${start_offset} is expected in the name of the file, so that each file has a name of its own")


def _texts(values: Sequence[Any], field: str) -> list[str]:
    known: dict[tuple[type, Any], str] = {}
    texts = []
    for value in values:
        kind = type(value)
        if kind not in _ONE_TEXT:
            texts.append(encoded(_text(value, field)))
            continue
        text = known.get((kind, value))
        if text is None:
            text = known[kind, value] = encoded(_text(value, field))
        texts.append(text)
    return texts


def _text(value: Any, field: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, int | float):
        return str(value)
    raise DataError(f"field {field!r} is a {type(value).__name__}, which names no folder")


def encoded(text: str | None) -> str:
    """Return a text as a part of a name. Two texts never become one, but for null and the empty one."""
    if not text:
        return NULL_NAME
    safe = _CODED.sub(_coded, text)
    if safe.startswith(".") or safe == NULL_NAME:
        safe = f"%{ord(safe[0]):02X}{safe[1:]}"
    return safe


def _coded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))


def shortened(name: str) -> str:
    """Return a name that is short enough for a file system; one that was cut has a checksum of all of it."""
    data = name.encode()
    if len(data) <= NAME_BYTES_MAX:
        return name
    kept = data[:_KEPT_BYTES].decode(errors="ignore")
    return f"{kept}~{hashlib.sha256(data).hexdigest()[:32]}"
