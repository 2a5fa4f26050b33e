"""Tables are read again while changes go on: what signals do, and that a topic's last word on each key is the table's.

Sessions change rows all the while, in long transactions, by other keys, and roll some back; the task is broken off.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from connect.api import ConfigError, Signal
from connect_postgres import PostgresCdcSource
from connect_postgres.cdc.incremental_state import OFFSET_KEY
from tests.support.lengths import length
from tests.support.tasks import call, connector, poll, stop

from ..conftest import DEADLINE_S, Database
from .conftest import Start, keys_of, offset_of
from .test_churn import started

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(180)]
ALL = {"data-collections": ["public.t"]}


class Topic:
    """What the records of tables come to, by topic and key, and all that are of incremental snapshots."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.read: list[tuple[str, Any]] = []

    async def poll(self, task: Any) -> None:
        for batch in await poll(task):
            for key, value in zip(batch.key_column(), batch.values, strict=True):
                rows, name = self.rows.setdefault(batch.topic, {}), json.dumps(key, default=str)
                if value is None:
                    continue
                if value["source"]["snapshot"] == "incremental":
                    assert value["op"] == "r"
                    self.read.append((batch.topic, value["after"]))
                if value["op"] == "d":
                    rows.pop(name, None)
                elif value["op"] in "rcu":
                    rows[name] = value["after"]

    async def until(self, task: Any, is_so: Callable[[], Any]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not is_so():
            assert time.monotonic() < deadline, f"{len(self.read)} rows were read"
            await self.poll(task)

    async def all_of(self, database: Database, task: Any) -> None:
        """Poll until no table is to be read, and all changes have come."""
        [(end,)] = await database.rows("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        await self.until(task, lambda: OFFSET_KEY not in (task._offset or {}) and _position(task) >= end)


def _position(task: Any) -> int:
    return 0 if task._decoder is None else int(task._decoder.committed_lsn)


async def send(database: Database, type_: str, data: dict[str, Any] | None = None, **keys: str) -> None:
    """Send a signal as REST does."""
    plugin = await connector(PostgresCdcSource, keys_of(database.url, **keys))
    await call(plugin.signal, Signal("s", type_, data or {}))


async def streaming(cdc: Start, topic: Topic, **keys: str) -> Any:
    """Start a task, and poll until it streams."""
    task = await cdc(**keys)
    await topic.until(task, lambda: task._stream is not None)
    return task


async def table(database: Database, rows: int) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, version int NOT NULL)",
        f"INSERT INTO t SELECT n, 0 FROM generate_series(1, {rows}) AS n",
        "CREATE PUBLICATION pub FOR ALL TABLES",
    )


