"""Writes records to a bucket of S3, or of what speaks as S3 does, as Parquet or JSON lines, each record once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from connect.api import (
    Batch,
    Config,
    ConfigError,
    DataError,
    ExactlyOnceSupport,
    FailedRecord,
    Problem,
    RetriableError,
    Secret,
    SinkConnector,
    SinkTask,
    config_key,
    hookimpl,
    new_records,
)

__version__ = "0.1.0"

At = tuple[str, int]
#: An object's name says what is in it: the first and the last offset, and of which topic of that name.
_NAME = re.compile(r"(\d{20})-(\d{20})-([\w-]+)\.(parquet|jsonl)")


class S3SinkConfig(Config):
    """Write records to a bucket of S3, as Parquet or JSON lines, each record once."""

    bucket: str = config_key("The bucket; it is there already.", importance="high", non_empty=True)
    prefix: str = config_key("Stands in front of every object's name, such as lake/raw.", default="")
    format: Literal["parquet", "jsonl"] = config_key("What the objects are.", default="parquet", importance="high")
    flush_size: int = config_key("Records of one object at most.", default=10_000, ge=1)
    region: str = config_key("The bucket's region.", default="us-east-1")
    endpoint_url: str | None = config_key("Of a store that is not Amazon's: http://HOST:PORT.", default=None)
    access_key_id: str | None = config_key("Left out: as the environment has it.", default=None)
    secret_key: Secret | None = config_key("Belongs to access.key.id.", default=None)

    def problems(self) -> Iterable[Problem]:
        if (self.access_key_id is None) != (self.secret_key is None):
            yield Problem("secret.key", "secret.key and access.key.id belong together; one of them is missing")


@dataclass(slots=True)
class _Object:
    """Records that go into one object.

    Attributes:
        is_tried: Its upload failed, and it may be there all the same: it comes again under the same name, with nothing
            more in it.
    """

    first: int
    last: int
    values: list[dict[str, Any]] = field(default_factory=list)
    schema: pa.Schema = field(default_factory=lambda: pa.schema([]))
    is_tried: bool = False


class S3SinkTask(SinkTask[S3SinkConfig]):
    """What was put waits for a whole object, or for a flush. Where the task goes on is read from the names of objects,
    and an object appears whole, so what a crash takes comes again."""

    def start(self) -> None:
        config = self.config
        scheme, _, host = (config.endpoint_url or "").rpartition("://")
        secret = config.secret_key.get_secret_value() if config.secret_key else None
        self.waiting: dict[At, list[_Object]] = {}
        #: By partition the offset behind what is in objects, and behind what waits for one.
        self.written: dict[At, int] = {}
        self.taken: dict[At, int] = {}
        self.s3 = pafs.S3FileSystem(
            access_key=config.access_key_id,
            secret_key=secret,
            region=config.region,
            endpoint_override=host or None,
            scheme=scheme or "https",
            connect_timeout=5,
            request_timeout=60,
            # What fits into one request is one: no upload in parts is left behind by a crash.
            allow_delayed_open=True,
        )

    def open(self, partitions: Sequence[At]) -> None:
        for at in partitions:
            self.waiting[at] = []

    def resume_offsets(self, partitions: Sequence[At]) -> Mapping[At, int]:
        found = {}
        for at in partitions:
            selector = pafs.FileSelector(self._folder(at), allow_not_found=True)
            names = [_NAME.fullmatch(info.base_name) for info in self._told(self.s3.get_file_info, selector)]
            lasts = [int(name[2]) for name in names if name and name[3] == self._topic_id(at)]
            if lasts:
                found[at] = self.written[at] = self.taken[at] = max(lasts) + 1
        return found

    def put_batch(self, batch: Batch) -> None:
        # What waits already comes again where an upload failed: it is not taken a second time.
        mask = new_records(batch, self.taken)
        at = (batch.original_topic or batch.topic, batch.original_partition or 0)
        if mask is None or any(mask):
            indices = [index for index in range(len(batch)) if mask is None or mask[index]]
            self._take(at, self._checked(batch, indices))
        self._write(at, least=self.config.flush_size)

    def flush(self) -> Mapping[At, int]:
        for at in self.waiting:
            self._write(at, least=1)
        # Nothing waits any more, so all that was put is there, was dropped, or is a dead letter.
        return {**self.written, **self.context.offsets_after_put()}

    def close_partitions(self, partitions: Sequence[At]) -> None:
        for at in partitions:
            for held in (self.waiting, self.written, self.taken):
                held.pop(at, None)

    # -- objects -----------------------------------------------------------------------------------------------------

    def _checked(self, batch: Batch, indices: Sequence[int]) -> list[tuple[int, dict[str, Any], pa.Schema]]:
        """Return offset, value and schema of records.

        Raises:
            DataError: No object can hold some; nothing was taken.
        """
        found, failed = [], []
        for index in indices:
            value = batch.values[index]
            try:
                if not isinstance(value, dict) or not value:
                    what = "an object without fields" if isinstance(value, dict) else type(value).__name__
                    raise TypeError(f"its value is {what}; expected an object with fields")
                offset = batch.offsets[index] if batch.offsets is not None else 0
                found.append((offset, value, self._schema(value)))
            except (TypeError, ValueError, OverflowError, RecursionError, pa.ArrowException) as error:
                failed.append(FailedRecord(index, f"no {self.config.format} can hold it: {error}"))
        if failed:
            raise DataError(f"{len(failed)} records do not fit: {failed[0].reason}", failed=failed)
        return found

    def _schema(self, value: dict[str, Any]) -> pa.Schema:
        if self.config.format == "jsonl":
            json.dumps(value, allow_nan=False)
            return pa.schema([])
        schema = pa.schema([(name, pa.array([item]).type) for name, item in value.items()])
        pq.ParquetWriter(pa.BufferOutputStream(), schema).close()  # refuses a type that Parquet has not
        return schema

    def _take(self, at: At, records: Sequence[tuple[int, dict[str, Any], pa.Schema]]) -> None:
        """Have records wait: a new object begins where the one before is full, was tried, or has another type for a
        field."""
        waiting = self.waiting.setdefault(at, [])
        for offset, value, schema in records:
            last = waiting[-1] if waiting else None
            fits = last is not None and not last.is_tried and len(last.values) < self.config.flush_size
            both = _united(last.schema, schema) if last is not None and fits else None
            if last is None or both is None:
                last, both = _Object(offset, offset), schema
                waiting.append(last)
            last.values.append(value)
            last.last, last.schema = offset, both
            self.taken[at] = offset + 1

    def _write(self, at: At, *, least: int) -> None:
        """Upload objects, in their order, but for a last one of fewer records than `least`."""
        waiting = self.waiting.get(at, [])
        while waiting and (len(waiting) > 1 or waiting[0].is_tried or len(waiting[0].values) >= least):
            one = waiting[0]
            name = f"{one.first:020}-{one.last:020}-{self._topic_id(at)}.{self.config.format}"
            data = _parquet(one) if self.config.format == "parquet" else _lines(one.values)
            one.is_tried = True
            self._told(self._store, f"{self._folder(at)}/{name}", data)
            self.written[at] = one.last + 1
            del waiting[0]

    def _store(self, path: str, data: bytes) -> None:
        with self.s3.open_output_stream(path) as out:
            out.write(data)

    def _folder(self, at: At) -> str:
        prefix = f"{self.config.prefix.strip('/')}/" if self.config.prefix.strip("/") else ""
        return f"{self.config.bucket}/{prefix}{at[0]}/partition={at[1]}"

    def _topic_id(self, at: At) -> str:
        return re.sub(r"[^\w-]", "-", self.context.topic_id(at[0]) or "none")

    def _told(self, call: Any, *args: Any) -> Any:
        """Call the store; say what a failure is to the worker."""
        try:
            return call(*args)
        except OSError as error:
            text = str(error)
            if "NO_SUCH_BUCKET" in text or "does not exist" in text:
                raise ConfigError(f"there is no bucket {self.config.bucket}: {text}", config_path="bucket") from None
            if "ACCESS_DENIED" in text or "INVALID_ACCESS_KEY" in text or "SIGNATURE" in text.upper():
                raise ConfigError(f"{self.config.bucket} refuses: {text}", config_path="access.key.id") from None
            raise RetriableError(f"{self.config.bucket}: {text}") from error


class S3Sink(SinkConnector[S3SinkConfig]):
    """Write records to a bucket of S3, as Parquet or JSON lines, each record once."""

    class_name = "connect_s3.S3Sink"
    task_class = S3SinkTask

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """Objects appear whole, and their names say which offsets they have."""
        return ExactlyOnceSupport.SUPPORTED

    def alter_offsets(self, offsets: Mapping[At, int | None]) -> bool:
        raise ConfigError(
            "where it goes on is in the names of its objects; delete those behind the offset, or write to another "
            "prefix",
            config_path="prefix",
        )


def _united(one: pa.Schema, other: pa.Schema) -> pa.Schema | None:
    """Return the schema of an object with both; None where a field has two types."""
    if one.equals(other):
        return one
    try:
        return pa.unify_schemas([one, other])
    except pa.ArrowException:
        return None


def _parquet(one: _Object) -> bytes:
    columns = [pa.array([value.get(field.name) for value in one.values], type=field.type) for field in one.schema]
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(columns, schema=one.schema), out, compression="zstd")
    return bytes(out.getvalue())


def _lines(values: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(value, allow_nan=False).encode() + b"\n" for value in values)


@hookimpl
def connect_connectors() -> list[type[SinkConnector]]:
    return [S3Sink]
