"""Each class of SQLSTATE, raised by a trigger of a real server while a row is put, comes to be the right error."""

from __future__ import annotations

import pytest

from connect.api import ConfigError, DataError, EnvironmentFault, RetriableError
from connect_postgres.sqlstates import Failure, failure_of, hint_of
from tests.support.factories import make_sink_batch
from tests.support.tasks import put

from .conftest import Database, Start

DATA = [
    "20000", "21000", "22000", "22001", "22003", "22012", "22021", "22P02", "22P05", "2200N", "23000", "23001",
    "23502", "23503", "23505", "23514", "23P01", "27000", "38000", "40002", "44000", "54000", "54001", "P0001",
    "P0002", "P0004", "45000", "ZX123", "99999",
]  # fmt: skip
OUTAGES = [
    "08000", "08003", "08006", "08P01", "25006", "25P03", "26000", "40001", "40P01", "42P05", "53000", "53100",
    "53200", "53300", "53400", "55006", "55P03", "57000", "57014", "57P01", "57P02", "57P03", "58000", "58030",
]  # fmt: skip
CONFIGS = ["0A000", "28000", "28P01", "3D000", "3F000", "42501", "42601", "42703", "42804", "42809", "42883", "42P01",
           "42P10", "54011", "55000", "HV000"]  # fmt: skip
FAULTS = ["XX000", "XX001", "F0000"]
KINDS = {
    **dict.fromkeys(DATA, DataError),
    **dict.fromkeys(OUTAGES, RetriableError),
    **dict.fromkeys(CONFIGS, ConfigError),
    **dict.fromkeys(FAULTS[:2], EnvironmentFault),
}


@pytest.mark.postgres
async def test_a_state_that_a_trigger_raises_over_a_row_is_sorted_by_its_class(database: Database, sink: Start) -> None:
    await database.execute(
        "CREATE TABLE orders (id int, state text)",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
        " RAISE EXCEPTION 'refused' USING ERRCODE = NEW.state, CONSTRAINT = 'the_rule', COLUMN = 'id'; END$$",
        "CREATE TRIGGER refuse BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    task = await sink(retry_backoff_ms="0")
    for state, kind in KINDS.items():
        if state in ("0A000", "42804"):
            continue  # of a line of COPY, as this one is, it is the value's
        with pytest.raises(kind) as raised:
            await put(task, make_sink_batch([{"id": 1, "state": state}], base_offset=41))
        assert f"(SQLSTATE {state})" in raised.value.message, state
        assert "record orders-0@41" in raised.value.message, state
        assert "constraint the_rule" in raised.value.message
        assert "column id" in raised.value.message
        assert "user, database, tables and rights" not in (raised.value.hint or ""), state
    assert await database.rows("SELECT * FROM orders") == []


@pytest.mark.parametrize("state", sorted({*DATA, *OUTAGES, *CONFIGS, *FAULTS}))
def test_every_state_has_a_hint_or_none_that_misleads(state: str) -> None:
    hint = hint_of(state, failure_of(state, writing=True))
    assert hint is None or hint.endswith(".")


def test_a_row_that_refers_to_one_that_is_still_to_come_has_a_way_to_wait_for_it() -> None:
    assert "DEFERRABLE INITIALLY DEFERRED" in (hint_of("23503", failure_of("23503", writing=True)) or "")


def test_a_state_that_nobody_knows_is_the_rows_while_rows_are_written_and_else_the_configs() -> None:
    assert failure_of("ZZ001", writing=True) is Failure.DATA
    assert failure_of("ZZ001") is Failure.CONFIG
    assert failure_of("P0001") is Failure.CONFIG
    assert failure_of("42804", writing=True) is Failure.CONFIG
    assert failure_of("42804", writing=True, of_a_line=True) is Failure.DATA


LONG = "".join(chr(97 + (number * 7919) % 26) + str(number) for number in range(4000))


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("table", "bad", "state", "names"),
    [
        ("CREATE TABLE orders (id int, v text); CREATE INDEX ON orders (v)", LONG, "54000", ""),
        (
            "CREATE DOMAIN short AS text CHECK (length(VALUE) < 3); CREATE TABLE orders (id int, v short)",
            "long",
            "23514",
            "short_check",
        ),
        (
            (
                "CREATE TABLE orders (id int, v text) PARTITION BY LIST (v); "
                "CREATE TABLE a PARTITION OF orders FOR VALUES IN ('a')"
            ),
            "b",
            "23514",
            "",
        ),
        (
            (
                "CREATE TABLE base (id int, v text); CREATE VIEW orders AS SELECT * FROM base WHERE v <> 'x' "
                "WITH CHECK OPTION"
            ),
            "x",
            "44000",
            "",
        ),
        ("CREATE TABLE orders (id int, v text)", "nul \0 inside", "22021", ""),
        ("CREATE TABLE orders (id int, v jsonb)", {"a": "nul \0"}, "22P05", ""),
        ("CREATE TABLE orders (id int, v numeric(5,2))", 123456.0, "22003", ""),
        ("CREATE TABLE orders (id int, v bit(3))", "10101", "22026", ""),
        ("CREATE TABLE orders (id int, v text, n int GENERATED ALWAYS AS (100 / length(v)) STORED)", "", "22012", ""),
    ],
)
async def test_a_row_that_the_table_refuses_is_a_data_error_that_names_record_and_rule(
    database: Database, sink: Start, table: str, bad: object, state: str, names: str
) -> None:
    await database.execute(*table.split("; "))
    task = await sink()
    good = {"CREATE DOMAIN": "ok"}.get(table[:13])
    with pytest.raises(DataError, match=f"SQLSTATE {state}") as raised:
        await put(task, make_sink_batch([{"id": 2, "v": bad}], base_offset=7))
    assert "record orders-0@7" in raised.value.message
    assert names in raised.value.message
    if good:
        await put(task, make_sink_batch([{"id": 1, "v": good}]))
    assert len(await database.rows("SELECT * FROM orders")) == (1 if good else 0)


