"""What a dead letter is made of: the record as it was, and headers that tell what happened to it.

A sink's record is in the log: its letter has the bytes that were fetched. A source's is nowhere else: its letter has
the bytes on their way into the log, where it had come so far, and else what key and value were in front of the step
that failed: bytes as they are, and all else as JSON.

Source of keys, headers and stages: Kafka 4.3.1, DeadLetterQueueReporter.java, Stage.java (KIP-298).
"""

from __future__ import annotations

import traceback
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import CodeType, TracebackType
from typing import Any, Final

import orjson

from connect.api import Batch, ConnectError, DataError, RetriableError, SchemaError, SchemaProjectorError, Transform
from connect.records import Columns, FetchedBatch, RawHeaders
from connect.runtime.border.failures import told
from connect.runtime.clock import now_ms
from connect.runtime.model import TaskId
from connect.runtime.secrets import redact
from connect.runtime.tasks.failures import Failure, source_offset
from connect.runtime.tasks.record_json import as_json
from connect.runtime.tasks.replays import COUNT, Place, number_of, place_of

PREFIX: Final = "__connect.errors."
TRACE: Final = PREFIX + "exception.stacktrace"
#: What the log itself is called where no plugin was at work.
LOG_CLASS: Final = "org.apache.kafka.clients.producer.KafkaProducer"
#: The names under which Kafka's consumers of dead letters know our errors, the narrowest first.
_JAVA_NAMES: Final = {
    SchemaProjectorError: "org.apache.kafka.connect.errors.SchemaProjectorException",
    SchemaError: "org.apache.kafka.connect.errors.SchemaBuilderException",
    DataError: "org.apache.kafka.connect.errors.DataException",
    RetriableError: "org.apache.kafka.connect.errors.RetriableException",
    ConnectError: "org.apache.kafka.connect.errors.ConnectException",
}
_DURING: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"
_CAUSED: Final = "\nThe above exception was the direct cause of the following exception:\n\n"


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter, as bytes.

    Attributes:
        where: The record's place, in words.
        context: The headers that tell what happened; they follow the record's own.
    """

    where: str
    key: bytes | None
    value: bytes | None
    timestamp: int
    own: RawHeaders
    context: RawHeaders

    @property
    def size_bytes(self) -> int:
        """About what it takes in the log."""
        headers = sum(len(name.encode()) + len(value or b"") + 10 for name, value in (*self.own, *self.context))
        return len(self.key or b"") + len(self.value or b"") + headers + 100

    def without_trace(self, bytes_over: int) -> Letter:
        """Return the letter with so many bytes of the trace cut away at its beginning: the end says what happened."""
        cut: RawHeaders = []
        for name, value in self.context:
            if name == TRACE and value is not None:
                kept = value[min(len(value), bytes_over + len(_CUT)) :]
                value = _CUT + kept.decode("utf-8", "ignore").encode() if kept else _CUT
            cut.append((name, value))
        return replace(self, context=cut)

    def bare(self) -> Letter:
        """Return the letter with nothing but the record's own headers."""
        return replace(self, context=[])


_CUT: Final = b"[cut, since the letter was too large for its topic] ..."


def columns_of(letters: Sequence[Letter]) -> Columns:
    """Return letters as they are appended."""
    return Columns(
        values=[letter.value for letter in letters],
        keys=[letter.key for letter in letters],
        timestamps=[letter.timestamp for letter in letters],
        headers=[[*letter.own, *letter.context] or None for letter in letters],
    )


class Writer:
    """Makes the letters of one task.

    Args:
        with_context: `errors.deadletterqueue.context.headers.enable`.
    """

    def __init__(self, task: TaskId, *, with_context: bool) -> None:
        self._task = task
        self._with_context = with_context

    def letters(self, failures: Iterable[Failure], fetched: Sequence[FetchedBatch] = ()) -> list[Letter]:
        """Return the letters of failures, in the order in which the records were fetched. One that failed twice has
        one letter, of its first failure.

        Args:
            fetched: What a sink's records are among.
        """
        rows: dict[object, tuple[tuple[int, int], Failure, tuple[FetchedBatch, int] | None]] = {}
        for failure in failures:
            found = _found(failure, fetched)
            order = (len(fetched), len(rows)) if found is None else (_index(fetched, found[0]), found[1])
            rows.setdefault(id(failure) if found is None else order, (order, failure, found))
        traces = Traces()
        ordered = sorted(rows.values(), key=lambda row: row[0])
        return [self._letter(failure, found, traces) for _, failure, found in ordered]

    def _letter(self, failure: Failure, found: tuple[FetchedBatch, int] | None, traces: Traces) -> Letter:
        if found is not None:
            key, value, timestamp, own = _row(found[0].columns, found[1])
            forms = []
        elif failure.columns is not None:
            key, value, timestamp, own = _row(failure.columns, 0)
            forms = [("key.form", "bytes"), ("value.form", "bytes")]
        else:
            key, value, timestamp, own, forms = _as_text(failure.batch, failure.index)
        context = self._context(failure, own, forms, traces) if self._with_context else []
        return Letter(failure.where, key, value, timestamp, own, context)

    def _context(self, failure: Failure, own: RawHeaders, forms: list[tuple[str, str]], traces: Traces) -> RawHeaders:
        """Return the headers that tell what happened: Kafka's, then ours.

        Args:
            own: The record's own headers, which say how often it was replayed.
            traces: Of all failures that are written together.
        """
        error, batch, index = failure.error, failure.batch, failure.index
        place = Place(
            batch.original_topic or batch.topic,
            batch.original_partition if batch.original_partition is not None else batch.partition,
            batch.offsets[index] if batch.offsets is not None else None,
        )
        replayed = place_of(place.topic, own)
        first = replayed or place
        context: dict[str, Any] = {
            "topic": first.topic,
            "partition": first.partition,
            "offset": first.offset,
            "connector.name": self._task.connector,
            "task.id": self._task.task,
            "stage": failure.step,
            "class.name": failure.plugin.plugin_name() if failure.plugin is not None else LOG_CLASS,
            "exception.class.name": _class_name(error),
            # Whoever reads the queue need not know the connector's secrets, which a target's error may quote.
            "exception.message": redact(error.message if isinstance(error, ConnectError) else str(error)),
            "exception.stacktrace": traces.of(error),
            # Ours.
            **{f"cause.{name}": redact(value) for name, value in failure.details.items()},
            "cause.code": error.code if isinstance(error, ConnectError) else "plugin.failed",
            "timestamp": failure.failed_ms,
            "attempts": number_of(own, COUNT) or 0,
            "replay.offset": None if replayed is None else place.offset,
            "stage.alias": failure.plugin.alias if isinstance(failure.plugin, Transform) else None,
            "source.partition": _json(batch.source_partition),
            "source.offset": _json(source_offset(batch, index)),
            **dict(forms),
        }
        # A header is UTF-8, which a text of a driver need not be.
        return [
            (PREFIX + name, str(value).encode("utf-8", "backslashreplace"))
            for name, value in context.items()
            if value is not None
        ]


