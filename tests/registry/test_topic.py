from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from connect.api import ConfigError
from connect.app import open_cluster
from connect.ports import Cluster, Subscription
from connect.records import Columns, TopicPartition
from connect.registry.errors import TOPIC_UNFIT, RegistryError
from connect.registry.records import StoredSchema, schema_record
from connect.registry.topic import Decided, SchemaTopic
from tests.support.engines import until
from tests.support.logs import logged
from tests.support.registries import avro, opened, registry_in


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    async with registry_in(tmp_path) as registry:
        made = await registry.register("s", avro("a"))
        await registry.settings.set_config("s", {"compatibilityLevel": "FULL"})
    async with registry_in(tmp_path) as registry:
        assert registry.lookups.version("s", 1) == made
        assert registry.lookups.config("s") == {"compatibilityLevel": "FULL"}


async def test_a_record_that_cannot_be_read_is_told_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with registry_in(tmp_path) as registry:
        await registry.register("s", avro("a"))
    cluster = await open_cluster(tmp_path)
    producer = cluster.producer(client_id="stranger", internal=True)
    deep = b'{"subject":"s","version":2,"id":2,"schema":"x","metadata":' + b'{"a":' * 300 + b"1" + b"}" * 301
    keys = [b"also none", b'{"keytype":"SCHEMA"}', b"", b'{"keytype":"SCHEMA","subject":"s","version":2,"magic":1}']
    await producer.append("_schemas", Columns([b"no JSON", b"{}", b"x", deep], keys))
    await producer.aclose()
    with caplog.at_level(logging.ERROR):
        async with opened(cluster) as registry:
            assert registry.lookups.subjects() == ["s"]
            assert (await registry.register("s", avro("a", "b?"))).version == 2
    await cluster.aclose()
    assert len([line for line in logged(caplog, logging.ERROR) if "is passed over" in line]) == 4


