from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from connect.api.errors import CorruptBatchError, EnvironmentFault
from connect.inspection import Repair
from connect.log import LogCluster
from connect.log.inspection.repair import LogRepairer
from connect.log.owner import CLEAN_SHUTDOWN_FILE
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from tests.log.conftest import Open, put, values_of
from tests.support.disk import FaultyDisk

T0 = TopicPartition("t", 0)


async def fill(cluster: LogCluster) -> None:
    """Topics of several kinds, in several segments."""
    await cluster.admin.create_topic("t", configs={"segment.bytes": "400", "retention.ms": "5"})
    await cluster.admin.create_topic("many", partitions=3)
    await cluster.admin.create_topic("connect-configs", configs={"cleanup.policy": "compact"})
    for number in range(9):
        await put(cluster, "t", b"%d" % number + b"x" * 80)
        await put(cluster, "many", b"%d" % number)
    await put(cluster, "connect-configs", b"v", keys=[b"connector-c"])
    await cluster.groups.commit("g", {T0: OffsetAndMetadata(3)})
    producer = cluster.producer(client_id="p", configs={"transactional.id": "a"})
    await producer.init_transactions()


@pytest.fixture
async def stopped(cluster: LogCluster, data_dir: Path) -> Path:
    """A directory with a log, stopped cleanly."""
    await fill(cluster)
    await cluster.aclose()
    return data_dir


def examined(data_dir: Path) -> list[Repair]:
    with LogRepairer(data_dir) as repairer:
        return repairer.examine()


def mended(data_dir: Path, *, drop: bool = False) -> list[Repair]:
    """Mend as the command does; return what is left."""
    with LogRepairer(data_dir) as repairer:
        for found in repairer.examine():
            if drop or not found.loses:
                found.apply()
        return repairer.examine()


