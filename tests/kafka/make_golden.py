"""Make tests/kafka/golden: segments that a real broker wrote, and the records that Kafka's consumer reads in them.

    python -m tests.kafka.make_golden

Run it when a case is added or Kafka's version in pom.xml moves. Producer ids, append times and the compressors'
output differ from run to run, so the bytes do too; what the tests compare does not depend on that.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.kafka import KafkaRecord, run_lab
from tests.support.kafka_broker import KafkaBroker
from tests.support.segments import GOLDEN, copy_segments

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
COMPACTION_TIMEOUT_S = 30
DAY = 1_767_225_600_000  # 2026-01-01, so that runs differ as little as they can

#: Small segments and indexes with entries, in a few KB; Kafka's floor for segment.bytes itself is 1 MB.
#: Timestamps from 1970 to 9999 neither roll nor expire a segment, and are not refused.
TOPIC_CONFIGS = {
    "internal.segment.bytes": "1800",
    "index.interval.bytes": "300",
    "retention.ms": "-1",
    "segment.ms": str(10**15),
    "message.timestamp.after.max.ms": str(10**15),
}
#: A record's row in golden/*.json; bytes are base64.
COLUMNS = ("offset", "timestamp", "key", "value", "headers")


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that the producer sends as one record batch; `end` makes it a transaction of its own."""

    records: list[KafkaRecord]
    end: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One golden partition. `runs` are producers, one after another: its configs, its batches."""

    name: str
    runs: list[tuple[dict[str, str], list[Batch]]]
    topic_configs: dict[str, str] = field(default_factory=dict)


def all_shapes() -> list[Batch]:
    """Return batches with each shape of key, value, header and timestamp that a record can have."""
    headers = (("trace", b"\x00\xff"), ("trace", b"again"), ("empty", b""), ("null", None), ("größe", "ü".encode()))
    long = b"a longer value, which compresses well; " * 12
    lines = [KafkaRecord(b"%d" % number, timestamp=DAY + 10) for number in range(70)]
    return [
        Batch([KafkaRecord(b"plain", timestamp=DAY)]),
        Batch(
            [
                KafkaRecord(b"value", b"key", DAY + 1, headers),
                KafkaRecord(None, b"tombstone", DAY + 2),
                KafkaRecord(None, None, DAY + 3),
                KafkaRecord(b"", b"", DAY + 4),
                KafkaRecord(b"older than the first of its batch", b"key", DAY - 86_400_000, (("late", b"1"),)),
                KafkaRecord(b"far in the future", b"key", 253_402_300_799_999),
                KafkaRecord(b"of 1970", b"key", 0),
            ]
        ),
        Batch([KafkaRecord(long + b"%d" % number, b"long", DAY + 5 + number) for number in range(3)]),
        Batch(lines),  # offset deltas of one byte and of two
        Batch([KafkaRecord(bytes(range(256)), bytes(range(255, -1, -1)), DAY + 11)]),
        Batch([KafkaRecord(b"k%d" % number, b"%d" % number, DAY + 12) for number in range(20)]),
        Batch([KafkaRecord(b"the last one", None, DAY + 13, (("h", None),))]),
    ]


def compactable() -> tuple[list[Batch], list[Batch], list[Batch]]:
    """Return batches that compaction thins out: to gaps inside, to a tombstone, and for the second producer to nothing.

    Of that one the cleaner keeps an empty batch, so that its last sequence number is not forgotten.
    """
    keys = [b"a", b"b", b"c", b"d"]
    batches = []
    for turn in range(12):
        records = [KafkaRecord(b"%s in turn %d" % (key, turn), key, DAY + turn) for key in keys[: 2 + turn % 3]]
        batches.append(Batch([*records, KafkaRecord(b"once %d" % turn, b"once-%d" % turn, DAY + turn)]))
    batches.append(Batch([KafkaRecord(None, b"d", DAY + 100)]))
    overwritten = [Batch([KafkaRecord(b"soon gone", b"a", DAY + 101), KafkaRecord(b"soon gone", b"b", DAY + 101)])]
    overwrite = [KafkaRecord(b"the last", b"a", DAY + 102), KafkaRecord(b"the last", b"b", DAY + 102)]
    filler = bytes(range(256)) * 2  # no codec squeezes it, so that segments roll and the cleaner may come
    fillers = [Batch([KafkaRecord(filler, b"filler-%d" % number, DAY + 103)]) for number in range(6)]
    return batches, overwritten, [Batch(overwrite), *fillers]


def transactions() -> list[Batch]:
    """Return transactions, committed and aborted; each leaves a control record after its batch."""
    return [
        Batch([KafkaRecord(b"committed 1", b"a", DAY), KafkaRecord(b"committed 2", b"b", DAY + 1)], "commit"),
        Batch([KafkaRecord(b"aborted 1", b"a", DAY + 2), KafkaRecord(b"aborted 2", b"b", DAY + 3)], "abort"),
        Batch([KafkaRecord(b"committed 3", b"a", DAY + 4)], "commit"),
    ]


def cases() -> list[Case]:
    plain = {"enable.idempotence": "false"}
    shapes = all_shapes()
    made = [
        Case(f"codec-{codec}", [({"compression.type": codec}, shapes), ({"compression.type": codec} | plain, shapes)])
        for codec in CODECS
    ]
    made.append(Case("log-append-time", [({}, shapes[1:4])], {"message.timestamp.type": "LogAppendTime"}))
    made.append(Case("transactions", [({"transactional.id": "golden"}, transactions())]))
    # Tombstones stay, or the case would depend on when the cleaner came.
    compaction = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "86400000000",
    }
    for name, configs in (("compacted", {}), ("compacted-zstd", {"compression.type": "zstd"})):
        made.append(Case(name, [(configs, batches) for batches in compactable()], compaction))
    return made


def make(case: Case, broker: KafkaBroker) -> dict[str, Any]:
    """Produce a case's records; return what Kafka's consumer then reads."""
    broker.run({"do": "create", "topic": case.name, "configs": TOPIC_CONFIGS | case.topic_configs})
    end = 0
    for configs, batches in case.runs:
        command: dict[str, Any] = {"do": "produce", "topic": case.name, "configs": configs}
        command["batches"] = [
            {"records": [record.to_json() for record in batch.records], "end": batch.end} for batch in batches
        ]
        end += sum(len(batch.records) + bool(batch.end) for batch in batches)
        broker.run(command)
    if "compact" in case.topic_configs.get("cleanup.policy", ""):
        wait_for_compaction(case.name, broker)
    consume = {"do": "consume", "topic": case.name, "end": end}
    read, read_committed = broker.run(consume, consume | {"configs": {"isolation.level": "read_committed"}})
    times = sorted({record["timestamp"] + step for record in read for step in (0, 1)})
    [offsets] = broker.run({"do": "offsets-for-times", "topic": case.name, "times": times})
    kept = {record["offset"] for record in read_committed}
    [timestamp_type] = {record["timestamp_type"] for record in read}
    return {
        "topic": case.name,
        "timestamp_type": timestamp_type,
        "log_end_offset": end,
        "aborted_offsets": [record["offset"] for record in read if record["offset"] not in kept],
        "offsets_for_times": list(zip(times, offsets, strict=True)),
        "columns": list(COLUMNS),
        "records": [[record[column] for column in COLUMNS] for record in read],
    }


def wait_for_compaction(topic: str, broker: KafkaBroker) -> None:
    """Wait until the log cleaner has been through every segment but the active one."""
    checkpoint = broker.data_dir / "cleaner-offset-checkpoint"
    deadline = time.monotonic() + COMPACTION_TIMEOUT_S
    while True:
        active = max(int(path.stem) for path in broker.partition_dir(topic).glob("*.log"))
        if checkpoint.exists() and f"{topic} 0 {active}" in checkpoint.read_text().splitlines():
            return
        assert time.monotonic() < deadline, f"{topic} is not compacted after {COMPACTION_TIMEOUT_S} s"
        time.sleep(0.1)


def murmur2_cases() -> list[dict[str, Any]]:
    """Return where Kafka's producer puts keys of each length up to 40 bytes, and of common kinds."""
    keys = [bytes((index * 37 + length * 11) % 256 for index in range(length)) for length in range(41)]
    keys += [b"%d" % number for number in range(40)]
    keys += [b"user-%05d" % number for number in range(0, 100_000, 4999)]
    keys += ["größe".encode(), "日本語".encode(), b"\xff" * 7, b"\x80" * 9, b"\x00", b"\x00" * 8, b"x" * 1000]
    encoded = [b64encode(key).decode() for key in keys]
    [answer] = run_lab([{"do": "partition", "keys": encoded, "counts": [1, 2, 3, 7, 12, 100]}])
    return list(answer)


