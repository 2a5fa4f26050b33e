"""Change data capture by the crash kit: a worker that is killed within snapshots, transactions and commits.

CONNECT_KIT_KILLS is the number of kills; see tests/support/lengths.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from connect.testing.crash import CrashTest, LogTarget, Proxy, Seen, arrived, at_await, at_call, clean_stop
from connect.testing.crash.targets import parse_text, text_of
from tests.integration.test_crash_kit import IN_TRANSACTIONS, TRANSACTION_MARKS
from tests.support.lengths import length
from tests.support.worker import JSON

from .conftest import keys_of

KILLS = length("CONNECT_KIT_KILLS")
pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(180 + 15 * KILLS)]


class TableUpstream:
    """Rows that are inserted into a table, each with a key and its number; each write is one transaction."""

    def __init__(self, url: str, *, padding: str = "") -> None:
        self._url = url
        self._padding = padding
        self._written: list[Seen] = []
        self._run(self._execute("CREATE TABLE t (id bigserial PRIMARY KEY, line text, padding text)"))

    def write(self, count: int) -> None:
        """Insert so many rows with one statement."""
        start = len(self._written)
        new = [Seen(f"k{n % 3}", n // 3) for n in range(start, start + count)]
        self._run(self._insert([text_of(seen) for seen in new]))
        self._written += new

    def written(self) -> Sequence[Seen]:
        return self._written

    def finish(self, url: str) -> None:
        """Do nothing: no more rows come."""

    async def _insert(self, lines: list[str]) -> None:
        await self._execute(
            "INSERT INTO t (line, padding) SELECT line, $2 FROM unnest($1::text[]) AS line", lines, self._padding
        )

    async def _execute(self, statement: str, *arguments: Any) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            await connection.execute(statement, *arguments)
        finally:
            await connection.close()

    @staticmethod
    def _run(work: Coroutine[Any, Any, None]) -> None:
        asyncio.run(work)


def config(url: str, **keys: str) -> dict[str, str]:
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "key.converter": JSON,
        "errors.retry.delay.max.ms": "50",
        "tombstones.on.delete": "false",
        **keys_of(url, **keys),
    }


def line_of(value: bytes) -> Seen | None:
    return parse_text(json.loads(value)["after"]["line"])


@pytest.mark.parametrize("is_exact", [False, True], ids=["at-least-once", "exactly-once"])
async def test_changes_survive_kills(tmp_path: Path, postgres_url: str, slot: str, *, is_exact: bool) -> None:
    upstream = await asyncio.to_thread(TableUpstream, postgres_url)
    keys = config(postgres_url, max_batch_size="7")
    marks = [arrived(30, chooses=True), at_call("offsets", 3, "after", chooses=True), at_await(200, chooses=True)]
    crash = CrashTest(
        tmp_path,
        {"in": {**keys, "exactly.once.support": "required"} if is_exact else keys},
        upstream,
        LogTarget(tmp_path / "data", "p.public.t", line_of),
        kills=KILLS,
        marks=TRANSACTION_MARKS if is_exact else [*marks, clean_stop(40)],
        worker=IN_TRANSACTIONS if is_exact else {},
    )
    report = await asyncio.to_thread(crash.run)
    report.assert_exactly_once() if is_exact else report.assert_at_least_once()


@pytest.mark.night
async def test_a_snapshot_that_is_killed_goes_on_where_it_was(tmp_path: Path, postgres_url: str, slot: str) -> None:
    upstream = await asyncio.to_thread(TableUpstream, postgres_url, padding="x" * 500)
    await asyncio.to_thread(upstream.write, 12_000)
    crash = CrashTest(
        tmp_path,
        {"in": {**config(postgres_url), "exactly.once.support": "required"}},
        upstream,
        LogTarget(tmp_path / "data", "p.public.t", line_of),
        kills=KILLS,
        marks=[
            at_call("commit_transaction", 3, "before", chooses=True),
            at_call("commit_transaction", 3, "after", chooses=True),
            arrived(3000, chooses=True),
        ],
        worker=IN_TRANSACTIONS,
    )
    report = await asyncio.to_thread(crash.run)
    report.assert_exactly_once()


async def test_changes_survive_cuts_of_the_connection(tmp_path: Path, postgres_url: str, slot: str) -> None:
    at = urlsplit(postgres_url)
    assert at.hostname is not None
    assert at.port is not None
    upstream = await asyncio.to_thread(TableUpstream, postgres_url)
    with Proxy(at.hostname, at.port) as proxy:
        url = postgres_url.replace(f":{at.port}/", f":{proxy.port}/")
        cuts = [proxy.cut, proxy.half_close, lambda: proxy.cut_after(4000)]
        crash = CrashTest(
            tmp_path,
            {"in": {**config(url, max_batch_size="11"), "exactly.once.support": "required"}},
            upstream,
            LogTarget(tmp_path / "data", "p.public.t", line_of),
            kills=KILLS,
            marks=[*(arrived(20, cut, chooses=True) for cut in cuts), arrived(40)],
            in_order=True,
            worker=IN_TRANSACTIONS,
        )
        report = await asyncio.to_thread(crash.run)
    report.assert_exactly_once()