async def test_a_table_is_read_again_in_chunks_while_it_streams(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await table(database, 25)
    topic = Topic()
    task = await streaming(cdc, topic, incremental_snapshot_chunk_size="10", snapshot_mode="no_data")
    await send(database, "execute-snapshot", ALL)
    await topic.until(task, lambda: topic.read)
    assert len(topic.read) == 10
    await topic.all_of(database, task)
    assert [row["id"] for _, row in topic.read] == list(range(1, 26))
    assert "signal 's': tables to read: public.t" in caplog.text
    assert "signal 's': table public.t is read: 25 rows" in caplog.text
    assert "connect.signal" not in "".join(topic.rows)


async def test_a_condition_says_which_rows_are_read(database: Database, cdc: Start) -> None:
    await table(database, 25)
    topic = Topic()
    task = await streaming(cdc, topic, incremental_snapshot_chunk_size="2")
    conditions = [{"data-collection": "public.t", "filter": "id % 5 = 0 -- each fifth"}]
    await send(database, "execute-snapshot", {**ALL, "additional-conditions": conditions})
    await topic.until(task, lambda: topic.read)
    await topic.all_of(database, task)
    assert [row["id"] for _, row in topic.read] == [5, 10, 15, 20, 25]


@pytest.mark.parametrize(
    "condition",
    [
        "true) TO PROGRAM 'touch /tmp/x' --",
        "true) UNION SELECT 7, 7 WHERE (true",
        "true UNION SELECT 7, 7",
        "true; DROP TABLE t",
        "true); DROP TABLE t; SELECT (true",
        "nowhere = 1",
        "id = $1",
        "1 / (id - 3) > 0",
        "nextval('s') > 0",
        "true /*",
        "$$",
    ],
)
async def test_a_condition_that_does_not_do_ends_its_table_and_nothing_else(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture, condition: str
) -> None:
    await table(database, 5)
    await database.execute("CREATE SEQUENCE s")
    topic = Topic()
    task = await streaming(cdc, topic)
    conditions = [{"data-collection": "public.t", "filter": condition}]
    await send(database, "execute-snapshot", {**ALL, "additional-conditions": conditions})
    await topic.until(task, lambda: "table public.t is read no further, after 0 rows" in caplog.text)
    assert topic.read == []
    await database.execute("INSERT INTO t VALUES (100, 1)")
    await topic.until(task, lambda: '{"id": 100}' in topic.rows["p.public.t"])
    assert OFFSET_KEY not in task._offset


async def test_signals_come_by_rows_of_a_table_too_and_it_is_not_delivered_unless_it_is_selected(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, version int NOT NULL)",
        "INSERT INTO t VALUES (1, 0)",
        "CREATE TABLE signals (id varchar(42) PRIMARY KEY, type varchar(32), data text)",
    )
    topic = Topic()
    keys = {
        "publication_autocreate_mode": "filtered",
        "table_include_list": "public.t",
        "signal_data_collection": "public.signals",
    }
    task = await streaming(cdc, topic, skipped_operations="c", **keys)
    await database.execute(
        "INSERT INTO signals VALUES ('a', 'log', '{\"message\": \"we are at {}\"}')",
        f"INSERT INTO signals VALUES ('b', 'execute-snapshot', '{json.dumps(ALL)}')",
    )
    await topic.until(task, lambda: topic.read)
    assert topic.read == [("p.public.t", {"id": 1, "version": 0})]
    assert "signal 'a': we are at {'lsn_commit': " in caplog.text
    assert list(topic.rows) == ["p.public.t"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("x", "execute-snapshot", "[1]"), "data is [1]; an object is expected"),
        (("x", "execute-snapshot", "{"), "data is no JSON"),
        (("x", "execute-snapshot", None), "data-collections is None; a list of tables is expected"),
        (("x", "execute-snapshot", '{"data-collections": "public.t"}'), "a list of tables is expected"),
        (("x", "execute-snapshot", '{"data-collections": ["public.nowhere"]}'), "no table that is read matches"),
        (("x", "execute-snapshot", '{"data-collections": ["("]}'), "is no regular expression"),
        (("x", "execute-snapshot", '{"data-collections": ["public.t"], "type": "blocking"}'), "blocking"),
        (("x", "log", '{"message": "' + "x" * (1 << 20) + '"}'), "65536 bytes at most"),
        (("x", "schema-changes", "{}"), "signal type 'schema-changes' is none of execute-snapshot"),
        (("x", None, "{}"), "signal type '' is none of"),
        ((None, "log", "{}"), "message is None"),
    ],
)
async def test_a_signal_that_makes_no_sense_is_passed_over_with_a_warning(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture, row: tuple[Any, ...], told: str
) -> None:
    await table(database, 5)
    await database.execute("CREATE TABLE signals (n serial PRIMARY KEY, id text, type text, data text)")
    topic = Topic()
    task = await streaming(cdc, topic, signal_data_collection="public.signals")
    await database.connection.execute("INSERT INTO signals (id, type, data) VALUES ($1, $2, $3)", *row)
    await topic.until(task, lambda: "is passed over" in caplog.text)
    [warned] = [record.getMessage() for record in caplog.records if "is passed over" in record.message]
    assert told in warned
    assert len(warned) < 1000
    assert topic.read == []


async def test_a_message_of_somebody_else_is_no_signal(
    database: Database, cdc: Start, slot: str, caplog: pytest.LogCaptureFixture
) -> None:
    await table(database, 5)
    topic = Topic()
    task = await streaming(cdc, topic)
    forged = json.dumps({"id": "x", "type": "execute-snapshot", "data": ALL, "mark": "0" * 64})
    for content in (forged, "7", "{}", "x" * (1 << 20)):
        await database.connection.execute(
            "SELECT pg_logical_emit_message(true, $1, $2::text)", f"connect.signal.{slot}", content
        )
    await topic.until(task, lambda: caplog.text.count("is passed over") == 4)
    assert topic.read == []
    assert "p.message" not in topic.rows