def _row(columns: Columns, index: int) -> tuple[bytes | None, bytes | None, int, RawHeaders]:
    key = None if columns.keys is None else columns.keys[index]
    headers = columns.headers[index] if columns.headers is not None else None
    timestamps = columns.timestamps
    at = timestamps if isinstance(timestamps, int) else timestamps[index]
    return key, columns.values[index], at, list(headers or ())


def _as_text(batch: Batch, index: int) -> tuple[bytes | None, bytes | None, int, RawHeaders, list[tuple[str, str]]]:
    """Return a record that was not bytes yet, and in which form its key and value are now."""
    key, value = batch.keys[index] if batch.keys is not None else None, batch.values[index]
    timestamps = batch.timestamps
    at = timestamps[index] if isinstance(timestamps, list) else timestamps
    headers = batch.headers[index] if batch.headers is not None else None
    own: RawHeaders = [(header.name, _header(header.value)) for header in headers or ()]
    parts = {"key": key, "value": value}
    forms = [
        (f"{name}.form", "bytes" if part is None or isinstance(part, bytes) else "json") for name, part in parts.items()
    ]
    key, value = (part if part is None or isinstance(part, bytes) else as_json(part) for part in parts.values())
    return key, value, now_ms() if at is None else at, own, forms


def _header(value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return value.encode("utf-8", "backslashreplace") if isinstance(value, str) else as_json(value)


def _json(mapping: Any) -> str | None:
    return None if mapping is None else orjson.dumps(dict(mapping)).decode()


def _index(fetched: Sequence[FetchedBatch], batch: FetchedBatch) -> int:
    return next(number for number, one in enumerate(fetched) if one is batch)


def _found(failure: Failure, fetched: Sequence[FetchedBatch]) -> tuple[FetchedBatch, int] | None:
    """Return a sink's record as it was fetched; None for a source's, and for one that a transform has made."""
    place = failure.place
    if place is None:
        return None
    for batch in fetched:
        if (batch.topic, batch.partition) == place[0]:
            index = bisect_left(batch.offsets, place[1])
            if index < len(batch) and batch.offsets[index] == place[1]:
                return batch, index
    return None


class Traces:
    """Renders tracebacks, of which ten thousand records may have the same one but for a message: frames are rendered
    once. Without the secrets that are known."""

    def __init__(self) -> None:
        self._frames: dict[tuple[tuple[CodeType, int], ...], str] = {}

    def of(self, error: BaseException) -> str:
        """Return an error's traceback, as Python prints it, with what caused it in front."""
        parts: list[str] = []
        at: BaseException | None = error
        seen: set[int] = set()
        while at is not None and id(at) not in seen:
            seen.add(id(at))
            if isinstance(at, BaseExceptionGroup):
                parts.append(redact("".join(traceback.format_exception(at))))
                break
            parts.append(self._frames_of(at) + redact(_last_lines(at)))
            context = None if at.__suppress_context__ else at.__context__
            if at.__cause__ is None and context is None:
                break
            parts.append(_CAUSED if at.__cause__ is not None else _DURING)
            at = at.__cause__ if at.__cause__ is not None else context
        return "".join(reversed(parts))

    def _frames_of(self, error: BaseException) -> str:
        if error.__traceback__ is None:
            return ""
        shape: list[tuple[CodeType, int]] = []
        at: TracebackType | None = error.__traceback__
        while at is not None:
            shape.append((at.tb_frame.f_code, at.tb_lineno))
            at = at.tb_next
        key = tuple(shape)
        if (known := self._frames.get(key)) is None:
            known = redact("".join(traceback.format_tb(error.__traceback__)))
            known = self._frames[key] = "Traceback (most recent call last):\n" + known
        return known


def _last_lines(error: BaseException) -> str:
    """Return what a traceback ends with. Python's own function for it looks at all that caused the error, each time."""
    if isinstance(error, SyntaxError):  # which has lines of its own
        return "".join(traceback.format_exception_only(error))
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"
    text = told(error).removeprefix(cls.__name__).removeprefix(": ")
    notes = getattr(error, "__notes__", None)
    lines = [f"{name}: {text}" if text else name, *(map(str, notes) if isinstance(notes, list) else ())]
    return "\n".join(lines) + "\n"


def _class_name(error: Exception) -> str:
    known = next((name for cls, name in _JAVA_NAMES.items() if isinstance(error, cls)), None)
    return known or f"{type(error).__module__}.{type(error).__qualname__}"
