"""The errors of Connect, grouped by what the caller can do about them.

ConnectError                       code, message, hint, config_path, status (HTTP), exit_code
├── ConfigError                    the config is wrong: mend the named key                      400, exit 2
├── NotFoundError                  no such connector, topic, plugin, …                          404
├── ConflictError                  it exists already, or its state does not allow this          409
├── PluginError                    a plugin is missing or broken                                500
├── RetriableError                 the same call may work later; carries retry_after_ms         503
├── DataError                      one record is bad; errors.tolerance decides                  500
│   └── SchemaError                a schema, or a value that does not fit one
│       └── SchemaProjectorError   two versions of a schema that do not get on
├── LogError                       the log refuses; carries Kafka's error number
│   ├── CorruptBatchError          bytes that fail their checksum or make no sense
│   ├── OffsetOutOfRangeError      outside [log start offset, log end offset]
│   ├── UnknownTopicOrPartitionError
│   ├── RecordTooLargeError
│   ├── InvalidRecordError         a timestamp out of bounds, a compacted topic and no key
│   ├── InternalTopicError         a topic that holds state of the log or the worker is closed to others
│   ├── OutOfOrderSequenceError    an idempotent producer's batch came without the one before
│   ├── ProducerFencedError        a newer producer has taken the transactional id
│   ├── IllegalGenerationError     a consumer commits for what was taken from it
│   └── TransactionStateError      no transaction is open, or one is, or it timed out
└── EnvironmentFault               port taken, disk full, server unreachable                    503, exit 3

`connect.api.error_codes` has the meaning of each code, and the hint that is used when the raiser has no better one. A
message says what happened, to which thing, and what was expected; neither message nor hint ever holds a secret. All of
them can be pickled. The kinds of `LogError` are the log's and its clients'; `connect.api` exports those that a plugin
may meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

from connect.api.error_codes import CODES


class ConnectError(Exception):
    """The root. `str(error)` is the message alone; faces add hint and code.

    Args:
        message: What happened, to which thing, what was expected.
        code: A code of `CODES`; the class's own default when left out.
        hint: One imperative sentence; the code's registered hint when left out.
        config_path: The config key at fault, dotted, where one is.
    """

    default_code: ClassVar[str] = "internal"
    status: int = 500
    exit_code: int = 1
    message: str
    code: str
    hint: str
    config_path: str | None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        config_path: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        assert self.code in CODES, f"error code {self.code!r} is not registered"
        self.hint = CODES[self.code].hint if hint is None else hint
        self.config_path = config_path


class ConfigError(ConnectError):
    """The configuration is wrong; nothing has been changed.

    Names the key, and the nearest valid one where that helps.
    """

    default_code = "config.invalid"
    status = 400
    exit_code = 2


class NotFoundError(ConnectError):
    """The named thing does not exist."""

    default_code = "not_found"
    status = 404


class ConflictError(ConnectError):
    """The thing exists already, or its state does not allow the request."""

    default_code = "conflict"
    status = 409


class PluginError(ConnectError):
    """A plugin is missing, cannot be imported, or breaks its contract."""

    default_code = "plugin.broken"


class RetriableError(ConnectError):
    """The same call may succeed later: the runtime waits and makes it again.

    Of a task and its plugins, that is. A connector's own `start` and `task_configs` are not called again in place: the
    connector fails, as its status shows, and `errors.restart.policy` (on by default) makes and starts a new instance.

    Args:
        retry_after_ms: Wait at least so long; None leaves it to the runtime's back-off.
    """

    default_code = "retriable"
    status = 503
    retry_after_ms: int | None

    def __init__(
        self,
        message: str,
        *,
        retry_after_ms: int | None = None,
        code: str | None = None,
        hint: str | None = None,
        config_path: str | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, config_path=config_path)
        self.retry_after_ms = retry_after_ms


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A record that is bad: its place in what the call was given, zero-based, and why. A pair does as well.

    Attributes:
        details: What is known of the cause by name; see `DataError`, to whose details these are added.
    """

    index: int
    reason: str
    details: Mapping[str, str] | None = field(default=None, hash=False)


