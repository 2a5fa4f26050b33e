"""PostgreSQL that stops, crashes, fails over, refuses and hangs, under connectors that run: what resumes by itself.

Real servers of the test's own are stopped and promoted; what the server says of a full disk is raised by a trigger.
In every case: nothing is lost, nothing is there twice with exactly-once, no record is called bad, and what is waited
for is told. CONNECT_OUTAGES is the number of rounds; see tests/support/lengths.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from connect.api import RetriableError
from connect.records import Columns
from connect.runtime.model import State
from connect.runtime.plugins import PluginHost
from connect.testing.crash import Proxy
from connect_postgres import JdbcSinkConnector
from tests.support import vaults
from tests.support.lengths import length
from tests.support.postgres_servers import Server, Servers
from tests.support.tasks import sink_task, stop
from tests.support.worker import JSON, RunningWorker, running_worker, until

pytestmark = pytest.mark.postgres
ROUNDS: Final = length("CONNECT_OUTAGES")
EXACTLY: Final = {"delivery.guarantee": "exactly-once"}
SOON: Final = {"errors.retry.delay.max.ms": "50", "retry.backoff.ms": "10", "connection.backoff.ms": "20"}
LOST: Final = "has lost what it had confirmed"


@pytest.fixture(scope="module")
def server(postgres_servers: Servers) -> Iterator[Server]:
    """One that the tests here stop and start in turn; each leaves it running."""
    made = postgres_servers.make("outages")
    made.start()
    yield made
    postgres_servers.discard(made)


@pytest.fixture
async def fresh(server: Server) -> Server:
    """It, with nothing of a test before."""
    await server.execute("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "GRANT ALL ON SCHEMA public TO public")
    return server


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as running:
        yield running


def sink(url: str, **keys: str) -> dict[str, str]:
    """Plain inserts into a table without a key: whatever comes twice is there twice."""
    return {
        "connector.class": "JdbcSinkConnector",
        "connection.url": url,
        "topics": "t",
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "letters",
        **SOON,
        **{key.replace("_", "."): value for key, value in keys.items()},
    }


def source(url: str, **keys: str) -> dict[str, str]:
    return {
        "connector.class": "JdbcSourceConnector",
        "connection.url": url,
        "mode": "incrementing",
        "incrementing.column.name": "id",
        "table.whitelist": "orders",
        "topic.prefix": "pg-",
        "poll.interval.ms": "5",
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        **SOON,
        **keys,
    }


async def create(worker: RunningWorker, name: str, config: dict[str, str]) -> None:
    answer = await worker.client.put(f"/connectors/{name}/config", json=config)
    assert answer.status_code == 201, answer.text


class Numbers:
    """Puts numbers that count up into topic t."""

    def __init__(self, worker: RunningWorker) -> None:
        self.count = 0
        self._cluster = worker.herder.cluster

    async def add(self, count: int) -> None:
        producer = self._cluster.producer(client_id="test")
        for first in range(self.count, self.count + count, 20):
            values = [b'{"id": %d}' % number for number in range(first, min(first + 20, self.count + count))]
            await producer.append("t", Columns(values))
        self.count += count
        await producer.aclose()

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Let some come all the while."""

        is_over = asyncio.Event()

        async def flow() -> None:
            while not is_over.is_set():
                await self.add(20)
                await asyncio.sleep(0.005)

        async with asyncio.TaskGroup() as group:
            group.create_task(flow())
            try:
                yield
            finally:
                is_over.set()  # and not cancelled: what is appended is counted


@pytest.fixture
async def numbers(worker: RunningWorker) -> Numbers:
    await worker.herder.cluster.admin.create_topic("t")
    return Numbers(worker)


async def ids(server: Server, table: str) -> list[int]:
    return [row[0] for row in await server.rows(f"SELECT id FROM {table} ORDER BY id")]


async def until_all_are_there(server: Server, table: str, count: int, *, deadline_s: float = 30.0) -> None:
    """Wait until so many numbers are in a table; then each is there once."""
    async with asyncio.timeout(deadline_s):
        while len(set(found := await ids(server, table))) < count:  # noqa: ASYNC110 - it is the server that is asked
            await asyncio.sleep(0.02)
    assert found == list(range(count))