def flip(path: Path, position: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[position] ^= 1
    path.write_bytes(raw)


def content(data_dir: Path) -> dict[str, bytes]:
    return {str(path.relative_to(data_dir)): path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}


async def test_a_whole_directory_needs_nothing_and_is_left_as_it_is(stopped: Path) -> None:
    before = content(stopped)
    assert examined(stopped) == []
    assert {**content(stopped), ".lock": b""} == {**before, ".lock": b""}


@pytest.mark.parametrize("list_is", ["lost", "cut", "empty", "rubbish", "of another form"])
async def test_the_list_of_topics_is_made_again_from_the_folders(stopped: Path, open_log: Open, list_is: str) -> None:
    path = stopped / "connect-topics.json"
    whole = path.read_bytes()
    cut = whole[: whole.index(b'"t"') + 10]
    damaged = {"cut": cut, "empty": b"", "rubbish": b"\xff\0{", "of another form": b'{"topics": {"t": 5}}'}
    path.unlink() if list_is == "lost" else path.write_bytes(damaged[list_is])
    [found] = examined(stopped)
    assert (found.path, found.loses) == ("connect-topics.json", "")
    assert "list 5 topic(s) by their folders" in found.mend
    assert (
        "the configs of many, t are not known: they keep all records until 'connect topic alter' says otherwise"
        in found.mend
    )
    assert not path.exists() or path.read_bytes() == damaged.get(list_is), "a look changes nothing"
    assert mended(stopped) == []
    cluster = await open_log()
    before = json.loads(whole)["topics"]
    for name in ("t", "many", "connect-configs", "__consumer_offsets", "__transaction_state"):
        info = await cluster.admin.describe_topic(name)
        assert (info.topic_id, len(info.partitions)) == (before[name]["id"], before[name]["partitions"])
        if name != "t":
            assert info.configs.get("cleanup.policy") == before[name]["configs"].get("cleanup.policy")
    assert (await cluster.admin.describe_topic("t")).configs == {"retention.ms": "-1", "retention.bytes": "-1"}
    assert len(await values_of(cluster, "t")) == 9
    assert (await cluster.groups.offsets("g"))[T0].offset == 3
    if list_is != "lost":
        [copy] = stopped.glob(".repaired-*/connect-topics.json")
        assert copy.read_bytes() == damaged[list_is]


async def test_what_a_cut_list_still_says_is_kept(stopped: Path, open_log: Open) -> None:
    path = stopped / "connect-topics.json"
    path.write_bytes(path.read_bytes()[:-3])
    assert mended(stopped) == []
    assert (await (await open_log()).admin.describe_topic("t")).configs == {"segment.bytes": "400", "retention.ms": "5"}


async def test_a_topic_that_was_compacted_is_not_given_to_retention(
    cluster: LogCluster, open_log: Open, data_dir: Path
) -> None:
    await cluster.admin.create_topic("c", configs={"cleanup.policy": "compact", "segment.bytes": "200"})
    for number in range(6):
        await put(cluster, "c", b"%d" % number * 80, keys=[b"k"])
    await cluster.compact("c")
    await cluster.aclose()
    (data_dir / "connect-topics.json").unlink()
    assert mended(data_dir) == []
    assert (await (await open_log()).admin.describe_topic("c")).configs == {"cleanup.policy": "compact"}


async def test_topics_whose_folders_were_brought_here_are_listed(stopped: Path, open_log: Open) -> None:
    (stopped / "t-0").rename(stopped / "brought-0")
    found = examined(stopped)
    assert {one.path for one in found} == {"connect-topics.json", "t-0"}
    assert "does not list brought" in found[0].problem
    assert mended(stopped) == []
    cluster = await open_log()
    assert len(await values_of(cluster, "brought")) == 9
    [info] = (await cluster.admin.describe_topic("t")).partitions
    assert (info.log_start_offset, info.log_end_offset) == (9, 9)  # what was given out is not given out again


@pytest.mark.parametrize("meta", [None, b"", b"version=1\n", b"\xff"])
async def test_meta_properties_are_written_anew(stopped: Path, open_log: Open, meta: bytes | None) -> None:
    path = stopped / "meta.properties"
    path.unlink() if meta is None else path.write_bytes(meta)
    if meta is not None:
        with pytest.raises(EnvironmentFault) as refused:
            await open_log()
        assert "connect log repair" in refused.value.hint
    assert [one.path for one in examined(stopped)] == ["meta.properties"]
    assert mended(stopped) == []
    assert len((await open_log()).cluster_id) == 22


@pytest.mark.parametrize("ids", [None, b"", b"{}", b'{"next_producer_id": "x"}'])
async def test_producer_ids_go_on_behind_the_largest_that_was_given_out(
    cluster: LogCluster, open_log: Open, data_dir: Path, ids: bytes | None
) -> None:
    await fill(cluster)
    producer = cluster.producer(client_id="p", configs={"enable.idempotence": "true"})
    await producer.append("t", Columns([b"a"], None, 1))
    await cluster.aclose()
    path = data_dir / "connect-producer-ids.json"
    path.unlink() if ids is None else path.write_bytes(ids)
    assert [one.path for one in examined(data_dir)] == ["connect-producer-ids.json"]
    assert mended(data_dir) == []
    again = (await open_log()).producer(client_id="p", configs={"enable.idempotence": "true"})
    await again.append("t", Columns([b"a"], None, 1))
    assert json.loads(path.read_bytes())["next_producer_id"] > 10_000


async def test_a_damaged_batch_is_cut_out_only_when_told_and_the_others_keep_their_offsets(
    stopped: Path, open_log: Open
) -> None:
    path = sorted((stopped / "t-0").glob("*.log"))[1]  # a segment in the middle, of offsets 2 and 3
    flip(path, 100)
    before = path.read_bytes()
    [found] = examined(stopped)
    assert (found.path, found.loses) == (f"t-0/{path.name}", "1 record(s): offsets 2 to 2")
    assert [one.loses for one in mended(stopped)] == ["1 record(s): offsets 2 to 2"]
    assert path.read_bytes() == before
    assert mended(stopped, drop=True) == []
    [copy] = (stopped).glob(".repaired-*/t-0/*")
    start, end = map(int, copy.name.rpartition(".")[2].split("-"))
    assert copy.read_bytes() == before[start:end]
    cluster = await open_log()
    found_offsets = []
    offset = 0
    while batches := await cluster.admin.fetch(T0, offset):
        found_offsets += [at for batch in batches for at in batch.offsets]
        offset = batches[-1].next_offset
    assert found_offsets == [0, 1, 3, 4, 5, 6, 7, 8]
    await put(cluster, "t", b"more")
    assert (await cluster.admin.describe_topic("t")).partitions[0].log_end_offset == 10


async def test_a_worker_topic_with_a_damaged_batch_can_be_read_again(stopped: Path, open_log: Open) -> None:
    for topic in ("connect-configs", "__consumer_offsets", "__transaction_state"):
        [path] = (stopped / f"{topic}-0").glob("*.log")
        flip(path, 70)
        path.write_bytes(path.read_bytes() + b"")
    losses = [one.loses for one in examined(stopped)]
    assert len(losses) == 3
    assert all(losses)
    assert mended(stopped, drop=True) == []
    cluster = await open_log()
    assert await cluster.groups.list() == []
    assert await values_of(cluster, "connect-configs") == []
    await cluster.groups.commit("g", {T0: OffsetAndMetadata(4)})


async def test_a_damaged_tail_is_cut_off_and_its_offsets_stay_taken(
    stopped: Path, open_log: Open, caplog: pytest.LogCaptureFixture
) -> None:
    path = max((stopped / "t-0").glob("*.log"))
    flip(path, path.stat().st_size - 3)
    [found] = examined(stopped)
    assert "1 record(s): offsets 8 to 8" in found.loses
    assert mended(stopped, drop=True) == []
    cluster = await open_log()
    assert len(await values_of_any(cluster)) == 8
    await put(cluster, "t", b"next")
    assert await values_of(cluster, "t", offset=9) == [b"next"]
    assert "are gone" not in caplog.text


async def test_a_damaged_tail_that_was_never_known_to_be_on_disk_gives_its_offset_back(
    stopped: Path, open_log: Open
) -> None:
    path = max((stopped / "t-0").glob("*.log"))
    flip(path, path.stat().st_size - 3)
    (stopped / "recovery-point-offset-checkpoint").unlink()
    [found] = examined(stopped)
    assert "every record from offset 8 on" in found.loses
    assert "offset 8 is given out next" in found.mend
    assert mended(stopped, drop=True) == []
    cluster = await open_log()
    await put(cluster, "t", b"next")
    assert await values_of(cluster, "t", offset=8) == [b"next"]


async def test_every_single_byte_that_is_flipped_can_be_mended(stopped: Path, open_log: Open) -> None:
    path = sorted((stopped / "t-0").glob("*.log"))[1]
    whole = path.read_bytes()
    for position in range(0, len(whole), 29):
        path.write_bytes(whole)
        flip(path, position)
        mended(stopped, drop=True)
        cluster = await open_log()
        values = await values_of_any(cluster)
        assert {b"0", b"1", b"4", b"8"} <= {value[:1] for value in values if value is not None}
        await cluster.aclose()


async def values_of_any(cluster: LogCluster) -> list[bytes | None]:
    values: list[bytes | None] = []
    offset = 0
    while batches := await cluster.admin.fetch(T0, offset):
        values += [value for batch in batches for value in batch.columns.values]
        offset = batches[-1].next_offset
    return values


async def test_a_folder_that_is_gone_is_told_with_the_way_out(stopped: Path, open_log: Open) -> None:
    (stopped / "t-0").rename(stopped.parent / "away")
    (stopped / CLEAN_SHUTDOWN_FILE).unlink()  # then all are opened at the start
    with pytest.raises(EnvironmentFault, match="t-0: the partition's folder is gone") as raised:
        await open_log()
    assert f"connect log repair --data-dir {stopped}" in (raised.value.hint or "")
    assert mended(stopped) == []
    await open_log()


async def test_a_directory_that_is_in_use_or_holds_no_log_is_refused(
    cluster: LogCluster, data_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(EnvironmentFault) as refused:
        examined(data_dir)
    assert refused.value.code == "log.in_use"
    with pytest.raises(EnvironmentFault, match="holds no log"):
        examined(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EnvironmentFault, match="holds no log"):
        examined(tmp_path / "empty")


async def test_a_repair_that_was_broken_off_is_begun_again(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sorted((stopped / "t-0").glob("*.log"))[1]
    flip(path, 100)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError("power")))
        with pytest.raises(EnvironmentFault):
            mended(stopped, drop=True)
    cluster = await LogCluster.open(stopped)
    with pytest.raises(CorruptBatchError):
        await cluster.admin.fetch(T0, 2)
    await cluster.aclose()
    assert mended(stopped, drop=True) == []


@pytest.mark.slow
async def test_a_repair_that_the_disk_refuses_at_any_step_is_begun_again(stopped: Path, tmp_path: Path) -> None:
    flip(sorted((stopped / "t-0").glob("*.log"))[1], 100)
    (stopped / "connect-topics.json").write_bytes(b"?")
    (stopped / "many-1" / "00000000000000000000.index").write_bytes(b"?")
    shutil.copytree(stopped, tmp_path / "whole")
    mended(tmp_path / "whole", drop=True)
    whole = content(tmp_path / "whole" / "t-0")
    for step in range(200):
        copy = tmp_path / f"refused{step}"
        shutil.copytree(stopped, copy)
        disk = FaultyDisk()
        disk.refuse_at(step)
        try:
            with LogRepairer(copy, disk=disk) as repairer:
                for found in repairer.examine():
                    found.apply()
        except EnvironmentFault:
            assert mended(copy, drop=True) == []
        else:
            break
        assert content(copy / "t-0") == whole
        shutil.rmtree(copy)
    assert step > 20


async def test_configs_of_topics_that_are_not_known_are_left_out(stopped: Path, open_log: Open) -> None:
    path = stopped / "connect-topics.json"
    stored = json.loads(path.read_bytes())
    stored["topics"]["t"]["configs"] = {"future.key": "1", "retention.ms": "x", "segment.bytes": "400"}
    stored["topics"]["connect-configs"]["configs"]["future.key"] = "1"
    path.write_text(json.dumps(stored))
    with pytest.raises(EnvironmentFault, match=r"future\.key") as refused:
        await open_log()
    assert "connect log repair" in refused.value.hint
    assert [found.loses for found in examined(stopped)] == ["", ""]
    assert mended(stopped) == []
    cluster = await open_log()
    configs = {name: (await cluster.admin.describe_topic(name)).configs for name in ("t", "connect-configs")}
    assert configs["t"] == {"segment.bytes": "400", "retention.ms": "-1", "retention.bytes": "-1"}
    assert configs["connect-configs"] == {"cleanup.policy": "compact"}
    [copy] = stopped.glob(".repaired-*/connect-topics.json")
    assert json.loads(copy.read_bytes()) == stored


async def test_a_checkpoint_of_endless_numbers_is_damaged_and_no_more(stopped: Path, open_log: Open) -> None:
    (stopped / "log-start-offset-checkpoint").write_text("0\n1\nt 0 " + "9" * 5000 + "\n")
    assert len(await values_of(await open_log(), "t")) == 9


PLACES = [
    "meta.properties",
    "connect-topics.json",
    "connect-producer-ids.json",
    ".kafka_cleanshutdown",
    "recovery-point-offset-checkpoint",
    "log-start-offset-checkpoint",
    *(f"connect-configs-0/{0:020d}{suffix}" for suffix in (".log", ".index", ".timeindex", ".txnindex")),
    "connect-configs-0/.gapless",
    "connect-configs-0/partition.metadata",
]


@pytest.mark.parametrize("in_the_way", ["folder", "link"])
@pytest.mark.parametrize("place", PLACES)
async def test_what_is_in_the_place_of_a_file_is_moved_aside(
    stopped: Path, open_log: Open, place: str, in_the_way: str
) -> None:
    path = stopped / place
    path.unlink(missing_ok=True)
    if in_the_way == "folder":
        path.mkdir()
        (path / "mine").write_text("kept")
    else:
        path.symlink_to(stopped.parent / "nowhere")
    found = examined(stopped)
    assert (found[0].path, bool(found[0].loses)) == (place, place.endswith(".log"))
    assert mended(stopped, drop=True) == []
    [copies] = stopped.glob(".repaired-*")
    assert os.path.lexists(copies / place)
    if in_the_way == "folder":
        assert (copies / place / "mine").read_text() == "kept"
    log = await open_log()
    assert len(await values_of(log, "many")) == 9
    [configs] = (await log.admin.describe_topic("connect-configs")).partitions
    assert (configs.log_start_offset, configs.log_end_offset) == (1 if place.endswith(".log") else 0, 1)
    await log.aclose()
    assert examined(stopped) == []


async def test_what_is_in_the_place_of_a_file_is_named(stopped: Path, open_log: Open) -> None:
    (stopped / ".kafka_cleanshutdown").unlink()
    (stopped / "recovery-point-offset-checkpoint").unlink(missing_ok=True)
    (stopped / "recovery-point-offset-checkpoint").mkdir()
    with pytest.raises(EnvironmentFault, match=r"Is a directory: .*/recovery-point-offset-checkpoint"):
        await open_log()
