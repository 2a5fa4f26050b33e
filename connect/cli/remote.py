"""A cluster over a worker's REST (`/v1`), so that the same commands work while a worker owns the data directory.

It implements `connect.ports` as far as REST goes. What REST does not offer is refused with `log.unsupported`: consumers
(a command reads with `Admin.fetch`, and commits with `Groups.commit`), raw record batches, and what only the worker
itself may do (internal topics). An append is durable on disk once it returns, whatever its acks, since the worker
closes a producer with each request.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NoReturn
from urllib.parse import quote

from connect.api.errors import LogError, TransactionStateError, UnknownTopicOrPartitionError
from connect.cli.rest import RestClient
from connect.ports import Acks, GroupInfo, PartitionInfo, Subscription, TopicConfigEntry, TopicInfo
from connect.records import Columns, FetchedBatch, Isolation, OffsetAndMetadata, RawFetch, RawHeaders, TopicPartition
from connect.runtime.lag import GroupRow

#: Records in one request; bounds the request's size.
APPEND_COUNT_MAX: Final = 2000


class RemoteCluster:
    """A worker's log; see `connect.ports.Cluster`. One connection, which one call at a time uses."""

    def __init__(self, rest: _Rest, cluster_id: str) -> None:
        self._rest = rest
        self.cluster_id = cluster_id
        self.sync_seconds = None
        self.admin = RemoteAdmin(rest)
        self.groups = RemoteGroups(rest)

    @classmethod
    async def open(cls, url: str) -> RemoteCluster:
        """Reach the worker at an address, as whom its context or the environment says.

        Raises:
            EnvironmentFault: environment.unreachable.
            ConnectError: auth.required, auth.denied.
        """
        rest = _Rest(url)
        try:
            return cls(rest, str((await rest.call("GET", "/", version=""))["kafka_cluster_id"]))
        except BaseException:
            await rest.aclose()
            raise

    def is_internal(self, topic: str) -> bool:
        """Refused: only the worker knows; `TopicInfo.internal` tells of topics that are there."""
        _unsupported("whether a topic is internal before it is there")

    def holds_state(self, topic: str) -> bool:
        """Refused: only the worker knows."""
        _unsupported("which topics hold its state")

    async def reserve(self, topics: Collection[str]) -> None:
        """Refused: the worker that answers has reserved its own topics."""
        _unsupported("to reserve topics")

    def producer(
        self,
        *,
        client_id: str,
        configs: Mapping[str, str] | None = None,
        internal: bool = False,
        places: bool = True,
    ) -> RemoteProducer:
        """Make a producer; one for internal topics is refused."""
        if internal:
            _unsupported("to append to internal topics")
        return RemoteProducer(self._rest, dict(configs or {}))

    async def consumer(
        self,
        subscription: Subscription,
        *,
        group: str | None,
        client_id: str,
        configs: Mapping[str, str] | None = None,
    ) -> NoReturn:
        """Refused: a member of a group lives as long as its connection, and REST has none. Use `admin.fetch`."""
        _unsupported("consumers")

    async def aclose(self) -> None:
        """Close the connection. Safe to call twice."""
        await self._rest.aclose()


class _Rest:
    """Calls `/v1` off the event loop; a cancelled call goes on by itself until it is answered."""

    def __init__(self, url: str) -> None:
        self._client = RestClient(url)

    async def call(
        self, method: str, path: str, body: Any = None, *, params: dict[str, str] | None = None, version: str = "/v1"
    ) -> Any:
        return await asyncio.to_thread(lambda: self._client.call(method, version + path, body, params=params))

    async def aclose(self) -> None:
        await asyncio.to_thread(self._client.close)


