"""`make bench ENGINE=kafka`: this worker beside Java's Kafka Connect, on one broker, in the same run.

python -m bench.kafka [--records N] [--runs N] [--bytes N ...] [--only JOB ...] [--without-java] [--json FILE]

Each run has the bare loop, our worker and Java's, one after the other, in another order each time. Both workers are
processes that go on from run to run, are asked by REST, and are watched from outside, from the first records that are
there to the last (`watch.py`); a first run of each job warms both up and is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from confluent_kafka.admin import AdminClient, NewTopic

from bench.embedded_postgres import PostgresUnavailable, start_postgres
from bench.jobs import CHAIN, JSON
from bench.kafka.limits import LIMITS, WARNING, flush, produce, producer_of
from bench.kafka.watch import FileSize, Measured, TableSize, TopicEnd, measure
from bench.kafka.workers import JAVA_OPTIONS, STRING, Java, KafkaUnavailable, Ours, Worker
from tests.support.kafka_broker import KafkaBroker

RESULTS: Final = Path(__file__).parents[1] / "results" / "kafka.json"
CHUNK: Final = 10_000
ANSWER_S: Final = 30.0
#: What a broker in production has, in place of what starts a JVM soon.
BROKER_OPTIONS: Final = JAVA_OPTIONS
#: What is shorter than this cannot be made: the JSON has its names, too.
BYTES_MIN: Final = 100
TABLE: Final = 'CREATE TABLE "events" (id bigint, "user" text, email text, city text, comment text)'
OURS, JAVA, LIMIT = "ours", "java", "limit"
TRANSFORMS: Final = {key: value for key, value in CHAIN.items() if key.split(".")[1] in ("insert", "rename", "mask")}
#: Connectors' configs, but for what is another in each run.
CONFIGS: Final[dict[str, dict[str, str]]] = {
    "file_to_topic": {"connector.class": "FileStreamSource"},
    "topic_to_file": {"connector.class": "FileStreamSink", "value.converter": STRING},
    "three_transforms": {
        "connector.class": "FileStreamSink",
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "transforms": "insert,rename,mask",
        **TRANSFORMS,
    },
    "json_to_postgres": {
        "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
        "insert.mode": "insert",
        "pk.mode": "none",
        "table.name.format": "events",
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
    },
}
#: Apache Kafka has no sink for tables.
OURS_ALONE: Final = ("json_to_postgres",)


def text_of(number: int, size_bytes: int) -> bytes:
    """Return a record of a text."""
    return (b"line %09d " % number).ljust(size_bytes, b"x")


def json_of(number: int, size_bytes: int) -> bytes:
    """Return a record of JSON."""
    user = f"user{number % 10_000:04}"
    fields = {
        "id": 1_000_000 + number,
        "user": user,
        "email": f"{user}@example.org",
        "city": "Amsterdam",
        "comment": "",
    }
    text = orjson.dumps(fields)
    return text[:-2] + b"x" * (size_bytes - len(text)) + text[-2:]


class Query:
    """One connection to PostgreSQL, for queries of one value."""

    def __init__(self, url: str) -> None:
        import asyncpg

        self._loop = asyncio.new_event_loop()
        self._connection: Any = self._loop.run_until_complete(asyncpg.connect(url))

    def __call__(self, query: str) -> Any:
        return self._loop.run_until_complete(self._connection.fetchval(query))

    def close(self) -> None:
        """End it."""
        self._loop.run_until_complete(self._connection.close())
        self._loop.close()


@dataclass(frozen=True, slots=True)
class Bench:
    """What all runs have in common. Without a worker of Java's it was not to be had."""

    directory: Path
    broker: KafkaBroker
    workers: dict[str, Worker]
    records: int
    postgres_url: str | None
    query: Query | None

    def job(self, name: str, size_bytes: int, runs: int) -> dict[str, Any]:
        """Run one job, and return what was measured of whom."""
        who = [LIMIT, *(each for each in self.workers if each == OURS or name not in OURS_ALONE)]
        found: dict[str, list[dict[str, float]]] = {each: [] for each in who}
        with self._input(name, size_bytes) as (topic, file):
            for run in range(runs + 1):
                for each in who[run % len(who) :] + who[: run % len(who)]:
                    measured = self._run(name, each, f"{name}-{size_bytes}-{each}-{run}".replace("_", "-"), topic, file)
                    if run:
                        found[each].append(measured)
        return summed_up(found, size_bytes)

    @contextlib.contextmanager
    def _input(self, name: str, size_bytes: int) -> Iterator[tuple[str, Path]]:
        """Give the topic that is read and the file that is read; a job has one of them."""
        topic, file = f"{name}-{size_bytes}", self.directory / "in.txt"
        make = text_of if name in ("file_to_topic", "topic_to_file") else json_of
        chunks = (
            [make(number, size_bytes) for number in range(start, min(start + CHUNK, self.records))]
            for start in range(0, self.records, CHUNK)
        )
        if name == "file_to_topic":
            with file.open("wb") as out:
                out.writelines(b"\n".join(chunk) + b"\n" for chunk in chunks)
            yield topic, file
            file.unlink()
            return
        with self._topic(topic):
            producer = producer_of(self.broker.bootstrap)
            for chunk in chunks:
                produce(producer, topic, chunk)
            flush(producer)
            yield topic, file

    @contextlib.contextmanager
    def _topic(self, name: str) -> Iterator[None]:
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap, "log_level": WARNING})
        admin.create_topics([NewTopic(name, 1, 1)])[name].result(ANSWER_S)
        until(lambda: name in admin.list_topics(timeout=ANSWER_S).topics)
        yield
        admin.delete_topics([name])[name].result(ANSWER_S)

    def _run(self, job: str, who: str, name: str, topic: str, file: Path) -> dict[str, float]:
        """Run a job once, by one of those who can."""
        out = self.directory / "out.txt"
        out.unlink(missing_ok=True)
        with contextlib.ExitStack() as stack:
            if job == "file_to_topic":
                topic = name
                stack.enter_context(self._topic(topic))
            if job == "json_to_postgres":
                assert self.query is not None
                self.query('DROP TABLE IF EXISTS "events"')
                self.query(TABLE)
            if who == LIMIT:
                return self._limit(job, topic, file if job == "file_to_topic" else out)
            measured = self._worker(job, self.workers[who], name, topic, file, out)
        return {
            "records_per_s": measured.records / measured.wall_s,
            "worker_cpu_us": 1e6 * measured.worker_cpu_s / measured.records,
            "broker_cpu_us": 1e6 * measured.broker_cpu_s / measured.records,
        }

    def _worker(self, job: str, worker: Worker, name: str, topic: str, file: Path, out: Path) -> Measured:
        config = {"name": name, "tasks.max": "1", **CONFIGS[job]}
        target: Any
        if job == "file_to_topic":
            config |= {"file": str(file), "topic": topic}
            target = TopicEnd(self.broker.bootstrap, topic)
        elif job == "json_to_postgres":
            assert self.query is not None
            config |= {"connection.url": self.postgres_url or "", "topics": topic}
            target = TableSize(self.query, "events")
        else:
            config |= {"file": str(out), "topics": topic}
            target = FileSize(out)
        worker.create(config)
        try:
            return measure(target, self.records, worker.pid, self.broker.pid, lambda: worker.check(name))
        finally:
            worker.delete(name)

    def _limit(self, job: str, topic: str, file: Path) -> dict[str, float]:
        command = [sys.executable, "-m", "bench.kafka.limits", job, "--bootstrap", self.broker.bootstrap]
        command += ["--records", str(self.records), "--topic", topic, "--file", str(file)]
        command += ["--postgres-url", self.postgres_url or ""]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"the bare loop of {job} failed:\n{done.stderr}")
        found = json.loads(done.stdout.splitlines()[-1])
        return {"records_per_s": found["records"] / found["wall_s"]}


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what the cluster was told to become known."""
    deadline = time.monotonic() + ANSWER_S
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("the broker does not know a topic that was made")
        time.sleep(0.05)


def summed_up(found: dict[str, list[dict[str, float]]], size_bytes: int) -> dict[str, Any]:
    """Return the medians of each, and those of the ratios of runs that followed one another."""
    medians: dict[str, Any] = {
        who: {key: round(statistics.median(run[key] for run in runs), 2) for key in runs[0]}
        for who, runs in found.items()
    }
    for row in medians.values():
        row["mb_per_s"] = round(row["records_per_s"] * size_bytes / 1e6, 1)
    for other in (JAVA, LIMIT):
        if other in found:
            pairs = zip(found[OURS], found[other], strict=True)
            ratios = [a["records_per_s"] / b["records_per_s"] for a, b in pairs]
            medians[f"ours_to_{other}"] = round(statistics.median(ratios), 2)
            medians[f"ours_to_{other}_runs"] = [round(ratio, 2) for ratio in ratios]
    return medians


def show(name: str, size_bytes: int, row: dict[str, Any]) -> None:
    """Print a job's line."""

    def rate(who: str) -> str:
        if who not in row:
            return f"{'-':>19}"
        return f"{row[who]['records_per_s']:>11,.0f}{row[who]['mb_per_s']:>8,.1f}"

    def cpu(who: str) -> str:
        found = row.get(who, {})
        return f"{found['worker_cpu_us']:>8.2f}{found['broker_cpu_us']:>8.2f}" if found else f"{'-':>16}"

    to_java = f"{row['ours_to_java']:>10.2f}" if "ours_to_java" in row else f"{'-':>10}"
    print(
        f"{name:<17}{size_bytes:>6}{rate(LIMIT)}{rate(OURS)}{rate(JAVA)}{to_java}{row['ours_to_limit']:>11.2f}"
        f"{cpu(OURS)}{cpu(JAVA)}",
        flush=True,
    )