@pytest.mark.parametrize(
    ("type_", "data", "keys", "told"),
    [
        ("execute-snapshot", {"data-collections": ["public.nowhere"]}, {}, "no table that is read matches"),
        ("execute-snapshot", {**ALL, "surrogate": "x"}, {}, "takes no 'surrogate'"),
        ("blink", {}, {}, "signal type 'blink' is none of execute-snapshot, stop-snapshot"),
        ("pause-snapshot", {}, {"slot_name": "nobody_has_it"}, "does not exist"),
        ("pause-snapshot", {}, {"snapshot_mode": "initial_only"}, "initial_only"),
        ("pause-snapshot", {}, {"signal_enabled_channels": "jmx"}, "does not have source"),
        ("log", {"message": "x" * 70_000}, {}, "message is"),
        ("log", {"message": "x" * 65_500}, {}, "65536 bytes at most"),
    ],
)
async def test_what_can_be_known_when_a_signal_is_sent_is_refused_then(
    database: Database, cdc: Start, type_: str, data: dict[str, Any], keys: dict[str, str], told: str
) -> None:
    await table(database, 5)
    await cdc()
    with pytest.raises(ConfigError) as caught:
        await send(database, type_, data, **keys)
    assert told in caught.value.message
    assert caught.value.code == "connector.signal_refused"