class RemoteAdmin:
    """Topics of a worker's log; see `connect.ports.Admin`.

    The topics that a worker lives by are not altered or deleted.
    """

    def __init__(self, rest: _Rest) -> None:
        self._rest = rest

    async def create_topic(
        self,
        name: str,
        *,
        partitions: int | None = 1,
        configs: Mapping[str, str] | None = None,
        replication_factor: int | None = None,
    ) -> TopicInfo:
        """Create a topic, with the replication factor that is the worker's default, and one partition for None."""
        body = {"name": name, "partitions": 1 if partitions is None else partitions, "configs": dict(configs or {})}
        return _topic_info(await self._rest.call("POST", "/topics", body))

    async def delete_topic(self, name: str) -> None:
        """Delete a topic."""
        await self._rest.call("DELETE", _topic(name))

    async def alter_topic(self, name: str, configs: Mapping[str, str | None]) -> TopicInfo:
        """Set some of a topic's configs."""
        return _topic_info(await self._rest.call("PATCH", _topic(name), {"configs": dict(configs)}))

    async def add_partitions(self, name: str, total: int) -> TopicInfo:
        """Raise the number of partitions."""
        return _topic_info(await self._rest.call("PATCH", _topic(name), {"partitions": total}))

    async def topic_configs(self, name: str) -> tuple[TopicConfigEntry, ...]:
        """Return every config of a topic as it is in force."""
        found = await self._rest.call("GET", f"{_topic(name)}/configs")
        return tuple(TopicConfigEntry(**entry) for entry in found["configs"])

    async def delete_records(self, partition: TopicPartition, before_offset: int) -> int:
        """Delete the records before an offset."""
        params = {"before_offset": str(before_offset)}
        found = await self._rest.call("DELETE", f"{_partition(partition)}/records", params=params)
        return int(found["log_start_offset"])

    async def list_topics(self) -> list[str]:
        """Return all names."""
        return [topic["name"] for topic in await self._topics()]

    async def describe_topic(self, name: str) -> TopicInfo:
        """Return a topic."""
        return _topic_info(await self._rest.call("GET", _topic(name)))

    async def describe_topics(self, names: Collection[str]) -> dict[str, TopicInfo]:
        """Return those of some topics that exist, with one request."""
        return {body["name"]: _topic_info(body) for body in await self._topics() if body["name"] in names}

    async def _topics(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self._rest.call("GET", "/topics"))["topics"]
        return found

    async def partitions(self, name: str) -> int | None:
        """Return the number of partitions."""
        try:
            return len((await self.describe_topic(name)).partitions)
        except UnknownTopicOrPartitionError:
            return None

    async def list_transactions(self) -> NoReturn:
        """Refused: the worker alone looks after transactions."""
        _unsupported("to list transactions")

    async def fence_producers(self, transactional_ids: Collection[str]) -> NoReturn:
        """Refused: the worker alone looks after transactions."""
        _unsupported("to fence producers")

    async def offset_for_time(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        """Return the first offset at or after a timestamp."""
        found = await self._rest.call("GET", f"{_partition(partition)}/offset", params={"timestamp": str(timestamp_ms)})
        offset: int | None = found["offset"]
        return offset

    async def fetch(
        self,
        partition: TopicPartition,
        offset: int,
        *,
        max_bytes: int = 1 << 20,
        isolation: Isolation = "read_uncommitted",
    ) -> list[FetchedBatch]:
        """Read from an offset: one batch, however the records are stored."""
        params = {"offset": str(offset), "max_bytes": str(max_bytes), "isolation": isolation}
        found = await self._rest.call("GET", f"{_partition(partition)}/records", params=params)
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

    async def fetch_raw(
        self,
        partition: TopicPartition,
        offset: int,
        *,
        max_bytes: int = 1 << 20,
        isolation: Isolation = "read_uncommitted",
    ) -> RawFetch:
        """Refused: REST gives records, not record batches."""
        _unsupported("record batches as they are stored")


class RemoteGroups:
    """Groups of a worker's log; see `connect.ports.Groups`. Those of sink connectors are there before they commit."""

    def __init__(self, rest: _Rest) -> None:
        self._rest = rest

    async def list(self) -> list[str]:
        """Return the names of groups."""
        found: list[str] = (await self._rest.call("GET", "/groups"))["groups"]
        return found

    async def members(self, group: str) -> tuple[str, ...]:
        """Return the client ids of a group's members; see the port."""
        return (await self.describe(group)).members

    async def describe(self, group: str) -> GroupInfo:
        """Return a group with its offsets and members."""
        return (await self.rows(group))[0]

    async def rows(self, group: str) -> tuple[GroupInfo, Sequence[GroupRow]]:
        """Return a group, and its partitions with their lag as the worker counts it, who knows its sinks."""
        found = await self._rest.call("GET", _group(group))
        rows = [GroupRow(**row) for row in found["offsets"]]
        offsets = {
            TopicPartition(row.topic, row.partition): OffsetAndMetadata(
                row.offset, metadata=row.metadata, commit_timestamp=row.commit_timestamp
            )
            for row in rows
            if row.offset is not None
        }
        return GroupInfo(group, found["state"], tuple(found["members"]), offsets), rows

    async def offsets(
        self, group: str, topics: Collection[str] | None = None
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return a group's committed offsets, those of some topics or all."""
        found = (await self.describe(group)).offsets
        return {at: one for at, one in found.items() if topics is None or at.topic in topics}

    async def commit(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Set a group's offsets."""
        rows = [
            {"topic": p.topic, "partition": p.partition, "offset": o.offset, "metadata": o.metadata}
            for p, o in offsets.items()
        ]
        await self._rest.call("PUT", f"{_group(group)}/offsets", {"offsets": rows})

    async def delete_offsets(self, group: str, partitions: Sequence[TopicPartition] | None = None) -> None:
        """Forget offsets."""
        body = None if partitions is None else {"partitions": [list(partition) for partition in partitions]}
        await self._rest.call("DELETE", f"{_group(group)}/offsets", body)


class RemoteProducer:
    """Appends over REST; see `connect.ports.Producer`.

    A transaction is one request, so its records are held back until it is committed, and they are of one topic. Whoever
    had the `transactional.id` is fenced then, and not by `init_transactions`.
    """

    def __init__(self, rest: _Rest, configs: dict[str, str]) -> None:
        self._rest = rest
        self._configs = configs
        self._is_initialized = False
        #: Of the open transaction, by topic; None where none is open.
        self._held: dict[str, list[dict[str, Any]]] | None = None

    @property
    def gathered_bytes(self) -> int:
        """None: a command appends what it was given."""
        return 0

    async def append(
        self, topic: str, columns: Columns, *, partition: int | None = None, acks: Acks = "written"
    ) -> None:
        """Append records, in requests of some; where one fails, those before it are appended."""
        records = _records(columns, partition)
        if "transactional.id" in self._configs:
            self._hold(topic, records)
            return
        if not records:  # an unknown topic is told all the same
            await self._rest.call("GET", _topic(topic))
        for start in range(0, len(records), APPEND_COUNT_MAX):
            await self._send(topic, records[start : start + APPEND_COUNT_MAX], acks)

    def _hold(self, topic: str, records: list[dict[str, Any]]) -> None:
        held = self._transaction()
        if held.keys() - {topic}:
            _unsupported("a transaction over several topics")
        if len(held.get(topic, ())) + len(records) > APPEND_COUNT_MAX:
            _unsupported(f"a transaction of more than {APPEND_COUNT_MAX} records")
        held.setdefault(topic, []).extend(records)

    async def _send(self, topic: str, records: list[dict[str, Any]], acks: Acks) -> None:
        body = {"records": records, "acks": acks, "configs": self._configs}
        await self._rest.call("POST", f"{_topic(topic)}/records", body)

    async def append_raw(
        self, topic: str, partition: int, batches: bytes, *, acks: Acks = "written", check_records: bool = False
    ) -> int:
        """Refused: REST takes records, not record batches."""
        _unsupported("to append record batches as they are")

    async def init_transactions(self) -> None:
        """Be ready for transactions; the worker takes the `transactional.id` with each."""
        if "transactional.id" not in self._configs:
            raise TransactionStateError(
                "this producer has no transactional.id", hint="Make it with the config transactional.id."
            )
        self._is_initialized = True

    async def begin_transaction(self) -> None:
        """Hold back what is appended from here on."""
        if not self._is_initialized:
            raise TransactionStateError("init_transactions was not called")
        if self._held is not None:
            raise TransactionStateError("a transaction is open already", hint="Commit it or abort it first.")
        self._held = {}

    async def send_offsets_to_transaction(
        self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]
    ) -> None:
        """Refused: the request that is a transaction holds records alone."""
        _unsupported("offsets in a transaction")

    async def commit_transaction(self) -> None:
        """Send what was held back as one transaction. Failed, none of it is visible, and the transaction has ended."""
        held = self._transaction()
        self._held = None
        for topic, records in held.items():
            await self._send(topic, records, "durable")

    async def abort_transaction(self) -> None:
        """Forget what was held back."""
        self._transaction()
        self._held = None

    def _transaction(self) -> dict[str, list[dict[str, Any]]]:
        if self._held is None:
            raise TransactionStateError("no transaction is open", hint="Call begin_transaction first.")
        return self._held

    async def flush(self) -> None:
        """Return at once: what was appended is on disk."""

    async def aclose(self) -> None:
        """Forget a transaction that is still open; the connection is the cluster's."""
        self._held = None


def _unsupported(what: str) -> NoReturn:
    raise LogError(f"a worker's REST does not offer {what}", code="log.unsupported")


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


def _group(name: str) -> str:
    return f"/groups/{quote(name, safe='')}"


def _topic_info(body: dict[str, Any]) -> TopicInfo:
    partitions: Sequence[dict[str, int]] = body["partitions"]
    return TopicInfo(
        body["name"], body["topic_id"], tuple(PartitionInfo(**p) for p in partitions), body["configs"], body["internal"]
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def _text(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()
