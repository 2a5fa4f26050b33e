"""The log over a worker's REST (`/v1`), so that the same commands work while a worker owns the data directory."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from connect.api import ConfigError
from connect.cli.rest import RestClient
from connect.ports import Acks, GroupInfo, PartitionInfo, TopicConfigEntry, TopicInfo
from connect.records import Columns, FetchedBatch, Isolation, OffsetAndMetadata, RawHeaders, TopicPartition
from connect.runtime.lag import GroupRow

#: Records in one request; bounds the request's size.
APPEND_COUNT_MAX = 2000


class RemoteLog:
    """A worker's log."""

    def __init__(self, url: str) -> None:
        self._client = RestClient(url)

    async def _call(self, method: str, path: str, body: Any = None, params: dict[str, str] | None = None) -> Any:
        return await asyncio.to_thread(lambda: self._client.call(method, f"/v1{path}", body, params=params))

    # -- topics ------------------------------------------------------------------------------------------------------

    async def list_topics(self) -> list[str]:
        return [topic["name"] for topic in (await self._call("GET", "/topics"))["topics"]]

    async def create_topic(
        self, name: str, *, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> TopicInfo:
        body = {"name": name, "partitions": partitions, "configs": dict(configs or {})}
        return _topic_info(await self._call("POST", "/topics", body))

    async def alter_topic(self, name: str, configs: Mapping[str, str | None]) -> TopicInfo:
        return _topic_info(await self._call("PATCH", _topic(name), {"configs": dict(configs)}))

    async def add_partitions(self, name: str, total: int) -> TopicInfo:
        return _topic_info(await self._call("PATCH", _topic(name), {"partitions": total}))

    async def topic_configs(self, name: str) -> tuple[TopicConfigEntry, ...]:
        found = await self._call("GET", f"{_topic(name)}/configs")
        return tuple(TopicConfigEntry(**entry) for entry in found["configs"])

    async def describe_topic(self, name: str) -> TopicInfo:
        return _topic_info(await self._call("GET", _topic(name)))

    async def delete_topic(self, name: str) -> None:
        await self._call("DELETE", _topic(name))

    async def delete_records(self, partition: TopicPartition, before_offset: int) -> int:
        params = {"before_offset": str(before_offset)}
        found = await self._call("DELETE", f"{_partition(partition)}/records", params=params)
        return int(found["log_start_offset"])

    async def offset_for_time(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        found = await self._call("GET", f"{_partition(partition)}/offset", params={"timestamp": str(timestamp_ms)})
        offset: int | None = found["offset"]
        return offset

    # -- records -----------------------------------------------------------------------------------------------------

    async def fetch(
        self,
        partition: TopicPartition,
        offset: int,
        *,
        max_bytes: int = 1 << 20,
        isolation: Isolation = "read_uncommitted",
    ) -> list[FetchedBatch]:
        params = {"offset": str(offset), "max_bytes": str(max_bytes), "isolation": isolation}
        found = await self._call("GET", f"{_partition(partition)}/records", params=params)
        records, next_offset = found["records"], found["next_offset"]
        if not records and next_offset == offset:
            return []
        columns = Columns(
            [_bytes(r["value"]) for r in records],
            [_bytes(r["key"]) for r in records],
            [r["timestamp"] for r in records],
            [[(name, _bytes(value)) for name, value in r["headers"]] or None for r in records],
        )
        return [FetchedBatch(*partition, [r["offset"] for r in records], columns, next_offset)]

    def appender(self, configs: Mapping[str, str]) -> RemoteAppender:
        """Make a producer."""
        return RemoteAppender(self, dict(configs))

    async def append(self, topic: str, body: dict[str, Any]) -> None:
        """Append one request's records."""
        await self._call("POST", f"{_topic(topic)}/records", body)

    # -- groups ------------------------------------------------------------------------------------------------------

    async def groups(self) -> list[str]:
        found: list[str] = (await self._call("GET", "/groups"))["groups"]
        return found

    async def describe_group(self, group: str) -> GroupInfo:
        return (await self.group_rows(group))[0]

    async def group_rows(self, group: str) -> tuple[GroupInfo, list[GroupRow]]:
        found = await self._call("GET", f"/groups/{quote(group, safe='')}")
        rows = [GroupRow(**row) for row in found["offsets"]]
        offsets = {
            TopicPartition(row.topic, row.partition): OffsetAndMetadata(
                row.offset, metadata=row.metadata, commit_timestamp=row.commit_timestamp
            )
            for row in rows
            if row.offset is not None
        }
        return GroupInfo(group, found["state"], tuple(found["members"]), offsets), rows

    async def commit(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        rows = [
            {"topic": p.topic, "partition": p.partition, "offset": o.offset, "metadata": o.metadata}
            for p, o in offsets.items()
        ]
        await self._call("PUT", f"/groups/{quote(group, safe='')}/offsets", {"offsets": rows})

    async def delete_offsets(self, group: str, partitions: Sequence[TopicPartition] | None = None) -> None:
        body = None if partitions is None else {"partitions": [list(partition) for partition in partitions]}
        await self._call("DELETE", f"/groups/{quote(group, safe='')}/offsets", body)

    async def aclose(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._client.close)


class RemoteAppender:
    """Appends over REST. A transaction is one request, so it is held back until it is committed."""

    def __init__(self, log: RemoteLog, configs: dict[str, str]) -> None:
        self._log = log
        self._configs = configs
        self._held: list[tuple[str, list[dict[str, Any]]]] | None = None

    async def append(
        self, topic: str, columns: Columns, *, partition: int | None = None, acks: Acks = "written"
    ) -> None:
        records = _records(columns, partition)
        if self._held is not None:
            self._held.append((topic, records))
            if sum(len(held) for _, held in self._held) > APPEND_COUNT_MAX:
                raise ConfigError(
                    f"a transaction through a worker holds at most {APPEND_COUNT_MAX} records",
                    hint="Send fewer at once, or stop the worker and produce with --data-dir.",
                )
            return
        for start in range(0, len(records), APPEND_COUNT_MAX):
            body = {"records": records[start : start + APPEND_COUNT_MAX], "acks": acks, "configs": self._configs}
            await self._log.append(topic, body)

    async def init_transactions(self) -> None:
        """The worker does it with the records."""

    async def begin_transaction(self) -> None:
        """Hold back what is appended from here on."""
        self._held = []

    async def commit_transaction(self) -> None:
        """Send what was held back as one transaction."""
        for topic, records in self._merged():
            await self._log.append(topic, {"records": records, "acks": "durable", "configs": self._configs})
        self._held = None

    def _merged(self) -> list[tuple[str, list[dict[str, Any]]]]:
        merged: dict[str, list[dict[str, Any]]] = {}
        for topic, records in self._held or ():
            merged.setdefault(topic, []).extend(records)
        assert len(merged) <= 1, "produce writes to one topic"
        return list(merged.items())

    async def abort_transaction(self) -> None:
        """Forget what was held back."""
        self._held = None

    async def aclose(self) -> None:
        """Nothing is held back outside transactions; the worker flushes."""


def _records(columns: Columns, partition: int | None) -> list[dict[str, Any]]:
    count = len(columns)
    headers: Sequence[RawHeaders | None] = columns.headers or [None] * count
    return [
        {
            "key": _text(key),
            "value": _text(value),
            "partition": partition,
            "timestamp": stamp,
            "headers": [[name, _text(content)] for name, content in record_headers or ()],
        }
        for key, value, stamp, record_headers in zip(
            columns.keys or [None] * count, columns.values, columns.stamps, headers, strict=True
        )
    ]


def _topic(name: str) -> str:
    return f"/topics/{quote(name, safe='')}"


def _partition(partition: TopicPartition) -> str:
    return f"{_topic(partition.topic)}/partitions/{partition.partition}"


def _topic_info(body: dict[str, Any]) -> TopicInfo:
    partitions: Sequence[dict[str, int]] = body["partitions"]
    return TopicInfo(
        body["name"], body["topic_id"], tuple(PartitionInfo(**p) for p in partitions), body["configs"], body["internal"]
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def _text(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()