class DataError(ConnectError):
    """A record is bad: a converter, transform or sink cannot take it. `errors.tolerance` decides what follows.

    Who knows which records of a batch are bad says so in `failed`, all of them at once: the others are given again
    together, in their order, so that a batch with bad records costs two calls. Left out, the runtime finds the bad one:
    in pieces for a sink, one by one for transforms and converters. Nothing of a call that raises may stay.

    Kafka Connect's DataException.

    Args:
        failed: The bad records; the order says nothing.
        details: What is known of the cause by name, for whoever sorts the records that failed: `sqlstate`, `table`,
            `column`, `constraint`, or a name of the plugin's own. Text; shown without the connector's secrets.
    """

    default_code = "data.invalid"
    failed: tuple[FailedRecord | tuple[int, str], ...] = ()
    details: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        message: str,
        *,
        failed: Iterable[FailedRecord | tuple[int, str]] = (),
        details: Mapping[str, str] | None = None,
        code: str | None = None,
        hint: str | None = None,
        config_path: str | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, config_path=config_path)
        self.failed = tuple(failed)  # both are looked at where they cross to the runtime
        if details is not None:
            self.details = dict(details) if isinstance(details, Mapping) else details


class SchemaError(DataError):
    """A schema contradicts itself, or a value does not fit its schema. Kafka's SchemaBuilderException and kin."""

    default_code = "data.schema"


class SchemaProjectorError(SchemaError):
    """A value of one schema cannot be made one of another. Kafka's SchemaProjectorException."""


class LogError(ConnectError):
    """The log refuses. `kafka_error` is the number that Kafka's protocol gives the same failure."""

    default_code = "log.failed"
    kafka_error: ClassVar[int] = -1


class CorruptBatchError(LogError):
    """Bytes that fail their checksum or make no sense; says file and position where it knows them."""

    default_code = "log.corrupt_batch"
    kafka_error = 2


class OffsetOutOfRangeError(LogError):
    """An offset outside the partition's range; the message gives the valid range."""

    default_code = "log.offset_out_of_range"
    kafka_error = 1
    status = 404


class UnknownTopicOrPartitionError(LogError):
    """No such topic, or the topic has no such partition; the message names the nearest topic."""

    default_code = "log.unknown_topic_or_partition"
    kafka_error = 3
    status = 404


class RecordTooLargeError(LogError):
    """A record batch exceeds `max.message.bytes`."""

    default_code = "log.record_too_large"
    kafka_error = 10
    status = 400


class InvalidRecordError(LogError):
    """A record that the topic's configs do not allow: its timestamp, or a null key where keys are compacted."""

    default_code = "log.invalid_record"
    kafka_error = 87
    status = 400


class InternalTopicError(LogError):
    """The topic holds what the log or the worker lives by: only they append to it. Kafka's InvalidTopicException."""

    default_code = "log.internal_topic"
    kafka_error = 17
    status = 403


class OutOfOrderSequenceError(LogError):
    """A batch of an idempotent producer does not follow the last one: one in between is missing."""

    default_code = "log.out_of_order_sequence"
    kafka_error = 45


class ProducerFencedError(LogError):
    """A newer producer has the same transactional id; this one can do nothing any more."""

    default_code = "log.producer_fenced"
    kafka_error = 90


class TransactionStateError(LogError):
    """The transaction's state does not allow the call: none is open, one is, or it was aborted for its timeout."""

    default_code = "log.transaction_state"
    kafka_error = 48


class IllegalGenerationError(LogError):
    """The holding under which a consumer commits has ended: another one has begun, or was asked for."""

    default_code = "log.illegal_generation"
    kafka_error = 22


class EnvironmentFault(ConnectError):
    """Something around the worker is not as needed: a port taken, a disk full, a server that does not answer."""

    default_code = "environment.fault"
    status = 503
    exit_code = 3
