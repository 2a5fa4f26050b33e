"""What each job would take as a bare loop over confluent-kafka: no worker, no offsets, nothing that can be done again.

    python -m bench.kafka.limits JOB --bootstrap ADDRESS --records N --topic TOPIC [--file FILE]

Prints seconds and records, from when the client is connected, or has its first records, to after the last one. It
reads, splits, produces and flushes, or consumes, joins, writes and syncs, on one thread; so it is about what Python
with librdkafka can do at all.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from connect.runtime.tuning import tune_process

READ_BYTES: Final = 1 << 20
AT_ONCE: Final = 10_000
ANSWER_S: Final = 30.0
#: Of what librdkafka has to say.
WARNING: Final = 4


def file_to_topic(options: argparse.Namespace) -> None:
    """Read a file, split it, produce its lines, and flush."""
    producer = producer_of(options.bootstrap)
    producer.list_topics(options.topic, ANSWER_S)
    options.began, options.measured = time.perf_counter(), options.records
    with options.file.open("rb") as file:
        rest = b""
        while data := file.read(READ_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            produce(producer, options.topic, lines)
    flush(producer)


def topic_to_file(options: argparse.Namespace) -> None:
    """Consume a topic, write its records as lines, and sync the file."""
    with options.file.open("wb", buffering=0) as out:
        for values in fetched(options):
            out.write(b"\n".join(values) + b"\n")
        os.fsync(out.fileno())


def three_transforms(options: argparse.Namespace) -> None:
    """Consume, parse each record, and write it as JSON again: no transform at all."""
    with options.file.open("wb", buffering=0) as out:
        for values in fetched(options):
            out.write(b"\n".join(map(orjson.dumps, map(orjson.loads, values))) + b"\n")
        os.fsync(out.fileno())


def json_to_postgres(options: argparse.Namespace) -> None:
    """Consume, parse each record, and COPY its columns."""

    async def copy() -> None:
        import asyncpg

        connection = await asyncpg.connect(options.postgres_url)
        for values in fetched(options):
            rows = [tuple(orjson.loads(value).values()) for value in values]
            await connection.copy_records_to_table("events", records=rows)
        await connection.close()

    asyncio.run(copy())


def producer_of(bootstrap: str) -> Producer:
    """Return a producer with the guarantees of a worker's."""
    return Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all", "log_level": WARNING})


def produce(producer: Producer, topic: str, values: list[bytes]) -> None:
    """Produce some records, and wait while the producer's queue is full."""
    for value in values:
        while True:
            try:
                producer.produce(topic, value, None, 0)
                break
            except BufferError:
                producer.poll(0.005)
    producer.poll(0)


def flush(producer: Producer) -> None:
    """Return when all is acknowledged."""
    if left := producer.flush(ANSWER_S):
        raise RuntimeError(f"{left} records were not acknowledged within {ANSWER_S:g} s")


def fetched(options: argparse.Namespace) -> Iterator[list[bytes]]:
    """Yield the values of a topic's records, up to as many as there are to be."""
    consumer = Consumer(
        {"bootstrap.servers": options.bootstrap, "group.id": "bench-limit", "fetch.queue.backoff.ms": 10}
    )
    consumer.assign([TopicPartition(options.topic, 0, 0)])
    left, deadline = options.records, time.monotonic() + ANSWER_S
    while left:
        messages = consumer.consume(AT_ONCE, 0.1)
        if not messages:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{left} records of {options.topic} did not come within {ANSWER_S:g} s")
            continue
        if messages[0].error() is not None:
            raise KafkaException(messages[0].error())
        if options.began is None:
            options.began, options.measured = time.perf_counter(), options.records - len(messages)
        yield [message.value() for message in messages]
        left, deadline = left - len(messages), time.monotonic() + ANSWER_S
    consumer.close()


LIMITS: Final[dict[str, Callable[[argparse.Namespace], Any]]] = {
    "file_to_topic": file_to_topic,
    "topic_to_file": topic_to_file,
    "three_transforms": three_transforms,
    "json_to_postgres": json_to_postgres,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=LIMITS)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--postgres-url")
    options = parser.parse_args()
    options.began = None
    tune_process()
    LIMITS[options.job](options)
    print(orjson.dumps({"wall_s": time.perf_counter() - options.began, "records": options.measured}).decode())


if __name__ == "__main__":
    main()
