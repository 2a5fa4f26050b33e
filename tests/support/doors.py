"""A worker on real listeners, with certificates made for the test."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import trustme

from connect import credentials
from connect.app import open_worker
from connect.rest.server import serve
from connect.runtime.herder import Herder
from connect.runtime.worker_config import WorkerConfig
from tests.support.declared import checked_app
from tests.support.plain import NO_TLS

PASSWORD = "correct horse battery"
ANY_PORT = "http://127.0.0.1:0"
ANY_TLS_PORT = "https://127.0.0.1:0"


def assert_error(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["x-connect-error-code"]) == (status, code), answer.text
    assert set(answer.json()) == {"error_code", "message"}


@dataclass(slots=True)
class ServedWorker:
    """A worker that listens."""

    herder: Herder
    urls: list[str]
    app: Any = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the first listener."""
        host, _, port = self.urls[0].partition("://")[2].rpartition(":")
        return host, int(port)

    async def get(self, path: str = "/", url: int = 0, **options: Any) -> httpx.Response:
        return await self.request("GET", path, url=url, **options)

    async def request(
        self, method: str, path: str, *, url: int = 0, verify: Any = NO_TLS, **options: Any
    ) -> httpx.Response:
        """One request on a connection of its own; for https, `verify` says whom to trust."""
        async with httpx.AsyncClient(base_url=self.urls[url], verify=verify, trust_env=False) as client:
            return await client.request(method, path, **options)

    async def raw(self, text: bytes) -> bytes:
        """Send bytes, and return what comes until the connection ends."""
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(text)
        try:
            return await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()


@asynccontextmanager
async def served_worker(tmp_path: Path, *listeners: str, **keys: str) -> AsyncIterator[ServedWorker]:
    """Run a worker with these listeners (one http on a free port when none is given)."""
    config = {"data.dir": str(tmp_path / "data"), "listeners": ",".join(listeners or (ANY_PORT,)), **keys}
    async with open_worker(WorkerConfig.parse(config)) as herder:
        with checked_app(herder) as app:
            async with serve(app, herder.worker_config) as urls:
                yield ServedWorker(herder, urls, app)
                await app.state.leader.aclose()


@dataclass(frozen=True, slots=True)
class Certificates:
    """A certificate authority of the test's own: what a server and a client need, as PEM files."""

    ca: trustme.CA
    folder: Path

    @property
    def ca_file(self) -> Path:
        return self._written("ca.pem", self.ca.cert_pem.bytes())

    @property
    def server_file(self) -> Path:
        """Private key and certificate of 127.0.0.1 and localhost."""
        return self._written(
            "server.pem", self.ca.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.bytes()
        )

    def client_file(self, name: str = "client@example.org") -> Path:
        return self._written("client.pem", self.ca.issue_cert(name).private_key_and_cert_chain_pem.bytes())

    def trusting(self, client: Path | None = None) -> ssl.SSLContext:
        """What a client that trusts the authority verifies with, and shows."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if client is not None:
            context.load_cert_chain(client)
        return context

    def _written(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


def make_certificates(tmp_path: Path) -> Certificates:
    folder = tmp_path / "certificates"
    folder.mkdir(exist_ok=True)
    return Certificates(trustme.CA(), folder)


@functools.cache
def _hashed(password: str, _user: str) -> str:
    """Return a hash of a user's own, made once: it takes as long as a test."""
    return credentials.hash_password(password)


def make_users(tmp_path: Path) -> tuple[Path, str]:
    """A credentials file with ann (write) and bob (read), password `PASSWORD`, and a token of grafana (read)."""
    token, hashed = credentials.new_token()
    entries = [
        credentials.Entry("ann", credentials.Role.WRITE, _hashed(PASSWORD, "ann")),
        credentials.Entry("bob", credentials.Role.READ, _hashed(PASSWORD, "bob")),
        credentials.Entry("grafana", credentials.Role.READ, hashed),
    ]
    path = tmp_path / "users"
    credentials.write(path, {entry.name: entry for entry in entries})
    return path, token
