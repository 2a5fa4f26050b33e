"""A working worker that is killed in every way, again and again, while it starts, works, changes and stops.

Three jobs run through it: lines of a file -> topic -> file, generated records with keys -> PostgreSQL upsert, and a
PostgreSQL table -> topic. Beside them clients change connectors of their own. In the end the books are balanced:
nothing is lost, nothing is torn, nothing comes out of order, and what REST answered is so.

CONNECT_LOOP_KILLS is the number of kills; see tests/support/lengths.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest

from connect.log import LogCluster
from connect.records import TopicPartition
from connect.testing.crash import Seen, judge
from tests.support.lengths import length
from tests.support.plain import NO_TLS
from tests.support.worker import CONNECT, JSON, STRING, WorkerProcess

KILLS: Final = length("CONNECT_LOOP_KILLS")
GRACE_MS: Final = 5000
INTEGER: Final = "org.apache.kafka.connect.converters.IntegerConverter"
LINE: Final = re.compile(r"line (\d{10}) x{60}")
SCHEMA: Final = {
    "type": "record",
    "name": "user",
    "fields": [
        {"name": "id", "type": {"type": "int", "arg.properties": {"range": {"min": 0, "max": 5000}}}},
        {"name": "v", "type": {"type": "long", "arg.properties": {"range": {"min": 0, "max": 1000000000}}}},
    ],
}
#: How often each way of ending is chosen. `paused` is SIGSTOP for a while, then SIGKILL.
WAYS: Final = {"working": 34, "starting": 26, "changing": 20, "stopping": 8, "stopped": 10, "paused": 2}


def configs(folder: Path, postgres_url: str) -> dict[str, dict[str, str]]:
    jdbc = {"connection.url": f"jdbc:{postgres_url}", "value.converter": JSON}
    return {
        "lines-in": {
            "connector.class": "FileStreamSource",
            "file": str(folder / "in.txt"),
            "topic": "lines",
            "value.converter": STRING,
            "batch.size": "200",
        },
        "lines-out": {
            "connector.class": "FileStreamSink",
            "file": str(folder / "out.txt"),
            "topics": "lines",
            "value.converter": STRING,
        },
        "users-in": {
            "connector.class": "DatagenConnector",
            "kafka.topic": "users",
            "schema.string": json.dumps(SCHEMA),
            "schema.keyfield": "id",
            "max.interval": "1",
            "key.converter": INTEGER,
            "value.converter": JSON,
            "topic.creation.groups": "c",
            "topic.creation.c.include": "users",
            "topic.creation.c.cleanup.policy": "compact",
            "topic.creation.c.partitions": "2",
            "topic.creation.c.replication.factor": "1",
            "topic.creation.default.partitions": "1",
            "topic.creation.default.replication.factor": "1",
        },
        "users-out": {
            **jdbc,
            "connector.class": "JdbcSinkConnector",
            "topics": "users",
            "insert.mode": "upsert",
            "pk.mode": "record_key",
            "pk.fields": "id",
            "auto.create": "true",
            "table.name.format": "sunk",
            "retry.backoff.ms": "300",
            "key.converter": INTEGER,
        },
        "table-in": {
            **jdbc,
            "connector.class": "JdbcSourceConnector",
            "mode": "incrementing",
            "incrementing.column.name": "id",
            "table.whitelist": "src",
            "topic.prefix": "p-",
            "poll.interval.ms": "100",
            "value.converter.schemas.enable": "false",
        },
    }


@dataclass
class Upstream:
    """Writes lines and rows all the time, also while no worker runs."""

    folder: Path
    postgres_url: str
    lines: int = 0
    rows: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        threads = [threading.Thread(target=work) for work in (self._write_lines, lambda: asyncio.run(self._insert()))]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _write_lines(self) -> None:
        with (self.folder / "in.txt").open("a", buffering=1) as file:
            while not self._ended.wait(0.02):
                file.write("".join(f"line {n:010d} {'x' * 60}\n" for n in range(self.lines, self.lines + 40)))
                self.lines += 40

    async def _insert(self) -> None:
        connection = await asyncpg.connect(self.postgres_url)
        try:
            while not self._ended.is_set():
                await connection.execute("INSERT INTO src (t) SELECT md5(i::text) FROM generate_series(1, 20) i")
                self.rows += 20
                await asyncio.sleep(0.05)
        finally:
            await connection.close()


@dataclass
class Churn:
    """Changes connectors of its own. `allowed` holds the revisions that each may have; None: it is not there."""

    random: random.Random
    allowed: dict[str, tuple[str | None, ...]] = field(default_factory=dict)

    def until_gone(self, http: httpx.Client) -> None:
        """Send changes until the worker does not answer any more."""
        with contextlib.suppress(httpx.TransportError):
            while True:
                self._change(http)

    def _change(self, http: httpx.Client) -> None:
        name, revision = f"x{self.random.randrange(6)}", str(self.random.randrange(10**6))
        wanted = None if self.random.random() < 0.3 else revision
        self.allowed[name] = (*self.allowed.get(name, (None,)), wanted)
        if wanted is None:
            answer = http.delete(f"/connectors/{name}")
        else:
            config = {
                "connector.class": "FileStreamSource",
                "file": "never",
                "topic": f"t-{name}",
                "revision": revision,
            }
            answer = http.put(f"/connectors/{name}/config", json={**config, "value.converter": STRING})
        if answer.status_code in (200, 201, 204, 404):
            self.allowed[name] = (wanted,)

    def check(self, http: httpx.Client) -> None:
        for name, allowed in self.allowed.items():
            answer = http.get(f"/connectors/{name}/config")
            shown = answer.json()["revision"] if answer.status_code == 200 else None
            assert shown in allowed, f"connector {name} has revision {shown}, and may have {allowed}"
            self.allowed[name] = (shown,)


@dataclass
class Loop:
    """Starts the worker and ends it, in one way after the other."""

    folder: Path
    arguments: Sequence[Path | str]
    names: Sequence[str]
    random: random.Random
    churn: Churn
    ways: Counter[str] = field(default_factory=Counter)

    def start(self) -> WorkerProcess:
        return WorkerProcess(self.folder / "data", *self.arguments)

    def once(self) -> None:
        way = self.random.choices(list(WAYS), list(WAYS.values()))[0]
        self.ways[way] += 1
        with self.start() as worker:
            if way == "starting":
                time.sleep(self.random.uniform(0.0, 1.6))
                assert worker.process.poll() is None, f"the worker ended by itself:\n{worker.log[-3000:]}"
                worker.kill()
                return
            with httpx.Client(base_url=worker.url(), timeout=30, verify=NO_TLS) as http:
                self.churn.check(http)
                if self.random.random() < 0.25:
                    self.settle(http)
                getattr(self, f"_{way}")(worker, http)

    def _working(self, worker: WorkerProcess, http: httpx.Client) -> None:
        time.sleep(self.random.uniform(0.0, 2.0))
        worker.kill()

    def _changing(self, worker: WorkerProcess, http: httpx.Client) -> None:
        changing = threading.Thread(target=self.churn.until_gone, args=(http,))
        changing.start()
        time.sleep(self.random.uniform(0.02, 0.8))
        worker.kill()
        changing.join()

    def _stopping(self, worker: WorkerProcess, http: httpx.Client) -> None:
        worker.process.terminate()
        time.sleep(self.random.uniform(0.0, 0.3))
        worker.kill()

    def _stopped(self, worker: WorkerProcess, http: httpx.Client) -> None:
        time.sleep(self.random.uniform(0.0, 1.0))
        self.stop(worker)

    def _paused(self, worker: WorkerProcess, http: httpx.Client) -> None:
        worker.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        worker.process.send_signal(signal.SIGCONT)
        self.settle(http)
        worker.kill()

    def stop(self, worker: WorkerProcess) -> None:
        began = time.monotonic()
        status = worker.stop()
        assert status == 0, f"SIGTERM ended with {status}:\n{worker.log[-3000:]}"
        assert time.monotonic() - began < GRACE_MS / 1000 + 2 + 10, "10 s for a machine that is busy with other things"

    def settle(self, http: httpx.Client) -> None:
        """Wait until every connector and task of the jobs is RUNNING."""
        wanted = set(self.names)

        def running() -> bool:
            shown = http.get("/connectors?expand=status").json()
            states = {
                name: [s["state"] for s in (shown[name]["status"]["connector"], *shown[name]["status"]["tasks"])]
                for name in shown
            }
            return all(len(states.get(name, [])) > 1 and set(states[name]) == {"RUNNING"} for name in wanted)

        until(running, "all connectors and tasks are RUNNING")


def until(condition: Callable[[], bool], told: str, *, deadline_s: float = 60.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {deadline_s} s: {told}"
        time.sleep(0.05)


def lost_or_out_of_order(found: Sequence[int], wanted: Sequence[int]) -> tuple[int, int]:
    """Return how many are missing, and how many came first after a later one. Repetitions are allowed."""
    books = judge([Seen("", number) for number in wanted], [Seen("", number) for number in found])
    assert not books.strangers, f"numbers that nobody wrote: {books.examples}"
    return books.lost, books.reordered


async def values(cluster: LogCluster, topic: str, partition: int = 0) -> list[str]:
    offset, found = 0, []
    while batches := await cluster.admin.fetch(TopicPartition(topic, partition), offset):
        for batch in batches:
            found += [value.decode() for value in batch.columns.values if value is not None]
            offset = batch.next_offset
    return found


def left_over(data_dir: Path) -> list[str]:
    """Files that only the middle of something leaves."""
    odd = re.compile(r"\.(tmp|swap|cleaned|deleted|new|part)($|\.)")
    return [str(path.relative_to(data_dir)) for path in data_dir.rglob("*") if path.is_file() and odd.search(path.name)]


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(180 + 15 * KILLS)
async def test_nothing_is_lost_torn_or_out_of_order_and_every_answer_holds_however_the_worker_ends(
    tmp_path: Path, postgres_url: str
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE src (id bigserial PRIMARY KEY, t text)")
    upstream = Upstream(tmp_path, postgres_url)
    (tmp_path / "in.txt").touch()
    loop = Loop(
        tmp_path,
        files(tmp_path, postgres_url),
        list(configs(tmp_path, postgres_url)),
        random.Random(seed),
        Churn(random.Random(seed)),
    )

    with upstream.writing():
        for _ in range(KILLS):
            await asyncio.to_thread(loop.once)
    await asyncio.to_thread(finish, loop, upstream)

    ids = [row["id"] for row in await connection.fetch("SELECT id FROM src")]
    sunk = {row["id"]: row["v"] for row in await connection.fetch("SELECT id, v FROM sunk")}
    await connection.close()
    cluster = await LogCluster.open(tmp_path / "data")
    try:
        lines = [LINE.fullmatch(line) for line in await values(cluster, "lines")]
        assert all(lines), "no line is torn"
        assert lost_or_out_of_order([int(m[1]) for m in lines if m], range(upstream.lines)) == (0, 0)
        read = [json.loads(value)["id"] for value in await values(cluster, "p-src")]
        assert lost_or_out_of_order(read, ids) == (0, 0)
        users = [json.loads(v)["payload"] for p in (0, 1) for v in await values(cluster, "users", p)]
        assert sunk == {user["id"]: user["v"] for user in users}, "a key lives in one partition: the last is the newest"
    finally:
        await cluster.aclose()
    written = [LINE.fullmatch(line) for line in (tmp_path / "out.txt").read_text().splitlines()]
    assert all(written), "no line is torn"
    assert lost_or_out_of_order([int(m[1]) for m in written if m], range(upstream.lines)) == (0, 0)
    assert not left_over(tmp_path / "data")
    print(f"{dict(loop.ways)}, {upstream.lines} lines, {len(ids)} rows, {len(users)} generated")


def files(folder: Path, postgres_url: str) -> list[Path | str]:
    """Write the worker's config and the connectors', and return the command's arguments."""
    worker = {
        "offset.flush.interval.ms": "300",
        "task.shutdown.graceful.timeout.ms": str(GRACE_MS),
        "log.segment.bytes": "1048576",
        "log.roll.ms": "3000",
        "log.cleaner.backoff.ms": "200",
        "log.cleaner.min.cleanable.ratio": "0.01",
        "log.retention.check.interval.ms": "500",
        "log.index.interval.bytes": "512",
    }
    (folder / "worker.properties").write_text("".join(f"{key}={value}\n" for key, value in worker.items()))
    paths: list[Path | str] = ["--config", folder / "worker.properties"]
    for name, config in configs(folder, postgres_url).items():
        (folder / f"{name}.json").write_text(json.dumps({"name": name, "config": config}))
        paths.append(folder / f"{name}.json")
    return paths


