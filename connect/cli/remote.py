"""The ports over a worker's REST (`/v1`), so that the same commands work while a worker owns the data directory.

Only what the commands use: topics, reading without a group, appending, and a group's offsets.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from connect.cli.connectors import RestClient
from connect.ports import Acks, Columns, FetchedBatch, OffsetAndMetadata, PartitionInfo, TopicInfo, TopicPartition

#: Records in one request; bounds the request's size.
APPEND_COUNT_MAX = 2000


class RemoteLog:
    """A worker's log."""

    def __init__(self, url: str) -> None:
        self._client = RestClient(url)

    async def _call(self, method: str, path: str, body: Any = None, params: dict[str, str] | None = None) -> Any:
        return await asyncio.to_thread(lambda: self._client.call(method, f"/v1{path}", body, params=params))

    async def list_topics(self) -> list[str]:
        return [topic["name"] for topic in (await self._call("GET", "/topics"))["topics"]]

    async def create_topic(
        self, name: str, *, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> TopicInfo:
        body = {"name": name, "partitions": partitions, "configs": dict(configs or {})}
        return _topic_info(await self._call("POST", "/topics", body))

    async def describe_topic(self, name: str) -> TopicInfo:
        return _topic_info(await self._call("GET", f"/topics/{quote(name, safe='')}"))

    async def delete_topic(self, name: str) -> None:
        await self._call("DELETE", f"/topics/{quote(name, safe='')}")

    async def fetch(self, partition: TopicPartition, offset: int, *, max_bytes: int = 1 << 20) -> list[FetchedBatch]:
        path = f"/topics/{quote(partition.topic, safe='')}/partitions/{partition.partition}/records"
        found = await self._call("GET", path, params={"offset": str(offset), "max_bytes": str(max_bytes)})
        records = found["records"]
        if not records:
            return []
        columns = Columns(
            [_bytes(r["value"]) for r in records],
            [_bytes(r["key"]) for r in records],
            [r["timestamp"] for r in records],
            [[(name, _bytes(value)) for name, value in r["headers"]] or None for r in records],
        )
        offsets = [r["offset"] for r in records]
        return [FetchedBatch(partition.topic, partition.partition, offsets, columns, found["next_offset"])]

    async def append(
        self, topic: str, columns: Columns, *, partition: int | None = None, acks: Acks = "written"
    ) -> None:
        keys = columns.keys or [None] * len(columns)
        records = [
            {"key": _text(k), "value": _text(v), "partition": partition}
            for k, v in zip(keys, columns.values, strict=True)
        ]
        for start in range(0, len(records), APPEND_COUNT_MAX):
            body = {"records": records[start : start + APPEND_COUNT_MAX], "acks": acks}
            await self._call("POST", f"/topics/{quote(topic, safe='')}/records", body)

    async def flush(self) -> None:
        """Nothing is held back here; the worker flushes."""

    async def offsets(self, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
        found = await self._call("GET", f"/groups/{quote(group, safe='')}/offsets")
        return {TopicPartition(o["topic"], o["partition"]): OffsetAndMetadata(o["offset"]) for o in found["offsets"]}

    async def commit(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        rows = [
            {"topic": p.topic, "partition": p.partition, "offset": o.offset, "metadata": o.metadata}
            for p, o in offsets.items()
        ]
        await self._call("PUT", f"/groups/{quote(group, safe='')}/offsets", {"offsets": rows})

    async def aclose(self) -> None:
        """Nothing is open between requests."""


def _topic_info(body: dict[str, Any]) -> TopicInfo:
    partitions: Sequence[dict[str, int]] = body["partitions"]
    return TopicInfo(
        body["name"], body["topic_id"], tuple(PartitionInfo(**p) for p in partitions), body["configs"], body["internal"]
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def _text(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()
