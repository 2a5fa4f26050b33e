"""What Kafka's dump tool prints about record batches, as records."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.support.kafka import KafkaRecord

_BATCH = re.compile(
    r"^baseOffset: (?P<base>\d+) lastOffset: (?P<last>\d+) .* compresscodec: (?P<codec>\w+)", re.MULTILINE
)
_RECORD = re.compile(
    r"^\| offset: (?P<offset>\d+) (?P<type>CreateTime|LogAppendTime): (?P<timestamp>-?\d+)"
    r" keySize: (?P<key_bytes>-?\d+) valueSize: (?P<value_bytes>-?\d+) sequence: -?\d+"
    r" headerKeys: \[(?P<headers>[^\]]*)\](?: key: (?P<key>\S*))?(?: payload: (?P<value>.*))?$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class DumpedBatch:
    """One record batch's line."""

    base_offset: int
    last_offset: int
    codec: str


@dataclass(frozen=True, slots=True)
class DumpedRecord:
    """One record's line. The tool prints the names of headers alone."""

    offset: int
    timestamp: int
    timestamp_type: str
    key: str | None
    value: str | None
    header_names: tuple[str, ...]

    @classmethod
    def of(cls, record: KafkaRecord) -> DumpedRecord:
        """Return what the tool should print of a record, whose key has no white space and whose value is one line."""
        assert record.offset is not None
        assert record.timestamp is not None
        names = tuple(name for name, _ in record.headers)
        key, value = (None if data is None else data.decode() for data in (record.key, record.value))
        return cls(record.offset, record.timestamp, record.timestamp_type, key, value, names)


def dumped_batches(printed: str) -> list[DumpedBatch]:
    """Read the batches' lines of `--deep-iteration --print-data-log`."""
    return [DumpedBatch(int(line["base"]), int(line["last"]), line["codec"]) for line in _BATCH.finditer(printed)]


def dumped_records(printed: str) -> list[DumpedRecord]:
    """Read the records' lines of `--deep-iteration --print-data-log`."""
    return [_record(line) for line in _RECORD.finditer(printed)]


def _record(line: re.Match[str]) -> DumpedRecord:
    types = {"CreateTime": "CREATE_TIME", "LogAppendTime": "LOG_APPEND_TIME"}
    return DumpedRecord(
        int(line["offset"]),
        int(line["timestamp"]),
        types[line["type"]],
        None if line["key_bytes"] == "-1" else line["key"] or "",
        None if line["value_bytes"] == "-1" else line["value"] or "",
        tuple(line["headers"].split(",")) if line["headers"] else (),
    )