async def until_it_waits(worker: RunningWorker, subject: str, *texts: str) -> None:
    """Wait until /v1/warnings tells what something waits for."""
    async with asyncio.timeout(30):
        while True:
            warnings = (await worker.client.get("/v1/warnings")).json()
            told = [w for w in warnings["warnings"] if w["subject"] == subject and "waits" in w["message"]]
            if any(all(text in w["message"] for text in texts) for w in told):
                return
            await asyncio.sleep(0.01)


async def assert_nothing_was_bad(worker: RunningWorker, *names: str) -> None:
    for name in names:
        status = worker.herder.status(name)
        assert [task.state for task in status.tasks] == [State.RUNNING], status
    if await worker.herder.cluster.admin.partitions("letters") is not None:
        assert await worker.values("letters") == []


class Orders:
    """A table whose writer goes on through outages, as an application would: each row is committed once."""

    def __init__(self, url: str) -> None:
        self.written: list[int] = []
        self._url = url

    @asynccontextmanager
    async def written_to(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._write())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _write(self) -> None:
        connection: asyncpg.Connection | None = None
        number = len(self.written)
        while True:
            try:
                connection = connection or await asyncpg.connect(self._url, timeout=5, target_session_attrs="primary")
                await connection.execute(f"INSERT INTO orders VALUES ({number}) ON CONFLICT DO NOTHING")
                self.written.append(number)
                number += 1
                await asyncio.sleep(0.002)
            except asyncio.CancelledError:
                if connection is not None:
                    connection.terminate()
                raise
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                connection = None
                await asyncio.sleep(0.01)
            except asyncpg.TargetServerAttributeNotMatched:
                await asyncio.sleep(0.01)


async def read_orders(worker: RunningWorker) -> list[int]:
    return [json.loads(value or b"")["id"] for value in await worker.values("pg-orders")]