async def test_a_snapshot_is_paused_through_a_restart_and_resumed_and_stopped(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await table(database, 50)
    await database.execute("CREATE TABLE u (id int PRIMARY KEY)", "INSERT INTO u VALUES (1)")
    topic, keys = Topic(), {"incremental_snapshot_chunk_size": "10"}
    task = await streaming(cdc, topic, **keys)
    await send(database, "pause-snapshot")
    await send(database, "execute-snapshot", {"data-collections": ["public.t", "public.u"]})
    await topic.until(task, lambda: topic.read)
    await send(database, "pause-snapshot")
    await topic.until(task, lambda: "are paused" in caplog.text)
    await topic.poll(task)  # what was under way
    before = len(topic.read)
    offsets = offset_of(task)
    await stop(task)
    task = await started(keys_of(database.url, **keys), offsets)
    try:
        for number in range(3):
            await database.execute(f"INSERT INTO t VALUES ({1000 + number}, 0)")
            await topic.until(task, lambda number=number: f'{{"id": {1000 + number}}}' in topic.rows["p.public.t"])
        assert len(topic.read) <= before + 10
        assert any(topic_ == "p.public.t" for topic_, _ in topic.read)
        assert json.loads(task._offset[OFFSET_KEY])["paused"]
        await send(database, "stop-snapshot", {"data-collections": ["public.u"]})
        await send(database, "resume-snapshot")
        await topic.all_of(database, task)
        assert [row["id"] for _, row in topic.read] == list(range(1, 51))
        await send(database, "execute-snapshot", ALL)
        await send(database, "stop-snapshot")
        await topic.until(task, lambda: "stopped: public.t after" in caplog.text)
        assert OFFSET_KEY not in task._offset
    finally:
        await stop(task)


async def test_a_table_without_a_key_is_read_by_a_unique_column_or_refused_by_name(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture
) -> None:
    await database.execute(
        "CREATE TABLE t (a int NOT NULL UNIQUE, b int, c text NOT NULL)",
        "ALTER TABLE t REPLICA IDENTITY FULL",
        "INSERT INTO t SELECT n, n, 'x' FROM generate_series(1, 9) AS n",
        "CREATE PUBLICATION pub FOR TABLE t",
    )
    topic = Topic()
    task = await streaming(cdc, topic, incremental_snapshot_chunk_size="4")
    for number, (surrogate, told) in enumerate(
        [
            (None, "table public.t has no primary key"),
            ("b", "column b of table public.t cannot be its surrogate-key"),
            ("c", "column c of table public.t cannot be its surrogate-key"),
            ("d", "has no column d"),
        ]
    ):
        await send(database, "execute-snapshot", {**ALL, "surrogate-key": surrogate})
        await topic.until(task, lambda number=number: caplog.text.count("is read no further") == number + 1)
        assert told in caplog.text
    await send(database, "execute-snapshot", {**ALL, "surrogate-key": "a"})
    await topic.until(task, lambda: topic.read)
    await topic.all_of(database, task)
    assert [row["a"] for _, row in topic.read] == list(range(1, 10))


async def test_a_table_that_is_dropped_or_altered_meanwhile_does_not_stop_the_others(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture
) -> None:
    await table(database, 40)
    await database.execute(
        "CREATE TABLE gone (id int PRIMARY KEY)",
        "INSERT INTO gone SELECT n FROM generate_series(1, 40) AS n",
        "CREATE TABLE other (id text, n numeric(8, 3), PRIMARY KEY (n, id))",
        "INSERT INTO other SELECT 'a\\b' || n, n / 7.0 FROM generate_series(1, 40) AS n",
    )
    topic = Topic()
    task = await streaming(cdc, topic, incremental_snapshot_chunk_size="10", snapshot_mode="no_data")
    await send(database, "execute-snapshot", {"data-collections": ["public.gone", "public.(t|other)"]})
    await topic.until(task, lambda: topic.read)
    await database.execute("DROP TABLE gone", "ALTER TABLE t ADD COLUMN more int NOT NULL DEFAULT 7")
    await topic.until(task, lambda: "table public.gone is read no further, after" in caplog.text)
    await topic.until(task, lambda: any(name == "p.public.t" for name, _ in topic.read))
    await database.execute("ALTER TABLE t DROP CONSTRAINT t_pkey", "ALTER TABLE t ADD PRIMARY KEY (version, id)")
    await topic.all_of(database, task)
    rows = {row["id"]: row for name, row in topic.read if name == "p.public.t"}
    assert sorted(rows) == list(range(1, 41))
    assert {row["more"] for row in rows.values()} == {7}
    assert len({row["id"] for name, row in topic.read if name == "p.public.other"}) == 40


async def test_a_signal_that_comes_while_the_first_snapshot_is_read_is_heeded_behind_it(
    database: Database, cdc: Start
) -> None:
    await table(database, 2000)
    topic = Topic()
    task = await cdc(snapshot_fetch_size="10")
    await send(database, "execute-snapshot", ALL)
    await topic.until(task, lambda: len(topic.read) == 2000)
    await topic.all_of(database, task)
    assert len(topic.rows["p.public.t"]) == 2000


async def test_two_signals_at_once_are_done_one_after_the_other(database: Database, cdc: Start) -> None:
    await table(database, 20)
    await database.execute("CREATE TABLE u (id int PRIMARY KEY)", "INSERT INTO u VALUES (1)")
    topic = Topic()
    task = await streaming(cdc, topic)
    await asyncio.gather(
        send(database, "execute-snapshot", {"data-collections": ["public.u"]}),
        send(database, "execute-snapshot", {**ALL, "additional-condition": "id < 4"}),
    )
    await topic.until(task, lambda: len(topic.read) == 4)
    await topic.all_of(database, task)
    assert sorted(name for name, _ in topic.read) == ["p.public.t"] * 3 + ["p.public.u"]


async def test_a_commit_that_the_stream_has_before_snapshots_show_it_is_waited_for(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """As with a synchronous standby that is away: the commit is in the log, and its session waits."""
    caplog.set_level(logging.INFO)
    await table(database, 5)
    await database.execute(
        "ALTER SYSTEM SET synchronous_standby_names = 'nobody'",
        "SELECT pg_reload_conf()",
    )
    topic = Topic()
    waiting: asyncio.Task[Any] | None = None
    writer = await asyncpg.connect(database.url)
    try:
        # Making a slot, or sending a signal, is not held up: this connection's commits wait for nobody.
        await database.connection.execute("SET synchronous_commit = local")
        task = await streaming(cdc, topic)
        waiting = asyncio.create_task(writer.execute("UPDATE t SET version = 1 WHERE id = 3"))
        await topic.until(task, lambda: topic.rows["p.public.t"]['{"id": 3}']["version"] == 1)
        assert not waiting.done()
        plugin = await connector(PostgresCdcSource, keys_of(database.url))
        from connect_postgres.cdc.signals import message_of

        text = message_of(Signal("s", "execute-snapshot", ALL), plugin.config)
        await database.connection.execute(
            "SELECT pg_logical_emit_message(true, $1, $2::text)", plugin.config.signal_prefix, text
        )
        await topic.until(task, lambda: OFFSET_KEY in (task._offset or {}))
        for _ in range(20):
            await topic.poll(task)
        assert topic.read == []
    finally:
        await database.execute("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
    await waiting
    await writer.close()
    await topic.until(task, lambda: topic.read)
    await topic.all_of(database, task)
    assert {row["id"]: row["version"] for _, row in topic.read} == {1: 0, 2: 0, 3: 1, 4: 0, 5: 0}


# -- the argument, by chance ---------------------------------------------------------------------------------------


async def write(url: str, writer: int, stopping: asyncio.Event) -> None:
    """Change rows of three tables, in transactions of several statements; by keys too, and some are rolled back."""
    connection = await asyncpg.connect(url)
    chance = random.Random(writer)
    try:
        while not stopping.is_set():
            transaction = connection.transaction()
            await transaction.start()
            try:
                for _ in range(chance.randrange(1, 6)):
                    id_, other = chance.randrange(400), chance.randrange(400)
                    name = chance.choice(("t", "u", "v"))
                    statement = chance.choice(
                        (
                            f"UPDATE {name} SET version = version + 1 WHERE id = {id_}",
                            f"UPDATE {name} SET id = {other} WHERE id = {id_}",
                            f"DELETE FROM {name} WHERE id = {id_}",
                            f"INSERT INTO {name} VALUES ({id_}, 1) ON CONFLICT DO NOTHING",
                        )
                    )
                    await connection.execute(statement)
                    await asyncio.sleep(chance.random() * (0.2 if chance.random() < 0.03 else 0.004))
                await (transaction.rollback() if chance.random() < 0.15 else transaction.commit())
            except (asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError):
                await transaction.rollback()
    finally:
        await connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(max(3, length("CONNECT_KIT_KILLS") // 4)))
async def test_the_last_word_on_each_key_is_the_tables(database: Database, slot: str, seed: int) -> None:
    """Nothing is read first, and rows that were there are known by chunks alone; a topic that has them all is right."""
    chance = random.Random(seed)
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, version int NOT NULL)",
        "CREATE TABLE u (id int PRIMARY KEY, version int NOT NULL)",
        "ALTER TABLE u REPLICA IDENTITY FULL",
        "CREATE TABLE v (id int NOT NULL, version int NOT NULL)",
        "CREATE UNIQUE INDEX v_id ON v (id)",
        "ALTER TABLE v REPLICA IDENTITY USING INDEX v_id",
        *(f"INSERT INTO {n} SELECT n, 0 FROM generate_series(0, 399, 2) AS n" for n in "tuv"),
        "CREATE PUBLICATION pub FOR TABLE t, u, v",
    )
    keys = keys_of(
        database.url, snapshot_mode="no_data", incremental_snapshot_chunk_size="20", max_batch_size=str(50 + seed * 20)
    )
    topic, stopping = Topic(), asyncio.Event()
    task = await started(keys)
    writers = [asyncio.create_task(write(database.url, 10 * seed + n, stopping)) for n in range(3)]
    breaks = 6
    deadline = time.monotonic() + 60
    try:
        await send(database, "execute-snapshot", {"data-collections": ["public.[tuv]"]})
        await topic.until(task, lambda: OFFSET_KEY in (task._offset or {}))
        while breaks or OFFSET_KEY in (task._offset or {}):
            assert time.monotonic() < deadline, f"it takes too long: {len(topic.read)}, {breaks}, {task._offset}"
            await topic.poll(task)
            if breaks and chance.random() < 0.04:
                breaks -= 1
                offsets = offset_of(task)
                await stop(task)
                task = await started(keys, offsets)
        stopping.set()
        await asyncio.gather(*writers)
        await topic.all_of(database, task)
    finally:
        stopping.set()
        await asyncio.gather(*writers, return_exceptions=True)
        await stop(task)
    for name in "tuv":
        found = {row["id"]: row["version"] for row in topic.rows[f"p.public.{name}"].values()}
        assert found == dict(await database.rows(f"SELECT id, version FROM {name}")), name
