from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from connect.log import LogCluster
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from tests.log.conftest import Open


@pytest.fixture(autouse=True)
def everybody_may_read() -> Iterator[None]:
    """A process whose files anybody may read and change, were it not for the log."""
    before = os.umask(0)
    yield
    os.umask(before)


def wide(path: Path) -> list[str]:
    """What others than the owner may do anything with, in a directory and the directory itself."""
    return sorted(str(p) for p in (path, *path.rglob("*")) if p.stat().st_mode & 0o077)


def widen(path: Path) -> None:
    for found in (path, *path.rglob("*")):
        found.chmod(0o755 if found.is_dir() else 0o644)


async def use(cluster: LogCluster) -> None:
    """Make every kind of file that a log has."""
    await cluster.admin.create_topic("t", partitions=2, configs={"segment.bytes": "200", "cleanup.policy": "compact"})
    producer = cluster.producer(client_id="p", configs={"transactional.id": "a"})
    await producer.init_transactions()
    for number in range(6):
        await producer.begin_transaction()
        await producer.append(
            "t", Columns([b"v" * 100], [b"%d" % (number % 2)], 1_700_000_000_000), partition=number % 2
        )
        await producer.send_offsets_to_transaction("g", {TopicPartition("t", 0): OffsetAndMetadata(1)})
        await (producer.abort_transaction() if number % 3 == 2 else producer.commit_transaction())
    await cluster.compact("t")
    await cluster.admin.delete_records(TopicPartition("t", 0), 2)
    await cluster.admin.add_partitions("t", 3)


async def test_all_that_a_log_makes_is_its_owners_alone_whatever_the_umask(open_log: Open, data_dir: Path) -> None:
    cluster = await open_log()
    await use(cluster)
    assert wide(data_dir) == []
    await cluster.aclose()
    suffixes = {path.suffix for path in data_dir.rglob("*")}
    assert {".log", ".index", ".timeindex", ".txnindex", ".snapshot", ".metadata", ".json", ".properties"} <= suffixes
    assert wide(data_dir) == []


async def test_a_directory_that_others_could_read_is_tightened_once_and_said_so(
    open_log: Open, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = await open_log()
    await use(cluster)
    await cluster.aclose()
    widen(data_dir)
    caplog.set_level(logging.INFO)
    await (await open_log()).aclose()
    assert wide(data_dir) == []
    lines = [r.getMessage() for r in caplog.records if "others" in r.getMessage()]
    assert len(lines) == 1
    assert "(mode 755)" in lines[0]
    caplog.clear()
    await (await open_log()).aclose()
    assert [r.getMessage() for r in caplog.records if "others" in r.getMessage()] == []


async def test_a_directory_that_holds_other_things_keeps_its_mode_and_the_logs_own_is_tightened(
    open_log: Open, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data_dir.mkdir(0o755)
    (data_dir / "mine.txt").write_text("x")
    (data_dir / "photos").mkdir()
    cluster = await open_log()
    await use(cluster)
    await cluster.aclose()
    assert wide(data_dir) == [str(data_dir), str(data_dir / "mine.txt"), str(data_dir / "photos")]
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "it holds 2 other things, such as 'mine.txt'" in warnings[0]
    widen(data_dir)
    await (await open_log()).aclose()
    assert wide(data_dir) == [str(data_dir), str(data_dir / "mine.txt"), str(data_dir / "photos")]


async def test_a_shared_folder_for_temporary_files_is_never_closed(open_log: Open, data_dir: Path) -> None:
    data_dir.mkdir()
    data_dir.chmod(0o1777)
    await (await open_log()).aclose()
    assert data_dir.stat().st_mode & 0o7777 == 0o1777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_another_user_is_told_that_the_directory_is_not_theirs(open_log: Open, data_dir: Path) -> None:
    from connect.api.errors import EnvironmentFault
    from connect.log.inspection.inspector import LogInspector

    await (await open_log()).aclose()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        data = data_dir.rename(Path(folder) / "data")
        child = os.fork()
        if not child:  # nothing of the test may go on here
            code = 1
            try:
                os.setgid(65534)
                os.setuid(65534)
                LogInspector(data).partitions()
            except EnvironmentFault as error:
                code = 0 if error.code == "environment.data_dir" and "not for this user" in error.message else 2
            finally:
                os._exit(code)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