def finish(loop: Loop, upstream: Upstream) -> None:
    """Let everything come through, and stop cleanly."""
    last = f"line {upstream.lines - 1:010d} ".encode()

    def nothing_waits(http: httpx.Client) -> Callable[[], bool]:
        return lambda: all(lag == 0 for lag in lags(http.get("/v1/lag").json()))

    with loop.start() as worker, httpx.Client(base_url=worker.url(), timeout=30, verify=NO_TLS) as http:
        loop.settle(http)
        loop.churn.check(http)
        until(lambda: last in (loop.folder / "out.txt").read_bytes()[-4000:], "the last line is out")
        http.put("/connectors/users-in/stop")

        def all_are_in() -> bool:
            answer = http.get("/v1/topics/p-src")  # not there, where the worker was always ended before the first row
            return answer.is_success and answer.json()["partitions"][0]["log_end_offset"] >= upstream.rows

        until(all_are_in, "all rows are in")
        until(nothing_waits(http), "no sink lags")
        loop.stop(worker)
    verified = subprocess.run(
        [str(CONNECT), "log", "verify", "--data-dir", str(loop.folder / "data")], capture_output=True, text=True
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr


def lags(answer: Any) -> list[int]:
    """Return every number that stands at a key 'lag', wherever it is."""
    if isinstance(answer, dict):
        return [v for k, v in answer.items() if k == "lag" and isinstance(v, int)] + lags(list(answer.values()))
    return [number for one in answer for number in lags(one)] if isinstance(answer, list) else []
