"""A broker whose disk is full, and records that its disk has damaged."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from crc32c import crc32c

from connect.runtime.model import State
from tests.support.engines import columns
from tests.support.kafka import KafkaUnavailable, find_kafka
from tests.support.kafka_frail import FrailBroker
from tests.support.kafka_targets import committed
from tests.support.kafka_workers import create, file_sink, file_source, kafka_worker, lines_of, write
from tests.support.lengths import IS_LONG

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

SOON_S = 90
#: Of a record batch: where its CRC is, and what it is of.
CRC_AT, CRC_OF = 17, 21
#: A codec that nobody has.
CODEC = 7


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 60 MB."""
    try:
        find_kafka()
    except KafkaUnavailable as error:
        pytest.skip(f"no Kafka here: {error}")
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.skipif(not IS_LONG, reason="a full disk, and the broker's way back, take two minutes")
async def test_a_broker_that_its_full_disk_has_ended_is_waited_for(small_disk: Path, tmp_path: Path, name: str) -> None:
    with FrailBroker(small_disk) as broker:
        async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
            await create(worker, source=file_source(tmp_path, name), sink=file_sink(tmp_path, name))
            write(tmp_path, "a")
            await worker.until(lambda: lines_of(tmp_path / "out.txt") == ["a"], deadline_s=SOON_S)
            ballast = small_disk / "ballast"
            with ballast.open("wb") as file:
                try:
                    while True:
                        file.write(bytes(1 << 16))
                        file.flush()
                except OSError:
                    pass
            lines = [f"{number:06d}" + "x" * 1000 for number in range(500)]
            write(tmp_path, *lines)
            await worker.until(lambda: broker.has_ended, deadline_s=SOON_S)
            await worker.until(
                lambda: any("Connection refused" in (each.waiting_for or "") for each in worker.herder.progress()),
                deadline_s=SOON_S,
            )
            ballast.unlink()
            await broker.begin()
            await worker.until(lambda: set(lines) <= set(lines_of(tmp_path / "out.txt")), deadline_s=SOON_S)
            await worker.until_state("source", State.RUNNING, tasks=1)
            await worker.until_state("sink", State.RUNNING, tasks=1)
        assert {(value or b"").decode() for value in committed(broker.bootstrap, name)} == {"a", *lines}


def damage(segment: Path, number: int, how: str) -> None:
    """Damage one of the record batches of a segment."""
    data, at = bytearray(segment.read_bytes()), 0
    for _ in range(number):
        at += 12 + struct.unpack_from(">i", data, at + 8)[0]
    end = at + 12 + struct.unpack_from(">i", data, at + 8)[0]
    if how == "bits":
        data[end - 3] ^= 0xFF
    else:
        data[at + CRC_OF + 1] = CODEC
        struct.pack_into(">I", data, at + CRC_AT, crc32c(bytes(data[at + CRC_OF : end])))
    segment.write_bytes(data)


@pytest.mark.night
async def test_damaged_records_fail_a_sink_which_goes_on_behind_them_when_it_is_told_to(
    tmp_path: Path, name: str
) -> None:
    try:
        find_kafka()
    except KafkaUnavailable as error:
        pytest.skip(f"no Kafka here: {error}")
    kinds = ("bits", "codec")
    with FrailBroker(tmp_path / "broker") as broker:
        async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
            producer = worker.herder.cluster.producer(client_id="test")
            for kind in kinds:
                await worker.herder.cluster.admin.create_topic(f"{name}-{kind}")
                for value in (b"first", b"second", b"third"):
                    await producer.append(f"{name}-{kind}", columns(value))
            await producer.aclose()
        await broker.end()
        for kind in kinds:
            damage(broker.partition_dir(f"{name}-{kind}") / f"{0:020d}.log", 1, kind)
        await broker.begin()
        async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
            for kind in kinds:
                out = tmp_path / f"{kind}.txt"
                await create(worker, **{kind: file_sink(tmp_path, f"{name}-{kind}", file=str(out))})
                told = await worker.until_failed(kind)
                assert f"read {name}-{kind}-0 as" in told.splitlines()[0]
                assert lines_of(out) == ["first"], "what lies in front of it is put"
                assert (await worker.client.put(f"/connectors/{kind}/stop")).is_success
                await worker.until(lambda kind=kind: worker.herder.status(kind).connector.state is State.STOPPED)
                at = {"kafka_topic": f"{name}-{kind}", "kafka_partition": 0}
                body = {"offsets": [{"partition": at, "offset": {"kafka_offset": 2}}]}
                answer = await worker.client.patch(f"/connectors/{kind}/offsets", json=body)
                assert answer.is_success, answer.text
                assert (await worker.client.put(f"/connectors/{kind}/resume")).is_success
                await worker.until(lambda out=out: lines_of(out)[-1:] == ["third"], deadline_s=SOON_S)
                assert lines_of(out) == ["first", "third"]