def heading() -> None:
    """Print what the columns are."""
    print(
        "Java's worker: ConnectStandalone 4.3.1, its defaults (producer: acks=all, linger.ms=5, batch.size=16384; "
        f"consumer: max.poll.records=500; file source: batch.size=2000), {' '.join(JAVA_OPTIONS)}\n"
        "Ours: `connect worker` with its defaults. The broker is one node with the same Java options. Topics have one "
        "partition.\n"
    )
    print(f"{'':<23}{'bare loop':>19}{'ours':>19}{'Java':>19}{'ours to':>10}{'ours to':>11}{'CPU us a record':>32}")
    print(
        f"{'job':<17}{'bytes':>6}{'records/s':>11}{'MB/s':>8}{'records/s':>11}{'MB/s':>8}{'records/s':>11}{'MB/s':>8}"
        f"{'Java':>10}{'bare loop':>11}{'ours':>8}{'broker':>8}{'Java':>8}{'broker':>8}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.kafka", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--bytes", type=int, nargs="*", default=[100, 200])
    parser.add_argument("--only", nargs="*", choices=LIMITS, default=list(LIMITS))
    parser.add_argument("--without-java", action="store_true")
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    if min(options.bytes) < BYTES_MIN:
        parser.error(f"records have at least {BYTES_MIN} bytes")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # whatever ends it, brokers and workers end with it
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="connect-bench-kafka-")))
        try:
            broker = stack.enter_context(KafkaBroker(directory / "broker", BROKER_OPTIONS))
            workers: dict[str, Worker] = {OURS: stack.enter_context(Ours(directory / "ours", broker.bootstrap))}
            if not options.without_java:
                workers[JAVA] = stack.enter_context(Java(directory / "java", broker.bootstrap))
        except KafkaUnavailable as error:
            print(f"skipped: {error}")
            return
        url = query = None
        jobs = list(options.only)
        if "json_to_postgres" in jobs:
            try:
                url = stack.enter_context(start_postgres(directory / "postgres"))
                query = Query(url)
                stack.callback(query.close)
            except PostgresUnavailable as error:
                print(f"json_to_postgres is skipped: {error}")
                jobs.remove("json_to_postgres")
        bench = Bench(directory, broker, workers, options.records, url, query)
        results: dict[str, Any] = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
            "records": options.records,
            "jobs": {},
        }
        heading()
        for name, size_bytes in itertools.product(jobs, options.bytes):
            row = results["jobs"][f"{name}_{size_bytes}"] = bench.job(name, size_bytes, options.runs)
            show(name, size_bytes, row)
    options.json.parent.mkdir(exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
