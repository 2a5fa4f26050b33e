"""How long a record takes from end to end, and what a worker with nothing to do costs.

    line appended to a file  -> topic -> line in another file         by the time written into the line
    row committed in a table -> topic -> row committed in another     by the server's commit timestamps;
                                                                      polled for, and by change data capture

python -m bench.latency [--only file postgres cdc idle] [--rates 2 20 1000] [--seconds N] [--poll-interval-ms N ...]

Worker and connectors run in a process of their own with their defaults; the Postgres source is measured at each
`poll.interval.ms` that is asked for, since it decides what is seen when. The lines are written, and looked for, by this
process: each millisecond takes the lines that are due.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from bench.demo import start_worker
from bench.embedded_postgres import start_postgres

STRING = "org.apache.kafka.connect.storage.StringConverter"
JSON = "org.apache.kafka.connect.json.JsonConverter"
RATES = (2, 20, 1000, 10_000)
POLL_INTERVALS_MS = (50, 5000)
IDLE_CONNECTORS = 50
PARTS = ("file", "postgres", "cdc", "idle")
#: What a record may take on the way at most, once it was written.
TIMEOUT_S = 30.0
WARM_UP_S = 1.0
#: How often the writer has a look at what is due, and the reader at what has come.
TICK_S = 0.001
COMMIT_S = 0.01


@contextmanager
def worker(directory: Path) -> Iterator[tuple[str, int]]:
    """Run a worker; give its URL and its process id."""
    process, url = start_worker(directory, [])
    try:
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(30)


def create(url: str, name: str, **config: str) -> None:
    named = {key.replace("__", "."): value for key, value in config.items()}
    httpx.post(f"{url}/connectors", json={"name": name, "config": named}, timeout=30).raise_for_status()
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        found = httpx.get(f"{url}/connectors/{name}/status").json()
        states = [one["state"] for one in (found["connector"], *found["tasks"])] if found.get("tasks") else []
        if states and set(states) == {"RUNNING"}:
            return
        time.sleep(0.05)
    raise TimeoutError(f"{name} does not run: {found}")


def delete(url: str, name: str) -> None:
    """Delete a pair of connectors."""
    for half in ("in", "out"):
        httpx.delete(f"{url}/connectors/{name}-{half}", timeout=30).raise_for_status()


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(what: str, rate: str, latencies_ms: list[float], cpu: float) -> None:
    print(
        f"{what:<34}{rate:>10}{len(latencies_ms):>9,}{percentile(latencies_ms, 0.5):>9.1f}"
        f"{percentile(latencies_ms, 0.99):>9.1f}{max(latencies_ms):>9.1f}{100 * cpu:>10.1f} %",
        flush=True,
    )


def cpu_s(pid: int) -> float:
    """User and system seconds of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- file to file --------------------------------------------------------------------------------------------------


