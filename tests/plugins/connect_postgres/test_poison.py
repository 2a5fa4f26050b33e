"""One bad row in 10,000, of every kind: the others are in the table, and it has a letter that says what is wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from connect.records import Columns, TopicPartition
from tests.support.lengths import IS_LONG
from tests.support.worker import JSON, RunningWorker, running_worker

from .conftest import Database

pytestmark = pytest.mark.postgres

PREFIX: Final = "__connect.errors."
TABLE: Final = (
    'CREATE TABLE "{0}" (id int UNIQUE, name varchar(20) NOT NULL, age smallint CONSTRAINT young CHECK (age < 150), '
    "boss int CONSTRAINT known REFERENCES bosses, data jsonb)"
)
BOSSES: Final = ("CREATE TABLE bosses (id int PRIMARY KEY)", "INSERT INTO bosses VALUES (1)")
TRIGGER: Final = (
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF NEW.name = 'nobody' THEN RAISE EXCEPTION 'nobody is nobody' USING ERRCODE = 'C0001'; END IF; RETURN NEW; END $$"
)
#: What makes the row bad; SQLSTATE, column and words of the letter. Where the driver refuses it, there is no SQLSTATE.
POISON: Final[dict[str, tuple[dict[str, Any], str | None, str | None, str]]] = {
    "null": ({"name": None}, "23502", "name", "null value in column"),
    "too long": ({"name": "x" * 21}, "22001", "name", "too long"),
    "out of range": ({"age": 40_000}, None, "age", "out of its range"),
    "duplicate": ({"id": 5}, "23505", None, "duplicate_id_key"),
    "foreign key": ({"boss": 77}, "23503", None, "known"),
    "check": ({"age": 200}, "23514", None, "young"),
    "trigger": ({"name": "nobody"}, "C0001", None, "nobody is nobody"),
    "NUL": ({"name": "a\0b"}, "22021", "name", "invalid byte sequence"),
    "lone surrogate": ({"name": "\ud800"}, None, "name", "half a surrogate pair"),
    "bad JSON": ({"data": {"n": "a\0b"}}, "22P05", "data", "unsupported Unicode escape"),
}


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path) as running:
        yield running


async def produce(worker: RunningWorker, values: list[dict[str, Any]], topic: str = "people") -> None:
    await worker.herder.cluster.admin.create_topic(topic)
    producer = worker.herder.cluster.producer(client_id="test")
    encoded = [json.dumps(value).encode() for value in values]
    await producer.append(topic, Columns(encoded, timestamps=1_700_000_000_000))
    await producer.aclose()


async def start(worker: RunningWorker, database: Database, **keys: str) -> None:
    config = {
        "connector.class": "JdbcSinkConnector",
        "connection.url": database.url,
        "topics": "people",
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.context.headers.enable": "true",
        **{k.replace("_", "."): v for k, v in keys.items()},
    }
    answer = await worker.client.put("/connectors/s/config", json=config)
    assert answer.status_code == 201, answer.text


async def letters(worker: RunningWorker) -> list[tuple[Any, dict[str, str]]]:
    """Return the dead letters: value and headers."""
    found = []
    offset = 0
    while batches := await worker.herder.cluster.admin.fetch(TopicPartition("dead", 0), offset):
        for batch in batches:
            headers = batch.columns.headers or [None] * len(batch)
            for value, each in zip(batch.columns.values, headers, strict=True):
                names = {name.removeprefix(PREFIX): (data or b"").decode() for name, data in each or ()}
                found.append((json.loads(value or b"null"), names))
        offset = batches[-1].next_offset
    return found


def row(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"name {number}", "age": number % 100, "boss": 1, "data": {"n": number}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "count"),
    [
        pytest.param("insert", 10_000 if IS_LONG else 3000, id="insert"),
        pytest.param("upsert", 1000, id="upsert", marks=pytest.mark.night),
        pytest.param("exactly once", 1000, id="exactly once"),
    ],
)
async def test_one_bad_row_of_thousands_has_a_letter_that_says_why_and_all_others_are_in_the_table(
    worker: RunningWorker, database: Database, mode: str, count: int
) -> None:
    bad, kinds = count * 2 // 3, dict(POISON)
    keys = {"delivery_guarantee": "exactly-once"} if mode == "exactly once" else {}
    await database.execute(*BOSSES, TRIGGER)
    if mode == "upsert":
        keys = {"insert_mode": "upsert", "pk_mode": "record_value", "pk_fields": "id"}
        del kinds["duplicate"]  # it replaces the other
    for kind in kinds:
        await database.execute(
            TABLE.format(kind),
            f'CREATE TRIGGER refuse BEFORE INSERT ON "{kind}" FOR EACH ROW EXECUTE FUNCTION refuse()',
        )
    # The kinds have topics, whose names take no space.
    topics = {kind.replace(" ", "-"): kind for kind in kinds}
    for topic, kind in topics.items():
        if topic != kind:
            await database.execute(f'ALTER TABLE "{kind}" RENAME TO "{topic}"')
        values = [row(number) for number in range(count)]
        values[bad].update(kinds[kind][0])
        await produce(worker, values, topic)
    await start(worker, database, topics=",".join(topics), **keys)
    await worker.until(lambda: worker.records("s") >= count * len(kinds), deadline_s=120)
    found = {headers["topic"]: (value, headers) for value, headers in await letters(worker)}
    assert set(found) == set(topics)
    for topic, kind in topics.items():
        change, state, column, words = kinds[kind]
        value, headers = found[topic]
        assert await database.rows(f'SELECT count(*), count(DISTINCT id) FROM "{topic}"') == [(count - 1, count - 1)], (
            kind
        )
        assert value == {**row(bad), **change}
        assert (headers["topic"], headers["partition"], headers["offset"]) == (topic, "0", str(bad))
        assert (headers.get("cause.sqlstate"), headers.get("cause.column")) == (state, column), kind
        assert headers["cause.table"].endswith(topic)
        assert words in headers["exception.message"], kind
        assert headers["cause.code"].startswith("data."), kind


@pytest.mark.parametrize("kind", ["null", "foreign key"])
async def test_bad_rows_all_over_a_fetch_are_found_together(
    worker: RunningWorker, database: Database, kind: str
) -> None:
    change, state, _, _ = POISON[kind]
    await database.execute(*BOSSES, TABLE.format("people"))
    values = [row(number) for number in range(2000)]
    bad = set(range(50, 2000, 100))
    for number in bad:
        values[number].update(change)
    await produce(worker, values)
    await start(worker, database)
    await worker.until(lambda: worker.records("s") >= 2000)
    assert await database.rows("SELECT count(*) FROM people") == [(2000 - len(bad),)]
    found = await letters(worker)
    assert [int(headers["offset"]) for _, headers in found] == sorted(bad)
    assert {headers["cause.sqlstate"] for _, headers in found} == {state}


async def test_rows_that_refer_to_rows_behind_them_are_not_taken_for_bad_beside_a_bad_one(
    worker: RunningWorker, database: Database
) -> None:
    await database.execute(
        "CREATE TABLE people (id int PRIMARY KEY, boss int REFERENCES people DEFERRABLE INITIALLY DEFERRED)"
    )
    values = [{"id": number, "boss": min(number + 1, 199)} for number in range(200)]
    values[100]["boss"] = 77_777
    await produce(worker, values)
    await start(worker, database)
    await worker.until(lambda: worker.records("s") >= 200)
    # Nobody refers to a row that is there any more: all in front of the bad one hang on it.
    found = [int(headers["offset"]) for _, headers in await letters(worker)]
    assert found == list(range(101))
    assert await database.rows("SELECT min(id), count(*) FROM people") == [(101, 99)]


async def test_several_tables_and_tombstones_of_one_fetch_have_their_bad_rows_named(
    worker: RunningWorker, database: Database
) -> None:
    await database.execute("CREATE TABLE people (id int CHECK (id <> 3), v text NOT NULL)")
    await produce(worker, [{"id": 3, "v": "x"}, {"id": 4, "v": None}, {"id": 5, "v": "y"}, {"v": {"deep": 1}}])
    await start(worker, database)
    await worker.until(lambda: worker.records("s") >= 4)
    found = await letters(worker)
    assert [(headers["offset"], headers.get("cause.sqlstate")) for _, headers in found] == [
        ("0", "23514"),
        ("1", "23502"),
    ]
    assert await database.rows("SELECT id, v FROM people ORDER BY id") == [(5, "y"), (None, '{"deep":1}')]


@pytest.mark.parametrize("mode", ["insert", pytest.param("upsert", marks=pytest.mark.night), "exactly once"])
async def test_a_row_against_a_policy_is_a_bad_record_among_good_ones(
    worker: RunningWorker, database: Database, mode: str
) -> None:
    keys = {"delivery_guarantee": "exactly-once"} if mode == "exactly once" else {}
    if mode == "upsert":
        keys = {"insert_mode": "upsert", "pk_mode": "record_value", "pk_fields": "id"}
    parts = urlsplit(database.url)
    user = f"writer_{parts.path.strip('/')}"
    await database.execute(
        f"CREATE ROLE {user} LOGIN PASSWORD 'x'",
        f"GRANT ALL ON SCHEMA public TO {user}",
        "CREATE TABLE people (id int PRIMARY KEY, tenant text)",
        f"GRANT ALL ON people TO {user}",
        "ALTER TABLE people ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON people USING (true) WITH CHECK (tenant = 'a')",
    )
    try:
        await produce(worker, [{"id": n, "tenant": "b" if n == 150 else "a"} for n in range(200)])
        await start(worker, database, connection_user=user, connection_password="x", **keys)
        await worker.until(lambda: worker.records("s") >= 200)
        await worker.client.delete("/connectors/s")
    finally:
        await database.disconnect_others()
        await database.execute(f"DROP OWNED BY {user}", f"DROP ROLE {user}")
    assert await database.rows("SELECT count(*), count(DISTINCT id) FROM people") == [(199, 199)]
    found = [(headers["offset"], headers["cause.sqlstate"]) for _, headers in await letters(worker)]
    assert found == [("150", "42501")]


@pytest.mark.parametrize("mode", ["insert", pytest.param("upsert", marks=pytest.mark.night), "exactly once"])
async def test_a_field_that_the_table_lacks_is_a_bad_record_among_good_ones_and_one_that_it_computes_is_none(
    worker: RunningWorker, database: Database, mode: str
) -> None:
    keys = {"delivery_guarantee": "exactly-once"} if mode == "exactly once" else {}
    if mode == "upsert":
        keys = {"insert_mode": "upsert", "pk_mode": "record_value", "pk_fields": "id"}
    await database.execute("CREATE TABLE people (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)")
    values: list[dict[str, Any]] = [{"id": number} for number in range(100)]
    values[40]["extra"] = "x"
    values[60]["twice"] = 1
    await produce(worker, values)
    await start(worker, database, **keys)
    await worker.until(lambda: worker.records("s") >= 100)
    found = [(headers["offset"], headers["cause.column"]) for _, headers in await letters(worker)]
    assert found == [("40", "extra")]
    assert await database.rows("SELECT count(*), count(DISTINCT id), max(twice) FROM people") == [(99, 99, 198)]


async def test_without_tolerance_a_field_that_the_table_lacks_ends_the_task_with_the_records_place(
    worker: RunningWorker, database: Database
) -> None:
    await database.execute("CREATE TABLE people (id int)")
    await produce(worker, [{"id": 0}, {"id": 1}, {"id": 2, "extra": "x"}, {"id": 3}])
    await start(worker, database, errors_tolerance="none")
    trace = await worker.until_failed("s")
    assert "has no column 'extra'" in trace.splitlines()[0]
    assert "offset 2" in trace.splitlines()[0]
    assert await database.rows("SELECT id FROM people ORDER BY id") == [(0,), (1,)]
