"""What lies between worker and server: TLS, poolers, hosts that do not answer."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connect.api import ConfigError, RetriableError
from connect.runtime.failure_kinds import kind_of
from connect_postgres import JdbcSinkConnector, JdbcSourceConnector
from connect_postgres.connection import close, connect, ended_when_silent
from connect_postgres.failures import explained
from connect_postgres.sink_config import SinkConfig
from tests.support.factories import make_sink_batch
from tests.support.pgbouncer import find_pgbouncer
from tests.support.postgres_servers import Servers
from tests.support.tasks import call, connector, put, sink_task, source_task, stop

from .conftest import DEADLINE_S, Database, ids

# -- TLS: a server that gets as far as the handshake ---------------------------------------------------------------


@asynccontextmanager
async def tls_server(context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """A port that answers the request for TLS as PostgreSQL does: with it, or that there is none."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"N" if context is None else b"S")
        try:
            if context is not None:
                await writer.start_tls(context)
            await reader.read(1)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate that nobody has signed, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, which makes the certificate")
    return make_certificate(tmp_path, "server")


def make_certificate(directory: Path, name: str) -> tuple[Path, Path]:
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def key_of(made: str, directory: Path, key: Path) -> Path:
    """A key as somebody may have it: in another format, with a password (hush), of another certificate, or broken."""
    other = directory / "other.key"
    commands = {
        "der": ["pkcs8", "-topk8", "-nocrypt", "-in", str(key), "-outform", "DER", "-out", str(other)],
        "encrypted": ["ec", "-in", str(key), "-aes256", "-passout", "pass:hush", "-out", str(other)],
    }
    if made in commands:
        subprocess.run(["openssl", *commands[made]], check=True, capture_output=True)
    elif made == "stranger":
        return make_certificate(directory, "stranger")[1]
    else:
        other.write_text("-----BEGIN PRIVATE KEY-----\nnothing\n-----END PRIVATE KEY-----\n")
    return other


def config(port: int, **keys: str) -> SinkConfig:
    return SinkConfig.parse(
        {"connection.url": f"postgresql://u@127.0.0.1:{port}/db", **{f"connection.{k}": v for k, v in keys.items()}}
    )