def write_json(path: Path, content: dict[str, Any], rows: str) -> None:
    """Write an object, with one line for each item of its list `rows`, so that changes can be read."""
    lines = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in content[rows])
    fields = "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in content.items() if key != rows)
    path.write_text(f"{{\n{fields}{json.dumps(rows)}: [\n{lines}\n]\n}}\n", encoding="utf-8")


def main() -> None:
    with tempfile.TemporaryDirectory() as root:
        with KafkaBroker(Path(root)) as broker:
            expected = {}
            for case in cases():
                expected[case.name] = make(case, broker)
                print(case.name, len(expected[case.name]["records"]), "records", file=sys.stderr)
        keys = murmur2_cases()
        clear_golden()
        for name, read in expected.items():  # after the clean stop, which trims the indexes
            (GOLDEN / name).mkdir()
            copy_segments(broker.partition_dir(name), GOLDEN / name)
            write_json(GOLDEN / f"{name}.json", read, "records")
        write_json(GOLDEN / "murmur2.json", {"keys": keys}, "keys")


def clear_golden() -> None:
    """Remove everything but the README."""
    GOLDEN.mkdir(exist_ok=True)
    for old in GOLDEN.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        elif old.suffix == ".json":
            old.unlink()


if __name__ == "__main__":
    main()
