"""A small log with everything in it, cut and damaged at every byte: what is served is always what was written."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from connect.api import EnvironmentFault, LogError
from connect.log import LogCluster
from connect.log.owner import CLEAN_SHUTDOWN_FILE
from connect.records import Columns, Isolation, TopicPartition
from tests.log.conftest import put, values_of
from tests.support.lengths import length

NAME = TopicPartition("t", 0)
NOW = 1_700_000_000_000
QUIET = {"log.cleaner.enable": "false"}
#: By offset: what a reader may get, whichever isolation it has.
Served = dict[int, tuple[object, ...]]


async def write(data_dir: Path, kind: str) -> dict[Isolation, Served]:
    """Fill a log in one of several ways; return what each kind of reader gets."""
    cluster = await LogCluster.open(data_dir, configs=QUIET, clock=lambda: NOW)
    configs = {"segment.bytes": "260", "cleanup.policy": "compact" if kind == "compacted" else "delete"}
    await cluster.admin.create_topic("t", configs=configs)
    codec = "none" if kind in ("compacted", "transactions") else kind
    producer = cluster.producer(client_id="test", configs={"compression.type": codec})
    transactional = cluster.producer(client_id="test", configs={"transactional.id": "tx"})
    if kind == "transactions":
        await transactional.init_transactions()
    for number in range(4):
        columns = Columns(
            [b"%d" % number * 9, b"v"], [b"k", b"k%d" % number], [NOW, NOW + number], [None, [("h", b"1")]]
        )
        if kind == "transactions":
            await transactional.begin_transaction()
            await transactional.append("t", columns, partition=0)
            await (transactional.abort_transaction() if number % 2 else transactional.commit_transaction())
        else:
            await producer.append("t", columns, partition=0)
    if kind == "compacted":
        await cluster.compact("t")
    served = {isolation: await serve(cluster, isolation) for isolation in ("read_uncommitted", "read_committed")}
    await cluster.aclose()
    return served


async def serve(cluster: LogCluster, isolation: Isolation) -> Served:
    """Read what can be read: damage ends it, and what lies behind is asked for as well."""
    found: Served = {}
    info = (await cluster.admin.describe_topic("t")).partitions[0]
    offset = info.log_start_offset
    while offset < info.log_end_offset:
        try:
            batches = await cluster.admin.fetch(NAME, offset, isolation=isolation)
        except LogError:
            offset += 1
            continue
        if not batches:
            break
        for batch in batches:
            columns = batch.columns
            rows = zip(
                columns.values, columns.keys or (), stamps(columns, len(batch)), columns.headers or (), strict=False
            )
            found.update(zip(batch.offsets, rows, strict=True))
            offset = batch.next_offset
    return found


def stamps(columns: Columns, count: int) -> list[int]:
    return [columns.timestamps] * count if isinstance(columns.timestamps, int) else list(columns.timestamps)


async def check(data_dir: Path, expected: dict[Isolation, Served], *, whole: bool = False) -> None:
    """Open a damaged log: each reader gets some of what it should, and nothing else."""
    cluster = await LogCluster.open(data_dir, configs=QUIET, clock=lambda: NOW)
    try:
        for isolation, served in expected.items():
            found = await serve(cluster, isolation)
            assert found.items() <= served.items()
            assert not whole or found == served
    finally:
        # What the damage took cannot always be closed cleanly; that is told, and nothing more is lost.
        with contextlib.suppress(LogError, EnvironmentFault):
            await cluster.aclose()


def places(count: int, step: int = 1) -> range:
    """Return where a file of `count` bytes is damaged: at each, or in a short run at some, others each time."""
    each = length("CONNECT_DAMAGE_EACH")
    chosen = range(random.randrange(each), count, each * step)
    print(chosen)
    return chosen


@pytest.mark.parametrize("shutdown", ["clean", "crash"])
@pytest.mark.parametrize("kind", ["none", "zstd", "gzip", "transactions", "compacted"])
async def test_a_flipped_bit_at_any_byte_of_the_newest_records_never_changes_what_is_served(tmp_path, kind, shutdown):
    expected = await write(tmp_path / "whole", kind)
    logs = [path for path in sorted((tmp_path / "whole" / "t-0").glob("*.log")) if path.stat().st_size]
    # In the newest the tail may be cut; in the others it may not.
    for path in {logs[0], logs[-1]}:
        raw = path.read_bytes()
        for position in places(len(raw), 1 if kind in ("none", "compacted") else 3):
            damaged = bytearray(raw)
            damaged[position] ^= 1 << position % 8
            await with_file(tmp_path, path, bytes(damaged), expected, shutdown)


@pytest.mark.parametrize("kind", ["none", "zstd", "transactions", "compacted"])
async def test_a_cut_at_any_byte_leaves_a_valid_prefix(tmp_path, kind):
    expected = await write(tmp_path / "whole", kind)
    newest = [path for path in sorted((tmp_path / "whole" / "t-0").glob("*.log")) if path.stat().st_size][-1]
    raw = newest.read_bytes()
    for size in places(len(raw)):
        await with_file(tmp_path, newest, raw[:size], expected, "crash")


@pytest.mark.parametrize("kind", ["none", "transactions", "compacted"])
async def test_damage_to_any_other_file_changes_nothing(tmp_path, kind):
    expected = await write(tmp_path / "whole", kind)
    for path in sorted((tmp_path / "whole" / "t-0").iterdir()):
        if path.suffix not in (".index", ".timeindex", ".txnindex", ".snapshot"):
            continue
        raw = path.read_bytes()
        for damaged in (raw + b"x", raw[:-1], b"", b"\xff" * len(raw), None):
            if path.suffix == ".txnindex" and damaged == b"":
                continue  # an empty one says that nothing was aborted; only the log's own checks could tell
            await with_file(tmp_path, path, damaged, expected, "clean", whole=True)


async def with_file(
    root: Path,
    path: Path,
    content: bytes | None,
    expected: dict[Isolation, Served],
    shutdown: str,
    *,
    whole: bool = False,
) -> None:
    copy = root / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(root / "whole", copy)
    target = copy / "t-0" / path.name
    target.unlink() if content is None else target.write_bytes(content)
    if shutdown == "crash":
        (copy / CLEAN_SHUTDOWN_FILE).unlink()
    await check(copy, expected, whole=whole)


# -- a file system of its own ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(path: Path, size: str = "1m"):
    """Mount a file system of a few pages, where the system lets us."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


