"""Writes records to a bucket of S3, or of what speaks as S3 does, as Parquet or JSON lines, each record once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
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
    RetriableError,
    Secret,
    SinkConnector,
    SinkTask,
    config_key,
    hookimpl,
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
    access_key: str | None = config_key("Left out: as the environment has it.", default=None)
    secret_key: Secret | None = config_key("Belongs to access.key.", default=None)


class S3SinkTask(SinkTask[S3SinkConfig]):
    """What was put waits for a whole object, or for a flush. Where the task goes on is read from the names of objects,
    and an object appears whole, so what a crash takes comes again."""

    def start(self) -> None:
        config = self.config
        scheme, _, host = (config.endpoint_url or "").rpartition("://")
        secret = config.secret_key.get_secret_value() if config.secret_key else None
        self.waiting: dict[At, list[Batch]] = {}
        self.written: dict[At, int] = {}
        self.s3 = pafs.S3FileSystem(
            access_key=config.access_key,
            secret_key=secret,
            region=config.region,
            endpoint_override=host or None,
            scheme=scheme or "https",
            connect_timeout=5,
            request_timeout=60,
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
                found[at] = self.written[at] = max(lasts) + 1
        return found

    def put_batch(self, batch: Batch) -> None:
        self._check(batch)
        at = (batch.original_topic or batch.topic, batch.original_partition or 0)
        if batch.offsets and batch.offsets[-1] < self.written.get(at, 0):
            return  # it is there
        waiting = self.waiting.setdefault(at, [])
        waiting.append(batch)
        if sum(map(len, waiting)) >= self.config.flush_size:
            self._write(at)

    def flush(self) -> Mapping[At, int]:
        for at in self.waiting:
            self._write(at)
        return dict(self.written)

    def close_partitions(self, partitions: Sequence[At]) -> None:
        for at in partitions:
            self.waiting.pop(at, None)
            self.written.pop(at, None)

    # -- objects -----------------------------------------------------------------------------------------------------

    def _check(self, batch: Batch) -> None:
        """Refuse what would not fit into an object, while it is known which record it is."""
        failed = []
        for index, value in enumerate(batch.values):
            if not isinstance(value, dict):
                failed.append(FailedRecord(index, f"its value is {type(value).__name__}; expected an object"))
                continue
            try:
                json.dumps(value, allow_nan=False) if self.config.format == "jsonl" else pa.Table.from_pylist([value])
            except (TypeError, ValueError, pa.ArrowException) as error:
                failed.append(FailedRecord(index, f"no {self.config.format} can hold it: {error}"))
        if failed:
            raise DataError(f"{len(failed)} records do not fit: {failed[0].reason}", failed=failed)

    def _write(self, at: At) -> None:
        batches = self.waiting[at]
        values = [value for batch in batches for value in batch.values]
        if not values:
            return
        offsets = [offset for batch in batches for offset in batch.offsets or ()]
        name = f"{offsets[0]:020}-{offsets[-1]:020}-{self._topic_id(at)}.{self.config.format}"
        data = self._parquet(values) if self.config.format == "parquet" else _lines(values)
        self._told(self._store, f"{self._folder(at)}/{name}", data)
        self.written[at] = offsets[-1] + 1
        self.waiting[at] = []

    def _store(self, path: str, data: bytes) -> None:
        with self.s3.open_output_stream(path) as out:
            out.write(data)

    def _parquet(self, values: list[dict[str, Any]]) -> bytes:
        try:
            table = pa.Table.from_pylist(values)
        except pa.ArrowException as error:
            raise DataError(f"the fields of these records are not of one type each: {error}") from error
        out = pa.BufferOutputStream()
        pq.write_table(table, out, compression="zstd")
        return bytes(out.getvalue())

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
                raise ConfigError(f"{self.config.bucket} refuses: {text}", config_path="access.key") from None
            raise RetriableError(f"{self.config.bucket}: {text}") from error


class S3Sink(SinkConnector[S3SinkConfig]):
    """Write records to a bucket of S3, as Parquet or JSON lines, each record once."""

    class_name = "connect_s3.S3Sink"
    task_class = S3SinkTask

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """Objects appear whole, and their names say which offsets they have."""
        return ExactlyOnceSupport.SUPPORTED


def _lines(values: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(value, allow_nan=False).encode() + b"\n" for value in values)


@hookimpl
def connect_connectors() -> list[type[SinkConnector]]:
    return [S3Sink]
