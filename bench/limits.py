"""What each job would take as a bare loop: the same input and the same libraries, without a worker, in one thread.

A job's time beside its limit says what the runtime costs. Each runs in a process of its own, right before its job.
"""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson

from bench.jobs import (
    CHUNK,
    TABLE,
    Context,
    Measured,
    Stopwatch,
    execute,
    fill,
    fill_events,
    json_value,
    line,
    worker,
    write_lines,
)
from connect.codec.decode import decode_records
from connect.codec.encode import encode
from connect.codec.header import iterate_batches
from connect.records import Columns

READ_BYTES = 1 << 20
#: As many rows as the source's `batch.max.rows` has by default.
ROWS = 5000
#: As many as the generator makes at once.
USERS = 2000


async def file_to_topic(context: Context) -> Measured:
    """Read a file, split it, encode batches, write them to another, and sync that."""
    source = write_lines(context)
    watch = Stopwatch()
    with source.open("rb") as file, (context.directory / "segment").open("wb", buffering=0) as out:
        rest = b""
        while data := file.read(READ_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            batch = encode(Columns(lines, timestamps=1_700_000_000_000))
            out.write(batch.checked + batch.payload)
        os.fsync(out.fileno())
    return watch.stop()


async def topic_to_file(context: Context) -> Measured:
    """Read a segment, split it into its records, write them as lines, and sync the file."""
    async with worker(context) as herder:
        await fill(herder, "lines", context.records, lambda number: line(number)[:-1])
    watch = Stopwatch()
    with (context.directory / "out.txt").open("wb", buffering=0) as out:
        for data in segments(context, "lines"):
            for header in iterate_batches(data):
                out.write(b"\n".join(decode_records(data, header).columns.values) + b"\n")  # type: ignore[arg-type]
        os.fsync(out.fileno())
    return watch.stop()


async def json_to_folder(context: Context) -> Measured:
    """Read a segment, parse its records, write them as lines of JSON, and sync each file."""
    async with worker(context) as herder:
        await fill(herder, "events", context.records, json_value)
    (context.directory / "out").mkdir()
    watch = Stopwatch()
    for number, data in enumerate(segments(context, "events")):
        with (context.directory / "out" / str(number)).open("wb", buffering=0) as out:
            for header in iterate_batches(data):
                values = map(orjson.loads, decode_records(data, header).columns.values)  # type: ignore[arg-type]
                out.write(b"\n".join(map(orjson.dumps, values)) + b"\n")
            os.fsync(out.fileno())
    return watch.stop()


async def datagen_to_topic(context: Context) -> Measured:
    """Draw users' values, make each a dict and JSON, encode batches with their keys, write them, and sync the file."""
    rng = random.Random(1)
    users, regions = ([f"{what}_{number}" for number in range(1, 10)] for what in ("User", "Region"))
    genders, times = ("MALE", "FEMALE", "OTHER"), range(1_487_715_775_521, 1_519_273_364_600)
    watch = Stopwatch()
    with (context.directory / "segment").open("wb", buffering=0) as out:
        for start in range(0, context.records, USERS):
            columns = [
                rng.choices(drawn, k=min(USERS, context.records - start)) for drawn in (times, users, regions, genders)
            ]
            values = [
                orjson.dumps({"registertime": time, "userid": user, "regionid": region, "gender": gender})
                for time, user, region, gender in zip(*columns, strict=True)
            ]
            batch = encode(Columns(values, keys=[user.encode() for user in columns[1]], timestamps=1_700_000_000_000))
            out.write(batch.checked + batch.payload)
        os.fsync(out.fileno())
    return watch.stop()


async def related_to_topics(context: Context) -> Measured:
    """Draw orders that refer to customers, make each a dict and JSON, encode, write and sync: no life, one topic."""
    rng = random.Random(1)
    states = ("placed", "packed", "sent")
    watch = Stopwatch()
    with (context.directory / "segment").open("wb", buffering=0) as out:
        for start in range(0, context.records, USERS):
            count = min(USERS, context.records - start)
            ids = range(start, start + count)
            customers = rng.choices(range(start // 10 + 1), k=count)
            columns = [ids, customers, rng.choices(range(1, 6), k=count), rng.choices(states, k=count)]
            values = [
                orjson.dumps({"id": id_, "customer_id": customer, "quantity": quantity, "status": status})
                for id_, customer, quantity, status in zip(*columns, strict=True)
            ]
            batch = encode(Columns(values, keys=[b"%d" % id_ for id_ in ids], timestamps=1_700_000_000_000))
            out.write(batch.checked + batch.payload)
        os.fsync(out.fileno())
    return watch.stop()


async def json_to_postgres(context: Context) -> Measured:
    """COPY rows that are decoded already, as many at a time as a fetch has."""
    import asyncpg

    await execute(context, 'DROP TABLE IF EXISTS "events"', TABLE.replace(" PRIMARY KEY", ""))
    rows = [tuple(orjson.loads(json_value(number)).values()) for number in range(context.records)]
    connection = await asyncpg.connect(context.postgres_url)
    watch = Stopwatch()
    for start in range(0, len(rows), CHUNK):
        await connection.copy_records_to_table("events", records=rows[start : start + CHUNK])
    measured = watch.stop()
    await connection.close()
    return measured


async def json_to_postgres_upsert(context: Context) -> Measured:
    """COPY such rows into a temporary table, and write them from there by INSERT ... ON CONFLICT."""
    import asyncpg

    await execute(context, 'DROP TABLE IF EXISTS "events"', TABLE)
    rows = [tuple(orjson.loads(json_value(number)).values()) for number in range(context.records)]
    names = [*orjson.loads(json_value(0))]
    changes = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in names[1:])
    connection = await asyncpg.connect(context.postgres_url)
    watch = Stopwatch()
    await connection.execute('CREATE TEMPORARY TABLE staged (LIKE "events") ON COMMIT DELETE ROWS')
    for start in range(0, len(rows), CHUNK):
        async with connection.transaction():
            await connection.copy_records_to_table("staged", records=rows[start : start + CHUNK])
            await connection.execute(
                f'INSERT INTO "events" SELECT * FROM staged ON CONFLICT (id) DO UPDATE SET {changes}'
            )
    measured = watch.stop()
    await connection.close()
    return measured


async def postgres_to_topic(context: Context) -> Measured:
    """Read a table through a cursor, and make each row JSON."""
    import asyncpg

    await fill_events(context)
    connection = await asyncpg.connect(context.postgres_url)
    watch = Stopwatch()
    async with connection.transaction(readonly=True):
        cursor = await connection.cursor('SELECT * FROM "events" ORDER BY id')
        while rows := await cursor.fetch(ROWS):
            for row in rows:
                orjson.dumps(dict(row))
    measured = watch.stop()
    await connection.close()
    return measured


async def transforms(context: Context) -> Measured:
    """Read a segment, parse each record, write it as JSON again, and sync the file: no transform at all."""
    async with worker(context) as herder:
        await fill(herder, "events", context.records, json_value)
    watch = Stopwatch()
    with (context.directory / "out.txt").open("wb", buffering=0) as out:
        for data in segments(context, "events"):
            for header in iterate_batches(data):
                values = list(map(orjson.loads, decode_records(data, header).columns.values))  # type: ignore[arg-type]
                out.write(b"\n".join(map(orjson.dumps, values)) + b"\n")
        os.fsync(out.fileno())
    return watch.stop()


def segments(context: Context, topic: str) -> list[bytes]:
    """Return the bytes of a topic's segments; they were just written, so the system has them in memory."""
    return [path.read_bytes() for path in sorted(Path(context.directory).glob(f"data/**/{topic}-0/*.log"))]


LIMITS: dict[str, Callable[[Context], Awaitable[Measured]]] = {
    "file_to_topic": file_to_topic,
    "file_to_topic_exactly_once": file_to_topic,
    "topic_to_file": topic_to_file,
    "json_to_folder": json_to_folder,
    "datagen_to_topic": datagen_to_topic,
    "related_to_topics": related_to_topics,
    "three_transforms": transforms,
    "five_transforms": transforms,
    "json_to_postgres": json_to_postgres,
    "json_to_postgres_exactly_once": json_to_postgres,
    "json_to_postgres_upsert": json_to_postgres_upsert,
    "json_to_postgres_tolerant": json_to_postgres,
    "json_to_postgres_bad_records": json_to_postgres,
    "postgres_to_topic": postgres_to_topic,
}