async def test_a_full_disk_is_told_and_keeps_what_was_acknowledged_and_work_goes_on_when_there_is_space(tmp_path):
    if shutil.which("mount") is None:
        pytest.skip("no mount command")
    with small_disk(tmp_path / "disk") as disk:
        cluster = await LogCluster.open(disk / "data", configs=QUIET)
        await cluster.admin.create_topic("t", configs={"segment.bytes": "200000"})
        (disk / "ballast").write_bytes(bytes(300_000))
        acknowledged: list[int] = []

        async def fill() -> None:
            for number in range(10_000):
                await put(cluster, "t", b"%06d" % number + bytes(5_000))
                acknowledged.append(number)

        with pytest.raises(EnvironmentFault, match="No space left on device") as caught:
            await fill()
        assert caught.value.code == "environment.disk"
        assert len(acknowledged) > 50
        for _ in range(3):  # it stays full
            with contextlib.suppress(EnvironmentFault):
                await put(cluster, "t", bytes(400_000))
        assert [int(value[:6]) for value in await values_of(cluster, "t")] == acknowledged
        (disk / "ballast").unlink()
        await put(cluster, "t", b"%06d" % len(acknowledged))
        await cluster.aclose()
        again = await LogCluster.open(disk / "data", configs=QUIET)
        assert [int(value[:6]) for value in await values_of(again, "t")] == [*acknowledged, len(acknowledged)]
        await again.aclose()


async def test_a_read_only_file_system_is_told(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        cluster = await LogCluster.open(disk / "data", configs=QUIET)
        await cluster.admin.create_topic("t")
        await put(cluster, "t", b"a")
        await cluster.aclose()
        remount = await asyncio.create_subprocess_exec("mount", "-o", "remount,ro", str(disk))
        assert await remount.wait() == 0
        with pytest.raises(EnvironmentFault, match=os.strerror(errno.EROFS)) as caught:
            await LogCluster.open(disk / "data", configs=QUIET)
        assert caught.value.code == "environment.data_dir"