async def test_a_certificate_that_is_not_trusted_is_refused_when_a_key_asks_for_it(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    own, stranger = certificate[0], make_certificate(tmp_path, "stranger")[0]
    async with tls_server(context) as port:
        with pytest.raises(ConfigError, match=r"sslrootcert: file .*nowhere\.pem is missing"):
            await connect(config(port, sslmode="verify-full", sslrootcert=str(tmp_path / "nowhere.pem")))
        with pytest.raises(ConfigError, match="CERTIFICATE_VERIFY_FAILED") as raised:
            await connect(config(port, sslmode="verify-full", sslrootcert=str(stranger)))
        assert "sslrootcert" in raised.value.hint
        with pytest.raises(RetriableError):  # trusted: it goes on to the login, which this server has not
            await connect(config(port, sslmode="verify-full", sslrootcert=str(own), connectTimeout="0.3"))


@pytest.mark.parametrize("keys", [{"sslmode": "verify-full"}, {"sslmode": "verify-ca"}, {"ssl": "true"}])
async def test_a_mode_that_verifies_needs_an_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    with pytest.raises(ConfigError, match="no authority is named: sslrootcert is missing") as raised:
        await connect(config(1, **keys))
    assert "sslrootcert=system" in raised.value.hint
    with pytest.raises(RetriableError):  # with one it gets as far as the port, where nobody is
        await connect(config(1, sslrootcert="system"))


@pytest.mark.parametrize(
    ("made", "keys", "told"),
    [
        ("der", {}, r"sslkey: file .* is not in PEM format"),
        ("encrypted", {}, "has a password, and sslpassword is missing"),
        ("encrypted", {"sslpassword": "wrong"}, "or sslpassword is not its password"),
        ("stranger", {}, "is not the key of sslcert"),
        ("broken", {}, "cannot be read"),
    ],
)
async def test_a_clients_key_that_cannot_be_used_is_told_as_that(
    certificate: tuple[Path, Path], tmp_path: Path, made: str, keys: dict[str, str], told: str
) -> None:
    cert, key = certificate
    other = key_of(made, tmp_path, key)
    with pytest.raises(ConfigError, match=told) as raised:
        await connect(config(1, sslmode="require", sslcert=str(cert), sslkey=str(other), **keys))
    assert "hush" not in str(raised.value)
    if made == "encrypted":
        with pytest.raises(RetriableError):
            await connect(config(1, sslmode="require", sslcert=str(cert), sslkey=str(other), sslpassword="hush"))


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
async def test_a_file_that_the_mode_does_not_read_need_not_be_there(
    postgres_url: str, tmp_path: Path, mode: str
) -> None:
    missing = str(tmp_path / "nowhere.pem")
    keys = {"sslrootcert": missing, **({"sslcert": missing, "sslkey": missing} if mode == "disable" else {})}
    given = {"url": postgres_url, "sslmode": mode, **keys}
    await close(await connect(SinkConfig.parse({f"connection.{name}": value for name, value in given.items()})))


async def test_a_server_without_tls_is_refused_where_it_is_required() -> None:
    async with tls_server(None) as port:
        with pytest.raises(ConfigError, match="no TLS connection as sslmode asks for it") as raised:
            await connect(config(port, sslmode="require"))
        assert kind_of(raised.value) == "config"  # so that no restart policy takes it for an outage


@pytest.mark.postgres
async def test_a_password_goes_by_scram_and_a_wrong_one_is_told(postgres_servers: Servers) -> None:
    server = postgres_servers.make("scram")
    try:
        (server.directory / "pg_hba.conf").write_text(
            "host all postgres 127.0.0.1/32 trust\nhost all carol 127.0.0.1/32 scram-sha-256\n"
        )
        server.start()
        await server.execute("SET password_encryption = 'scram-sha-256'", "CREATE ROLE carol LOGIN PASSWORD 'pässword'")
        keys = {"connection.url": server.url.replace("postgres@", ""), "connection.user": "carol"}
        session = await connect(SinkConfig.parse({**keys, "connection.password": "pässword"}))
        assert await session.fetchval("SELECT current_user") == "carol"
        await close(session)
        for wrong in ({"connection.password": "hush"}, {}):
            with pytest.raises(ConfigError, match="password authentication failed") as raised:
                await connect(SinkConfig.parse({**keys, **wrong}))
            assert "hush" not in str(raised.value)
    finally:
        postgres_servers.discard(server)


# -- hosts ---------------------------------------------------------------------------------------------------------


@pytest.mark.postgres
async def test_a_host_that_swallows_everything_does_not_keep_the_next_from_being_tried(database: Database) -> None:
    with socket.socket() as silent:  # takes connections and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        where = database.url.rpartition("@")[2]
        url = f"postgresql://postgres@127.0.0.1:{silent.getsockname()[1]},{where}?connectTimeout=0.2"
        connection = await asyncio.wait_for(connect(SinkConfig.parse({"connection.url": url})), DEADLINE_S)
        assert await connection.fetchval("SELECT 1") == 1
        peer = connection._transport.get_extra_info("socket")
        assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        await connection.close()


@pytest.mark.postgres
async def test_a_server_that_says_nothing_for_too_long_is_one_that_is_lost(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect_postgres.connection.LOOK_TIMEOUT_S", 0.05)
    connection = await connect(SinkConfig.parse({"connection.url": database.url, "topics": "t"}))

    async def look() -> None:
        async with explained("looking", "there"), connection.transaction():
            with ended_when_silent(connection):
                await connection.execute("SELECT pg_sleep(60)")

    with pytest.raises(RetriableError, match=r"looking: the connection to PostgreSQL .* was lost"):
        await look()
    assert connection.is_closed()


async def test_the_name_of_the_application_is_the_urls_where_it_gives_one(database: Database) -> None:
    for query, name in (("", "connect"), ("?ApplicationName=orders", "orders")):
        connection = await connect(SinkConfig.parse({"connection.url": database.url + query}))
        assert await connection.fetchval("SHOW application_name") == name
        await connection.close()


async def test_a_sink_connector_starts_without_its_server_and_leaves_the_waiting_to_its_tasks() -> None:
    made = await connector(JdbcSinkConnector, {"connection.url": "postgresql://127.0.0.1:1/db", "topics": "t"})
    await call(made.start)
    assert len(made.task_configs(2)) == 2
    await call(made.stop)


# -- PgBouncer -----------------------------------------------------------------------------------------------------


@pytest.fixture
def pooled(database: Database) -> Iterator[str]:
    """The URL of the database behind PgBouncer in transaction mode, with one session for all."""
    found = find_pgbouncer()
    if isinstance(found, str):
        pytest.skip(found)
    at, _, name = database.url.rpartition("@")[2].partition("/")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    directory = Path(tempfile.mkdtemp(prefix="connect-test-"))  # not pytest's own, which is closed to other users
    directory.chmod(0o755)
    settings = directory / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\nf = host={at.partition(':')[0]} port={at.partition(':')[2]} dbname={name} user=postgres\n"
        "[pgbouncer]\n"
        f"listen_addr=127.0.0.1\nlisten_port={port}\nauth_type=any\npool_mode=transaction\ndefault_pool_size=1\nunix_socket_dir=\n"
    )
    as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [found.path, "-q", *as_nobody, settings]
    with subprocess.Popen(command, env=found.environment, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + DEADLINE_S
            while not _answers(port):
                assert time.monotonic() < deadline, "pgbouncer did not come up"
                assert process.poll() is None, "pgbouncer has ended"
                time.sleep(0.01)
            yield f"jdbc:postgresql://postgres@127.0.0.1:{port}/f"
        finally:
            process.terminate()
            shutil.rmtree(directory)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.mark.postgres
@pytest.mark.parametrize("query", ["", "?prepareThreshold=0"], ids=["as it is", "prepareThreshold=0"])
async def test_source_and_sink_share_one_session_behind_a_pooler(database: Database, pooled: str, query: str) -> None:
    await database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY)",
        "INSERT INTO orders SELECT generate_series(1, 30)",
        "CREATE TABLE copies (id int PRIMARY KEY, e inet)",
    )
    given = {
        "connection.url": pooled + query,
        "mode": "incrementing",
        "incrementing.column.name": "id",
        "topic.prefix": "p",
        "tables": "public.orders",
        "poll.interval.ms": "1",
        "batch.max.rows": "10",
    }
    source = await source_task(JdbcSourceConnector, given)
    keys = {"insert.mode": "upsert", "pk.mode": "record_value", "pk.fields": "id"}
    sinks = [
        await sink_task(JdbcSinkConnector, {"connection.url": pooled + query, "topics": "copies", **mode})
        for mode in ({}, keys)
    ]
    assert await ids(source, 30) == [*range(1, 31)]
    for number in range(3):
        for index, one in enumerate(sinks):
            await put(one, make_sink_batch([{"id": 10 * number + index, "e": "10.0.0.1"}], topic="copies"))
    assert await database.rows("SELECT count(*) FROM copies") == [(6,)]
    for task in (source, *sinks):
        await stop(task)


def test_a_password_is_a_secret_and_the_target_shows_none() -> None:
    config = JdbcSinkConnector.config_class.parse(
        {"connection.url": "postgresql://u:s3cret@h/db", "connection.password": "pa55"}
    )
    assert "pa55" not in repr(config.connection_password)
    assert config.target == "postgresql://u:[hidden]@h/db"
    assert config.dsn == "postgresql://u:pa55@h/db"