@pytest.mark.slow
async def test_connectors_come_back_however_a_server_stops(
    worker: RunningWorker, numbers: Numbers, fresh: Server
) -> None:
    server, orders = fresh, Orders(fresh.url)
    await server.execute(
        "CREATE TABLE once (id bigint)", "CREATE TABLE least (id bigint)", "CREATE TABLE orders (id int PRIMARY KEY)"
    )
    await create(worker, "once", sink(server.url, table_name_format="once", **EXACTLY))
    await create(worker, "least", sink(server.url, table_name_format="least"))
    await create(worker, "orders", source(server.url))
    async with numbers.flowing(), orders.written_to():
        for mode in ["immediate", "fast", "smart"] * ROUNDS:
            before = (worker.records("once"), worker.records("least"), worker.records("orders"))
            await until(
                lambda: (
                    worker.records("once") > before[0]  # noqa: B023 - within this round
                    and worker.records("least") > before[1]  # noqa: B023
                    and worker.records("orders") > before[2]  # noqa: B023
                )
            )
            if mode == "smart":  # which ends with the last connection: those that are there go on
                server.begin_smart_stop()
                before = (worker.records("once"),) * 3
                await until(lambda: worker.records("once") > before[0])  # noqa: B023
                mode = "fast"
            server.stop(mode)
            for name in ("once", "least", "orders"):
                await until_it_waits(worker, f"{name}-0", f":{server.port}/postgres")
            server.start()
    await until_all_are_there(server, "once", numbers.count)
    async with asyncio.timeout(30):
        while set(await ids(server, "least")) != set(range(numbers.count)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    written = await ids(server, "orders")
    assert set(orders.written) <= set(written), "the writer's own"
    await until(lambda: worker.records("orders") >= len(written))
    assert await read_orders(worker) == written
    await assert_nothing_was_bad(worker, "once", "least", "orders")


# -- failover ----------------------------------------------------------------------------------------------------------


class Pair:
    """A primary and its standby, one URL for both, and what happens to them."""

    def __init__(self, servers: Servers, *, synchronous: bool) -> None:
        self._servers = servers
        self.first = servers.make("first")
        self.first.start()
        self.second = servers.make_standby(self.first, "second")
        self.second.start()
        if synchronous:
            self.first.set("synchronous_standby_names", "second")

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{self.first.at},{self.second.at}/postgres?targetServerType=primary"

    def close(self) -> None:
        self._servers.discard(self.first, self.second)


@pytest.mark.slow
async def test_nothing_is_lost_and_nothing_missed_where_a_synchronous_standby_is_promoted(
    worker: RunningWorker, numbers: Numbers, postgres_servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.closing(Pair(postgres_servers, synchronous=True)) as pair:
        orders = Orders(pair.url.replace("?targetServerType=primary", ""))
        await pair.first.execute(
            "CREATE TABLE once (id bigint)",
            "CREATE TABLE least (id bigint)",
            "CREATE TABLE orders (id int PRIMARY KEY)",
        )
        await create(worker, "once", sink(pair.url, table_name_format="once", **EXACTLY))
        await create(worker, "least", sink(pair.url, table_name_format="least"))
        await create(worker, "orders", source(pair.url))
        async with numbers.flowing(), orders.written_to():
            await until(lambda: min(map(worker.records, ("once", "least", "orders"))) > 20)
            pair.first.stop("immediate")
            for name in ("once", "least", "orders"):
                await until_it_waits(worker, f"{name}-0", f":{pair.second.port}/postgres")
            before = len(orders.written)
            pair.second.promote()
            await until(lambda: len(orders.written) > before)
        await until_all_are_there(pair.second, "once", numbers.count)
        async with asyncio.timeout(30):
            while set(await ids(pair.second, "least")) != set(range(numbers.count)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        written = await ids(pair.second, "orders")
        assert set(orders.written) <= set(written)
        await until(lambda: worker.records("orders") >= len(written))
        assert await read_orders(worker) == written
        assert LOST not in caplog.text
        await assert_nothing_was_bad(worker, "once", "least", "orders")


@pytest.mark.slow
@pytest.mark.parametrize("more", [False, True], ids=["idle", "with-more-records"])
async def test_what_an_asynchronous_standby_has_not_received_is_written_again_with_exactly_once(
    worker: RunningWorker, numbers: Numbers, postgres_servers: Servers, caplog: pytest.LogCaptureFixture, more: bool
) -> None:
    with contextlib.closing(Pair(postgres_servers, synchronous=False)) as pair:
        await pair.first.execute("CREATE TABLE once (id bigint)", "CREATE TABLE least (id bigint)")
        await create(worker, "once", sink(pair.url, table_name_format="once", **EXACTLY))
        await create(worker, "least", sink(pair.url, table_name_format="least"))
        await numbers.add(100)
        await until_all_are_there(pair.second, "once", 100)
        await until_all_are_there(pair.second, "least", 100)
        pair.second.stop()
        await numbers.add(100)
        await until_all_are_there(pair.first, "once", 200)
        await until_all_are_there(pair.first, "least", 200)
        pair.first.stop("immediate")
        if more:
            await numbers.add(50)
        pair.second.start()
        pair.second.promote()
        await until_all_are_there(pair.second, "once", numbers.count)
        assert LOST in caplog.text
        # At least once has nothing to know it by: the group's offsets are behind what was confirmed.
        await until(lambda: worker.records("least") == numbers.count)
        assert await ids(pair.second, "least") == [n for n in range(numbers.count) if not 100 <= n < 200]
        await assert_nothing_was_bad(worker, "once", "least")
        assert worker.records("once") == numbers.count + 100


# -- a server that refuses, or is too slow -----------------------------------------------------------------------------

#: What the server says of what passes: raised by a trigger, in the middle of COPY, as by the server itself.
PASSING: Final = {
    "40001": "could not serialize access",
    "40P01": "deadlock detected",
    "53100": "could not extend file: No space left on device",
    "53200": "out of memory",
    "53300": "too many connections",
    "53400": "temporary file size exceeds temp_file_limit",
    "55P03": "canceling statement due to lock timeout",
    "57014": "canceling statement due to statement timeout",
    "57P01": "terminating connection due to administrator command",
    "57P03": "the database system is shutting down",
    "58030": "could not write to file: Input/output error",
    "08006": "connection failure",
    "25006": "cannot execute INSERT in a read-only transaction",
}


@pytest.mark.slow
async def test_what_passes_is_waited_for_and_is_no_records_fault(
    worker: RunningWorker, numbers: Numbers, fresh: Server
) -> None:
    await fresh.execute(
        "CREATE TABLE once (id bigint)",
        "CREATE TABLE fault (state text, message text)",
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE found record; BEGIN "
        "SELECT * INTO found FROM fault; IF found.state IS NOT NULL AND NEW.id % 2 = 0 THEN "
        "RAISE EXCEPTION '%', found.message USING ERRCODE = found.state; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER fail BEFORE INSERT ON once FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    await create(worker, "once", sink(fresh.url, table_name_format="once", **EXACTLY))
    for state, message in PASSING.items():
        await fresh.execute(f"INSERT INTO fault VALUES ('{state}', '{message}')")
        await numbers.add(20)
        await until_it_waits(worker, "once-0", f"SQLSTATE {state}", message)
        await fresh.execute("DELETE FROM fault")
        await until_all_are_there(fresh, "once", numbers.count)
    await assert_nothing_was_bad(worker, "once")


@pytest.mark.parametrize(
    ("state", "setting"), [("55P03", "lock_timeout"), ("57014", "statement_timeout"), ("40P01", "deadlock_timeout")]
)
async def test_a_lock_of_another_session_is_waited_for(
    worker: RunningWorker, numbers: Numbers, fresh: Server, state: str, setting: str
) -> None:
    await fresh.execute("CREATE TABLE once (id bigint)", f"ALTER DATABASE postgres SET {setting} = '100ms'")
    other = await asyncpg.connect(fresh.url, server_settings={setting: "20s"})
    try:
        await create(worker, "once", sink(fresh.url, table_name_format="once", **EXACTLY))
        await numbers.add(20)
        await until_all_are_there(fresh, "once", 20)
        transaction = other.transaction()
        await transaction.start()
        await other.execute("LOCK TABLE once IN SHARE MODE")
        await numbers.add(20)
        if state == "40P01":  # each has what the other one wants
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'once'::regclass"
            while await other.fetchval(waiting) == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            update = asyncio.create_task(other.execute("UPDATE connect_offsets SET updated_at = now()"))
            await until_it_waits(worker, "once-0", f"SQLSTATE {state}")
            await update
        else:
            await until_it_waits(worker, "once-0", f"SQLSTATE {state}")
        await transaction.rollback()
        await until_all_are_there(fresh, "once", 40)
        await assert_nothing_was_bad(worker, "once")
    finally:
        await other.close()
        await fresh.execute(f"ALTER DATABASE postgres RESET {setting}")


async def test_connections_that_others_have_are_waited_for_at_the_start_and_while_it_runs(
    worker: RunningWorker, numbers: Numbers, fresh: Server
) -> None:
    await fresh.execute("CREATE TABLE once (id bigint)", "CREATE TABLE orders (id int PRIMARY KEY)")
    await fresh.execute(
        "DROP ROLE IF EXISTS plain", "CREATE ROLE plain LOGIN", "GRANT ALL ON ALL TABLES IN SCHEMA public TO plain"
    )
    url = fresh.url.replace("postgres@", "plain@")
    crowd = await crowded(url)
    await create(worker, "once", sink(url, table_name_format="once", **EXACTLY))
    await create(worker, "orders", source(url))
    await numbers.add(20)
    await until_it_waits(worker, "once-0", "SQLSTATE 53300")
    await until_it_waits(worker, "orders", "SQLSTATE 53300")
    await asyncio.gather(*(one.close() for one in crowd))
    await until_all_are_there(fresh, "once", 20)
    await fresh.execute("INSERT INTO orders VALUES (1)")
    await until(lambda: worker.records("orders") == 1)

    crowd = []
    ours = "FROM pg_stat_activity WHERE application_name = 'connect'"
    while await fresh.rows(f"SELECT 1 {ours}"):  # whoever is quicker has the connection
        await fresh.execute(f"SELECT pg_terminate_backend(pid, 5000) {ours}")
        crowd += await crowded(url)
    await numbers.add(20)
    await fresh.execute("INSERT INTO orders VALUES (2)")
    await until_it_waits(worker, "once-0", "SQLSTATE 53300")
    await until_it_waits(worker, "orders-0", "SQLSTATE 53300")
    await asyncio.gather(*(one.close() for one in crowd))
    await until_all_are_there(fresh, "once", 40)
    await until(lambda: worker.records("orders") == 2)
    await assert_nothing_was_bad(worker, "once", "orders")


async def crowded(url: str) -> list[asyncpg.Connection]:
    """Take every connection that the server has left."""
    crowd: list[asyncpg.Connection] = []
    with contextlib.suppress(asyncpg.TooManyConnectionsError):
        while True:
            crowd.append(await asyncpg.connect(url))
    return crowd


# -- cut, slow and frozen ----------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_connection_that_is_cut_in_the_middle_of_a_copy_leaves_each_record_there_once(
    worker: RunningWorker, numbers: Numbers, fresh: Server
) -> None:
    await fresh.execute("CREATE TABLE once (id bigint)")
    with Proxy("127.0.0.1", fresh.port) as proxy:
        url = fresh.url.replace(f":{fresh.port}/", f":{proxy.port}/")
        await create(worker, "once", sink(url, table_name_format="once", **EXACTLY))
        await numbers.add(20)
        await until_all_are_there(fresh, "once", 20)
        await worker.herder.pause("once")
        await worker.until_state("once", State.PAUSED)
        for size_bytes in (2_000, 30_000, 60_000) * ROUNDS:  # of about 110,000 that one fetch comes to
            before = proxy.connections
            await numbers.add(6_000)
            proxy.cut_after(size_bytes)
            await worker.herder.resume("once")
            await until(lambda: proxy.connections > before)  # noqa: B023 - within this round
            await until_all_are_there(fresh, "once", numbers.count)
            await worker.herder.pause("once")
            await worker.until_state("once", State.PAUSED)
        await worker.herder.resume("once")
        proxy.delay_s = 0.05
        await numbers.add(100)
        await until_all_are_there(fresh, "once", numbers.count)
    await assert_nothing_was_bad(worker, "once")


async def test_a_server_that_hangs_is_waited_for_and_no_start_fails_by_it(
    worker: RunningWorker, numbers: Numbers, fresh: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONNECT_TIMEOUT_S", "CLOSE_TIMEOUT_S", "LOOK_TIMEOUT_S"):
        monkeypatch.setattr(f"connect_postgres.connection.{name}", 0.3)
    await fresh.execute("CREATE TABLE once (id bigint)", "CREATE TABLE orders (id int PRIMARY KEY)")
    await create(worker, "once", sink(fresh.url, table_name_format="once", **EXACTLY))
    await create(worker, "orders", source(fresh.url))
    await numbers.add(20)
    await until_all_are_there(fresh, "once", 20)
    task = await sink_task(JdbcSinkConnector, sink(fresh.url, **EXACTLY))
    fresh.freeze()
    try:
        await numbers.add(20)
        with pytest.raises(RetriableError, match="taking over offsets"):
            await asyncio.wait_for(task.resume_offsets([("other", 0)]), 20)
        await worker.client.post("/connectors/orders/restart?includeTasks=true")
        await until_it_waits(worker, "orders", "cannot be reached")
    finally:
        fresh.thaw()
        await stop(task)
    await until_all_are_there(fresh, "once", 40)
    await fresh.execute("INSERT INTO orders VALUES (1)")
    await until(lambda: worker.records("orders") == 1)
    await assert_nothing_was_bad(worker, "once", "orders")


# -- two of them -------------------------------------------------------------------------------------------------------


async def test_of_two_workers_with_one_log_in_two_copies_the_later_one_writes_and_the_other_is_shut_out(
    fresh: Server, tmp_path: Path
) -> None:
    await fresh.execute("CREATE TABLE once (id bigint)")
    config = sink(fresh.url, table_name_format="once", **EXACTLY)
    first, second = tmp_path / "first", tmp_path / "second"
    async with running_worker(first) as old:
        await old.herder.cluster.admin.create_topic("t")
        await create(old, "once", config)
        numbers = Numbers(old)
        await numbers.add(100)
        await until_all_are_there(fresh, "once", 100)
    shutil.copytree(first / "data", second / "data")
    claimed = await claims(fresh)
    async with running_worker(first) as old:
        claimed = await claims(fresh, other_than=claimed)
        async with running_worker(second) as new:
            await claims(fresh, other_than=claimed)
            late = Numbers(old)
            late.count = 1000
            await late.add(20)
            assert "was taken over by another task" in await old.until_failed("once")
            numbers = Numbers(new)
            numbers.count = 100
            await numbers.add(20)
            await until_all_are_there(fresh, "once", 120)
            await assert_nothing_was_bad(new, "once")


async def claims(server: Server, *, other_than: Sequence[Any] = ()) -> list[Any]:
    """Wait until each partition is claimed anew, and return by whom."""
    async with asyncio.timeout(30):
        while (found := await server.rows("SELECT owner FROM connect_offsets")) == other_than:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


async def test_two_workers_whose_logs_have_nothing_in_common_both_write_each_record_once(
    fresh: Server, tmp_path: Path
) -> None:
    await fresh.execute("CREATE TABLE once (id bigint)")
    config = sink(fresh.url, table_name_format="once", **EXACTLY)
    async with running_worker(tmp_path / "a") as one, running_worker(tmp_path / "b") as other:
        for worker, start in ((one, 0), (other, 100)):
            await worker.herder.cluster.admin.create_topic("t")
            await create(worker, "once", config)
            numbers = Numbers(worker)
            numbers.count = start
            await numbers.add(100)
        await until_all_are_there(fresh, "once", 200)
        assert await fresh.rows("SELECT count(DISTINCT topic_id), count(*) FROM connect_offsets") == [(2, 2)]
        await assert_nothing_was_bad(one, "once")
        await assert_nothing_was_bad(other, "once")


# -- secrets that change -----------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_restarts_for_new_values_of_a_provider_neither_lose_nor_repeat_a_record(
    fresh: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fresh.execute("CREATE TABLE once (id bigint)", "CREATE TABLE orders (id int PRIMARY KEY)")
    discover = PluginHost.discover

    def with_vaults(*args: Any, **kwargs: Any) -> PluginHost:
        host = discover(*args, **kwargs)
        host.register(vaults, "vaults")
        return host

    monkeypatch.setattr(PluginHost, "discover", with_vaults)
    vaults.empty()
    monkeypatch.setattr("connect.runtime.providers.reloads.TTL_MS_MIN", 10)
    vaults.HELD["db"] = {"password": "0"}  # which this server does not ask for
    vaults.TTL_MS["db"] = 10
    providers = {"config_providers": "vault", "config_providers_vault_class": "tests.support.vaults.Vault"}
    reference = {"connection.password": "${vault:db:password}", "config.action.reload": "restart"}
    orders = Orders(fresh.url)
    async with running_worker(tmp_path, offset_flush_interval_ms="30", **providers) as worker:
        await worker.herder.cluster.admin.create_topic("t")
        numbers = Numbers(worker)
        await create(worker, "once", sink(fresh.url, table_name_format="once", **EXACTLY, **reference))
        await create(worker, "orders", source(fresh.url, **reference))
        async with numbers.flowing(), orders.written_to():
            for number in range(4 * ROUNDS):
                before = await sessions(fresh, 2)
                vaults.HELD["db"]["password"] = str(number + 1)
                await sessions(fresh, 2, other_than=before)
        await until_all_are_there(fresh, "once", numbers.count)
        written = await ids(fresh, "orders")
        async with asyncio.timeout(30):
            while len(await read_orders(worker)) < len(written):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await read_orders(worker) == written
    vaults.empty()


async def sessions(server: Server, count: int, *, other_than: Sequence[int] = ()) -> list[int]:
    """Wait until the tasks have so many sessions, none of which is one of these; return them."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'connect'"
    async with asyncio.timeout(30):
        while len(found := [row[0] for row in await server.rows(query)]) < count or set(found) & set(other_than):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found