class Tail(threading.Thread):
    """Reads what comes into a file, and takes the time of each line against the one that it holds."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.latencies_ms: list[float] = []
        self.ended = threading.Event()
        self._path = path

    def run(self) -> None:
        rest = b""
        with self._path.open("rb", buffering=0) as file:
            while not self.ended.is_set():
                data = file.read(1 << 20)
                if not data:
                    time.sleep(TICK_S / 2)
                    continue
                now = time.time_ns()
                *lines, rest = (rest + data).split(b"\n")
                self.latencies_ms += [(now - int(line)) / 1e6 for line in lines]


def file_to_file(directory: Path, url: str, pid: int, rate: int, seconds: float) -> None:
    name = f"file-{rate}"
    source, target = directory / f"{name}.in", directory / f"{name}.out"
    source.touch()
    target.touch()
    create(
        url, f"{name}-in", connector__class="FileStreamSource", file=str(source), topic=name, value__converter=STRING
    )
    create(
        url, f"{name}-out", connector__class="FileStreamSink", file=str(target), topics=name, value__converter=STRING
    )
    tail = Tail(target)
    tail.start()
    with source.open("ab", buffering=0) as out:
        warm = write_lines(out.fileno(), rate, WARM_UP_S)
        began, cpu = time.monotonic(), cpu_s(pid)
        count = warm + write_lines(out.fileno(), rate, seconds)
        cpu = (cpu_s(pid) - cpu) / (time.monotonic() - began)
    wait_for_lines(tail, count)
    show("file -> topic -> file", f"{rate:,}/s", tail.latencies_ms[warm:], cpu)
    delete(url, name)


def file_alone(directory: Path, rate: int, seconds: float) -> None:
    """Take what writer and reader need by themselves, the reader looking into the file that is written."""
    path = directory / f"alone-{rate}"
    path.touch()
    tail = Tail(path)
    tail.start()
    with path.open("ab", buffering=0) as out:
        count = write_lines(out.fileno(), rate, seconds)
    wait_for_lines(tail, count)
    show("limit: reader of the first file", f"{rate:,}/s", tail.latencies_ms, 0.0)


def wait_for_lines(tail: Tail, count: int) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while len(tail.latencies_ms) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(tail.latencies_ms)} lines of {count}")
        time.sleep(0.01)
    tail.ended.set()
    tail.join()


def write_lines(descriptor: int, rate: int, seconds: float) -> int:
    """Write lines that hold their time, in nanoseconds, at a steady rate; return how many."""
    began, written = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        due = int(elapsed * rate) + 1 - written
        if due > 0:
            os.write(descriptor, b"".join(b"%d\n" % time.time_ns() for _ in range(due)))
            written += due
        time.sleep(max(TICK_S, (written / rate) - (time.monotonic() - began)))
    return written


# -- table to table ------------------------------------------------------------------------------------------------


async def table_to_table(
    postgres_url: str, url: str, pid: int, *, rate: int, seconds: float, poll_interval_ms: int | None
) -> None:
    """Measure one rate. `poll_interval_ms`: None where changes are captured."""
    import asyncpg

    name = f"rows_{rate}_{'cdc' if poll_interval_ms is None else poll_interval_ms}"
    connection = await asyncpg.connect(postgres_url)
    columns = "id bigint PRIMARY KEY, text text"
    await connection.execute(f"CREATE TABLE {name} ({columns}); CREATE TABLE pg_{name} ({columns})")
    common = {
        "value__converter": JSON,
        "value__converter__schemas__enable": "true",
    }
    polled_ms = poll_interval_ms or 0
    if poll_interval_ms is None:
        create(url, f"{name}-in", **captured(postgres_url, name), **common)
    else:
        create(
            url,
            f"{name}-in",
            connection__url=postgres_url,
            connector__class="io.confluent.connect.jdbc.JdbcSourceConnector",
            mode="incrementing",
            incrementing__column__name="id",
            table__whitelist=name,
            topic__prefix="pg_",
            poll__interval__ms=str(poll_interval_ms),
            **common,
        )
    create(
        url,
        f"{name}-out",
        connection__url=postgres_url,
        connector__class="io.confluent.connect.jdbc.JdbcSinkConnector",
        topics=f"pg_{name}" if poll_interval_ms is not None else f"pg.public.{name}",
        table__name__format=f"pg_{name}",
        **common,
    )
    warm = await insert_rows(connection, name, 0, rate, max(WARM_UP_S, 2 * polled_ms / 1000))
    began, cpu = time.monotonic(), cpu_s(pid)
    count = warm + await insert_rows(connection, name, warm, rate, max(seconds, 4 * polled_ms / 1000))
    cpu = (cpu_s(pid) - cpu) / (time.monotonic() - began)
    deadline = time.monotonic() + TIMEOUT_S
    while await connection.fetchval(f"SELECT count(*) FROM pg_{name}") < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all of {count} rows have come")
        await asyncio.sleep(0.05)
    found = await connection.fetch(
        f"SELECT 1000 * extract(epoch FROM pg_xact_commit_timestamp(o.xmin) - pg_xact_commit_timestamp(i.xmin))::float8"
        f" FROM {name} i JOIN pg_{name} o USING (id) WHERE id > {warm}"
    )
    how = "CDC" if poll_interval_ms is None else f"{poll_interval_ms} ms"
    show(f"table -> topic -> table, {how}", f"{rate:,}/s", [row[0] for row in found], cpu)
    await connection.close()
    delete(url, name)


def captured(postgres_url: str, name: str) -> dict[str, str]:
    """Return the keys of a source that captures the changes of a table, as rows alone."""
    at = urlsplit(postgres_url)
    return {
        "connector__class": "io.debezium.connector.postgresql.PostgresConnector",
        "database__hostname": str(at.hostname),
        "database__port": str(at.port),
        "database__user": str(at.username),
        "database__dbname": at.path.removeprefix("/"),
        "topic__prefix": "pg",
        "table__include__list": f"public.{name}",
        "key__converter": JSON,
        "slot__name": name,
        "publication__name": name,
        "publication__autocreate__mode": "filtered",
        "snapshot__mode": "no_data",
        "slot__drop__on__stop": "true",
        "output__format": "flat",
    }


async def insert_rows(connection: object, table: str, first: int, rate: int, seconds: float) -> int:
    """Commit rows at a steady rate, those due each 10 ms in a transaction of their own; return how many."""
    began, written = time.monotonic(), 0
    insert = f"INSERT INTO {table} SELECT i, 'a text of some length' FROM generate_series($1::bigint, $2::bigint) i"
    while (elapsed := time.monotonic() - began) < seconds:
        due = int(elapsed * rate) + 1 - written
        if due > 0:
            await connection.execute(insert, first + written + 1, first + written + due)  # type: ignore[attr-defined]
            written += due
        await asyncio.sleep(max(COMMIT_S, (written / rate) - (time.monotonic() - began)))
    return written


# -- nothing to do -------------------------------------------------------------------------------------------------


def idle(directory: Path, url: str, pid: int, seconds: float) -> None:
    """Let half as many file sources and sinks as there are connectors wait for something, and take the CPU of that."""
    for number in range(IDLE_CONNECTORS // 2):
        source, topic = directory / f"idle-{number}.in", f"idle-{number}"
        source.write_text("one line\n")
        create(
            url,
            f"{topic}-in",
            connector__class="FileStreamSource",
            file=str(source),
            topic=topic,
            value__converter=STRING,
        )
        create(
            url,
            f"{topic}-out",
            connector__class="FileStreamSink",
            file=str(directory / f"{topic}.out"),
            topics=topic,
            value__converter=STRING,
        )
    time.sleep(12)  # until they have committed, and polls have become rare
    began, cpu = time.monotonic(), cpu_s(pid)
    time.sleep(seconds)
    share = (cpu_s(pid) - cpu) / (time.monotonic() - began)
    print(f"{IDLE_CONNECTORS} connectors with nothing to do: {100 * share:.2f} % of a core", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description="Measure latency.")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--rates", nargs="*", type=int, default=RATES)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--poll-interval-ms", nargs="*", type=int, default=POLL_INTERVALS_MS)
    options = parser.parse_args()
    if sys.platform != "linux" and "idle" in options.only:
        sys.exit("CPU seconds of another process are read from /proc: Linux alone")
    print(f"{'':<34}{'rate':>10}{'records':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'CPU':>12}")
    with tempfile.TemporaryDirectory(prefix="connect-latency-") as name:
        directory = Path(name)
        if "file" in options.only:
            with worker(directory) as (url, pid):
                for rate in options.rates:
                    file_alone(directory, rate, options.seconds)
                    file_to_file(directory, url, pid, rate, options.seconds)
        intervals_ms: list[int | None] = [*options.poll_interval_ms] if "postgres" in options.only else []
        intervals_ms += [None] if "cdc" in options.only else []
        if intervals_ms:
            settings = {"track_commit_timestamp": "on", "wal_level": "logical"}
            with start_postgres(directory / "postgres", settings=settings) as postgres_url:
                for poll_interval_ms in intervals_ms:
                    below = directory / f"at-{poll_interval_ms}"
                    below.mkdir()
                    with worker(below) as (url, pid):
                        for rate in options.rates:
                            asyncio.run(
                                table_to_table(
                                    postgres_url,
                                    url,
                                    pid,
                                    rate=rate,
                                    seconds=options.seconds,
                                    poll_interval_ms=poll_interval_ms,
                                )
                            )
        if "idle" in options.only:
            below = directory / "idle"
            below.mkdir()
            with worker(below) as (url, pid):
                idle(below, url, pid, max(options.seconds, 20.0))


if __name__ == "__main__":
    main()
