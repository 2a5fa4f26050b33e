"""The folder sink in a real worker: each record once in finished files, through kills at marks of progress; tasks that
share a topic; offsets as REST takes them.

CONNECT_KIT_KILLS is the number of kills of each mode; see tests/support/lengths.py.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from pyarrow import parquet

from connect.runtime.model import State
from connect.testing.crash import CallTarget, CrashTest, FileUpstream, Seen, arrived, at_await, at_call
from connect.testing.crash.targets import TEXT
from tests.support.lengths import length
from tests.support.worker import JSON, STRING, running_worker

KILLS: Final = length("CONNECT_KIT_KILLS")
TIMEOUT: Final = pytest.mark.timeout(180 + 10 * KILLS)
#: Around each call of a transaction of the source, of the sink's commits, and at awaits.
MARKS: Final = [
    at_call("commit_transaction", 4, "before", chooses=True),
    at_call("commit_transaction", 4, "after", chooses=True),
    at_call("poll", 6, "after", chooses=True),
    at_call("commit", 3, "before", chooses=True),
    at_call("commit", 3, "after", chooses=True),
    at_await(60, chooses=True),
    at_await(200, chooses=True),
    arrived(30, chooses=True),
]
#: Files end soon, so that kills fall around their ends.
SINK: Final = {
    "connector.class": "FolderSink",
    "topics": "lines",
    "key.converter": STRING,
    "value.converter": JSON,
    "flush.size": "25",
    "rotate.schedule.interval.ms": "150",
    "delivery.guarantee": "exactly-once",
}
BY_KEY: Final = {"partitioner.class": "FieldPartitioner", "partition.field.name": "k"}
MODES: Final = {
    "json": {"format": "json"},
    "json by key, packed": {"format": "json", "compression.type": "gzip", **BY_KEY},
    "csv by key": {"format": "csv", **BY_KEY},
    "parquet by the clock": {
        "format": "parquet",
        "path.template": "${topic}/${field:k}/${time:HHmmss}/${partition}-${start_offset}",
        "timestamp.extractor": "Wallclock",
    },
    "whole": {"format": "whole", "value.converter": STRING},
    "lines with few files open": {
        "format": "lines",
        "path.template": "${field:k}/${time:yyyy}/${start_offset}",
        "open.files.max": "2",
    },
}


class CsvUpstream(FileUpstream):
    """Records of CSV that are appended to a file, each a key and its number."""

    def write(self, count: int) -> None:
        start = len(self._written)
        new = [Seen(f"k{n % 3}", n // 3) for n in range(start, start + count)]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{seen.key},{seen.number:010}\n" for seen in new))
        self._written += new


def source(folder: Path, mode: str) -> dict[str, str]:
    own = {
        "connector.class": "FileStreamSource",
        "file": str(folder / "in.txt"),
        "topic": "lines",
        "exactly.once.support": "required",
    }
    if mode == "whole":
        return {**own, "value.converter": STRING}
    columns = {"format": "csv", "csv.header": "false", "csv.columns": "k,n"}
    return {**own, **columns, "value.converter": JSON}


def rows(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the key and the number of each record of a finished file."""
    data = path.read_bytes()
    if path.suffix == ".parquet":
        for row in parquet.read_table(io.BytesIO(data)).to_pylist():
            yield row["k"], row["n"]
        return
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    for line in text.splitlines():
        if path.suffix == ".csv":
            key, number = line.split(",")
            if key != "k":
                yield key, number
        elif (found := TEXT.fullmatch(line)) is not None:
            yield found[1], found[2]
        else:
            value = json.loads(line)
            yield value["k"], value["n"]


def finished(folder: Path) -> list[Path]:
    """Return the files that everybody sees, by where they begin in their partition."""
    found = [path for path in folder.rglob("*") if path.is_file() and ".connect-sink" not in path.parts]
    return sorted(found, key=lambda path: (path.name, path))


def seen(folder: Path) -> list[Seen]:
    return [Seen(key, int(number)) for path in finished(folder) for key, number in rows(path)]


@pytest.mark.slow
@TIMEOUT
@pytest.mark.parametrize("mode", MODES)
def test_each_record_is_in_finished_files_once_through_kills(tmp_path: Path, mode: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    crash = CrashTest(
        tmp_path,
        {"in": source(tmp_path, mode), "out": {**SINK, **MODES[mode], "folder": str(folder)}},
        (FileUpstream if mode == "whole" else CsvUpstream)(tmp_path / "in.txt"),
        CallTarget(lambda: seen(folder)),
        kills=KILLS,
        marks=MARKS,
        worker={"exactly.once.source.support": "enabled"},
    )
    crash.run().assert_exactly_once()
    assert not list(folder.rglob("*.part")), "what was not finished is removed"


async def test_tasks_share_partitions_and_a_restart_with_other_tasks_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    file = tmp_path / "in.txt"
    file.touch()
    written = 0

    def write(count: int) -> None:
        nonlocal written
        with file.open("a") as writer:
            writer.writelines(f"key,{number:010}\n" for number in range(written, written + count))
        written += count

    def numbers() -> list[int]:
        return sorted(one.number for one in seen(folder))

    config = {**SINK, "format": "csv", "folder": str(folder), "tasks.max": "3", "flush.size": "1000000"}
    keyed = {
        "transforms": "key",
        "transforms.key.type": "org.apache.kafka.connect.transforms.ValueToKey",
        "transforms.key.fields": "n",
        "key.converter": JSON,
    }
    async with running_worker(tmp_path, **{"offset.flush.interval.ms": "100"}) as worker:
        await worker.herder.cluster.admin.create_topic("lines", partitions=5)
        await worker.herder.create("in", {**source(tmp_path, "csv"), **keyed, "exactly.once.support": "requested"})
        await worker.herder.create("out", config)
        await worker.until_state("out", State.RUNNING, tasks=3)
        write(500)
        await worker.until(lambda: len(numbers()) >= 500)
        await worker.herder.put_config("out", {**config, "tasks.max": "2"})
        write(500)
        await worker.until(lambda: len(numbers()) >= 1000)
    assert numbers() == list(range(1000))