@pytest.mark.postgres
async def test_an_exclusion_constraint_is_a_rule_about_data(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (v int4range, EXCLUDE USING gist (v WITH &&))")
    with pytest.raises(DataError, match="SQLSTATE 23P01") as raised:
        await put(await sink(), make_sink_batch([{"v": "[1,5)"}, {"v": "[4,9)"}]))
    assert "orders_v_excl" in raised.value.message


@pytest.mark.postgres
async def test_the_line_that_copy_names_is_told_as_the_record(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (id int CHECK (id <> 3))")
    with pytest.raises(DataError, match=r"record orders-0@102.*constraint"):
        await put(await sink(), make_sink_batch([{"id": n} for n in range(1, 9)], base_offset=100))


@pytest.mark.postgres
async def test_a_connection_limit_that_is_reached_is_an_outage(database: Database, sink: Start) -> None:
    name = database.url.rpartition("/")[2]
    await database.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 0")
    try:
        with pytest.raises(RetriableError, match="SQLSTATE 53300"):
            await sink(connection_user="few")
    finally:
        await database.execute(f'REVOKE ALL ON DATABASE "{name}" FROM few', "DROP ROLE few")


@pytest.mark.postgres
async def test_a_session_that_has_become_read_only_is_waited_for(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (id int)")
    name = database.url.rpartition("/")[2]
    task = await sink(retry_backoff_ms="0")
    await database.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await database.disconnect_others()
    for _ in range(3):
        with pytest.raises(RetriableError):
            await put(task, make_sink_batch([{"id": 1}]))
    await database.execute(
        "SET default_transaction_read_only = off", f'ALTER DATABASE "{name}" RESET default_transaction_read_only'
    )
    await database.disconnect_others()
    try:
        await put(task, make_sink_batch([{"id": 1}]))
    except RetriableError:
        await put(task, make_sink_batch([{"id": 1}]))
    assert await database.rows("SELECT id FROM orders") == [(1,)]


@pytest.mark.postgres
async def test_missing_rights_say_so(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (id int)", "CREATE ROLE poor_writer LOGIN")
    try:
        with pytest.raises(ConfigError, match="permission denied") as raised:
            await put(await sink(connection_user="poor_writer"), make_sink_batch([{"id": 1}]))
        assert "Grant" in raised.value.hint
    finally:
        await database.execute("DROP ROLE poor_writer")