async def test_a_write_that_is_passed_over_when_it_comes_back_is_not_answered(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    async with opened(cluster) as registry:
        made = await registry.register("s", avro("a"))
        producer = cluster.producer(client_id="stranger", internal=True)
        key, value = schema_record(dataclasses.replace(made, subject="theirs", id=2, schema='"int"'))

        async def decide() -> Decided[None]:
            ours = schema_record(dataclasses.replace(made, subject="ours", id=2))
            await producer.append("_schemas", Columns([value], [key]))
            return [ours], None

        with pytest.raises(RegistryError, match="contradicts") as caught:
            await registry._topic.change(decide)
        assert caught.value.number == 50001 and registry.lookups.with_id(2)[0].subject == "theirs"
        await producer.aclose()
    await cluster.aclose()


async def test_a_schema_whose_members_karapace_sorted_is_the_same_schema(tmp_path: Path) -> None:
    given = avro("a", "b?")
    text = json.dumps(json.loads(given.schema), sort_keys=True, separators=(",", ":"))
    cluster = await open_cluster(tmp_path)
    async with opened(cluster) as registry:
        await registry.register("others", avro("c"))
    producer = cluster.producer(client_id="karapace", internal=True)
    key, value = schema_record(StoredSchema("s", 1, 7, "AVRO", text))
    await producer.append("_schemas", Columns([value], [key]))
    await producer.aclose()
    async with opened(cluster) as registry:
        assert (await registry.look_up("s", given)).id == 7
        assert (await registry.register("s", given)).version == 1
        assert (await registry.register("s", avro("a", "b?", "c?"))).version == 2
    await cluster.aclose()


@pytest.mark.parametrize(
    ("partitions", "configs", "told"),
    [(2, {"cleanup.policy": "compact"}, "has 2 partitions"), (1, {"cleanup.policy": "delete"}, "would be deleted")],
)
async def test_a_topic_that_is_not_fit_is_refused(
    tmp_path: Path, partitions: int, configs: dict[str, str], told: str
) -> None:
    cluster = await open_cluster(tmp_path)
    await cluster.admin.create_topic("_schemas", partitions=partitions, configs=configs)
    topic = SchemaTopic(cluster, "_schemas", is_shared=False)
    with pytest.raises(ConfigError, match=told) as caught:
        await topic.open()
    assert caught.value.code == TOPIC_UNFIT
    await topic.aclose()
    await cluster.aclose()


async def test_two_servers_of_one_topic_never_give_one_id_twice(cluster: Cluster, name: str) -> None:
    async with (
        opened(cluster, name, is_shared=True) as one,
        opened(cluster, name, is_shared=True) as two,
    ):
        made = await asyncio.gather(
            *(
                server.register(f"{subject}-{number}", avro(f"{subject}{number}"))
                for number in range(4)
                for subject, server in (("one", one), ("two", two))
            )
        )
        assert sorted(schema.id for schema in made) == list(range(1, 9))
        same = await asyncio.gather(*(server.register("same", avro("same")) for server in (one, two, one, two)))
        assert {(schema.version, schema.id) for schema in same} == {(1, 9)}
        async with opened(cluster, name, is_shared=True) as three:
            for schema in (*made, same[0]):
                assert three.lookups.version(schema.subject, 1).schema == schema.schema
                assert {other.schema for other in three.lookups.with_id(schema.id)} == {schema.schema}


async def test_what_one_server_writes_the_other_has(cluster: Cluster, name: str) -> None:
    async with (
        opened(cluster, name, is_shared=True) as one,
        opened(cluster, name, is_shared=True) as two,
    ):
        assert (await one.register("s", avro("a"))).version == 1
        assert (await two.register("s", avro("a", "b?"))).version == 2, "decided on what the other wrote"
        assert (await one.register("s", avro("a", "b?", "c?"))).version == 3


async def last_record(cluster: Cluster, name: str) -> tuple[int, bytes | None]:
    """Return how many offsets are behind a topic's last record, and the record's key."""
    (partition,) = (await cluster.admin.describe_topic(name)).partitions
    consumer = await cluster.consumer(
        Subscription((name,)), group=None, client_id="stranger", configs={"auto.offset.reset": "earliest"}
    )
    try:
        async with asyncio.timeout(30):
            while consumer.position(TopicPartition(name, 0)) < partition.log_end_offset:
                for batch in await consumer.poll(timeout_ms=1000):
                    last, key = int(batch.offsets[-1]), (batch.columns.keys or [None])[-1]
        return partition.log_end_offset - 1 - last, key
    finally:
        await consumer.aclose()


async def test_the_topic_ends_with_a_record_as_soon_as_a_server_stops(cluster: Cluster, name: str) -> None:
    async with opened(cluster, name, is_shared=True) as registry:
        await registry.register("s", avro("a"))
        behind, _ = await last_record(cluster, name)
        assert behind == 1, "what ends the transaction, behind which Karapace waits"
    assert await last_record(cluster, name) == (0, b'{"keytype":"NOOP","magic":0}')
    (partition,) = (await cluster.admin.describe_topic(name)).partitions
    async with opened(cluster, name, is_shared=True) as registry:
        assert registry.lookups.subjects() == ["s"]
    assert (await cluster.admin.describe_topic(name)).partitions == (partition,), "who wrote nothing leaves nothing"


async def test_a_topic_that_is_made_anew_under_a_server_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = await open_cluster(tmp_path)
    async with opened(cluster) as registry:
        for number in range(3):
            await registry.register(f"s{number}", avro(f"f{number}"))
        await cluster.admin.delete_topic("_schemas")
        await cluster.admin.create_topic("_schemas", configs={"cleanup.policy": "compact"})
        await registry.register("later", avro("later"))
        await until(lambda: any("made anew" in line for line in logged(caplog, logging.ERROR)))
    await cluster.aclose()


_REGISTERS = """
import asyncio, sys
from pathlib import Path
from tests.support.registries import avro, registry_in

async def main():
    async with registry_in(Path(sys.argv[1])) as registry:
        for number in range(10_000):
            made = await registry.register(f"s{number}", avro(f"f{number}"))
            print(made.subject, made.id, flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_server_that_is_killed_has_lost_nothing_that_it_answered(tmp_path: Path) -> None:
    answered = await asyncio.to_thread(_killed_servers, tmp_path)
    async with registry_in(tmp_path) as registry:
        for subject, schema_id in answered:
            assert registry.lookups.version(subject, 1).id == int(schema_id)


def _killed_servers(tmp_path: Path) -> list[list[str]]:
    """Return what servers of one directory answered, one after the other, each of them killed."""
    answered: list[list[str]] = []
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", _REGISTERS, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
        )
        assert process.stdout is not None
        with process:
            for _ in range(len(answered) + 15):
                answered.append(process.stdout.readline().split())
            process.kill()
            answered += [line.split() for line in process.stdout if line.endswith("\n")]
    return answered
