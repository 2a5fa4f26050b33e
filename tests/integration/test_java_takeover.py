"""Kafka Connect's own worker and ours take turns at one group: the same topics, the same connectors, nothing twice."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from connect.ports import Cluster
from connect.records import TopicPartition
from connect.stores.offsets import key_of
from tests.support.engines import SOON_S, read
from tests.support.java_connect import JavaWorker, Rest, path_of
from tests.support.kafka_broker import SharedBroker
from tests.support.kafka_workers import lines_of
from tests.support.lengths import IS_LONG
from tests.support.worker import JSON, STRING, WorkerProcess

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "storage-topics.md"

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

TRANSFORMS = "org.apache.kafka.connect.transforms."
#: Whatever a name may hold: what URLs and JSON escape, what is no ASCII, and what ends as if it were a task's number.
ODD = "lines of \"ü\" & 'ß'. №-a-1"
RUNNING, PAUSED, STOPPED = "RUNNING RUNNING", "PAUSED PAUSED", "STOPPED"


def worker_config(broker: SharedBroker, name: str, support: str) -> dict[str, str]:
    """Return the config that both kinds of workers are given."""
    return {
        "bootstrap.servers": broker.bootstrap,
        "group.id": name,
        **{f"{kind}.storage.topic": f"{name}-{kind}" for kind in ("config", "offset", "status")},
        **{f"{kind}.storage.replication.factor": "1" for kind in ("config", "offset", "status")},
        "offset.storage.partitions": "3",
        "status.storage.partitions": "2",
        "offset.flush.interval.ms": "300",
        "key.converter": STRING,
        "value.converter": STRING,
        "exactly.once.source.support": support,
    }


class Ours:
    """Our worker; as a context manager it runs, and ends cleanly."""

    def __init__(self, folder: Path, config: Mapping[str, str]) -> None:
        self._folder = folder / "ours"
        self._folder.mkdir()
        (self._folder / "worker.json").write_text(json.dumps(config))
        self._process: WorkerProcess | None = None
        self._begins_at = 0

    def __enter__(self) -> WorkerProcess:
        log = self._folder / "worker.log"
        self._begins_at = len(log.read_text()) if log.exists() else 0  # in characters, as it is read
        self._process = WorkerProcess(self._folder / "data", "--config", self._folder / "worker.json")
        return self._process

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        process, self._process = self._process, None
        assert process is not None, "it was entered"
        with process:
            if kind is None and process.process.poll() is None:
                assert process.stop() == 0, process.log

    @contextmanager
    def when_free(self) -> Iterator[WorkerProcess]:
        """Run it as a supervisor does: started again while a worker that was killed counts as alive in the group."""
        deadline, refusals = time.monotonic() + SOON_S, 0
        while True:
            with self as worker:
                while worker.process.poll() is None and "is the active one" not in self._log():
                    assert time.monotonic() < deadline, worker.log
                    time.sleep(0.05)
                if worker.process.poll() is None:
                    assert refusals, "it has waited for the session's end"
                    yield worker
                    return
                assert worker.process.poll() == 3, worker.log
                refusals += 1

    def _log(self) -> str:
        return (self._folder / "worker.log").read_text()[self._begins_at :]

    def complaints(self) -> list[str]:
        """Return what the stores have warned of since the worker was last started."""
        return [line for line in self._log().splitlines() if re.search(r"\] (ERROR|WARNING) .*\(connect\.stores", line)]


class Story:
    """Connectors with the files that they read and write, through the hands of one worker after another.

    Each has a short name here, and one in Connect that nobody else has.

    Attributes:
        rest, log: Of the worker whose turn it is.
        connectors: Those that are there, and the states they are to be in.
        expected: What is to be in each source's topic in the end, in order.
        done: How many of these a source has read for sure.
    """

    def __init__(self, folder: Path, name: str, broker: SharedBroker) -> None:
        self._folder = folder
        self._prefix = name
        self._admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        self._names = {"sink": f"{name} {ODD}", "shaped": f"{name} shaped-0", "several": f"{name}.several"}
        self.rest = Rest("")
        self.log: Callable[[], str] = str
        self.connectors: dict[str, str] = {}
        self.expected: dict[str, list[str]] = {}
        self.done: dict[str, int] = {}

    def name(self, which: str) -> str:
        return self._names.get(which, f"{self._prefix}-{which}-1")

    def file(self, which: str) -> Path:
        return self._folder / f"{which}.txt"

    def topic(self, which: str) -> str:
        return f"{self._prefix}-of-{which}"

    def ask(self, method: str, which: str, path: str = "", body: Any = None) -> Any:
        """Ask the worker about a connector."""
        return self.rest.ask(method, path_of(self.name(which)) + path, body)

    def until(self, is_so: Callable[[], Any]) -> None:
        """Wait for a condition, with a deadline; the end of the worker's log says why it did not come."""
        deadline = time.monotonic() + SOON_S
        while not is_so():
            assert time.monotonic() < deadline, self.log()[-6000:]
            time.sleep(0.05)

    def write(self, which: str, *lines: str) -> None:
        """Append lines to what a source reads."""
        self.expected.setdefault(which, []).extend(lines)
        with self.file(which).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def write_to_all(self, why: str) -> None:
        """Append a line to what each source reads, or has read."""
        for which in sorted(self.expected):
            self.write(which, f"{which}, {why}")

    def create_source(self, which: str, **keys: str) -> None:
        """Create a source of a file of its own, with a topic of its own."""
        config = {
            "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
            "topic": self.topic(which),
            **{f"topic.creation.default.{key}": "1" for key in ("partitions", "replication.factor")},
        }
        self._create(which, config, keys)

    def create_sink(self, which: str, of: str, **keys: str) -> None:
        """Create a sink of a source's topic."""
        self._create(which, {"connector.class": "FileStreamSink", "topics": self.topic(of)}, keys)

    def _create(self, which: str, config: dict[str, str], keys: dict[str, str]) -> None:
        config = {"tasks.max": "1", **config, "file": str(self.file(which)), **_dotted(keys)}
        self.rest.ask("POST", "/connectors", {"name": self.name(which), "config": config})
        self.connectors[which] = " ".join(["RUNNING"] * (1 + int(config["tasks.max"])))

    def change(self, which: str, **keys: str) -> None:
        """Change keys of a connector's config."""
        config = {**self.ask("GET", which, "/config"), **_dotted(keys)}
        self.ask("PUT", which, "/config", config)
        self._until_states(which, " ".join(["RUNNING"] * (1 + int(config["tasks.max"]))))

    def pause(self, which: str) -> None:
        self.ask("PUT", which, "/pause")
        self._until_states(which, PAUSED)

    def stop(self, which: str) -> None:
        self.ask("PUT", which, "/stop")
        self._until_states(which, STOPPED)

    def resume(self, which: str) -> None:
        self.ask("PUT", which, "/resume")
        self._until_states(which, RUNNING)

    def delete(self, which: str) -> None:
        del self.connectors[which]
        self.ask("DELETE", which)
        self.until(lambda: self.rest.states(self.name(which)) == "")

    def _until_states(self, which: str, states: str) -> None:
        self.connectors[which] = states
        self.until(lambda: self.rest.states(self.name(which)) == states)

    def set_back(self, which: str, *, to_line: int) -> None:
        """Let a stopped source begin anew in its file, at a line: from there on, all comes once more."""
        lines = self.file(which).read_text().splitlines(keepends=True)
        partition, position = {"filename": str(self.file(which))}, len("".join(lines[:to_line]).encode())
        self.ask("PATCH", which, "/offsets", {"offsets": [{"partition": partition, "offset": {"position": position}}]})
        again = [line.rstrip("\n") for line in lines[to_line:]]
        self.expected[which] = self.expected[which][: self.done[which]] + again

    def until_all_is_done(self) -> None:
        """Wait until everything that runs has done its work."""
        for which in self.expected.keys() & self.connectors.keys():
            if self.connectors[which] == RUNNING:
                self.until(lambda which=which: self._position(which) == self.file(which).stat().st_size)
                self.done[which] = len(self.expected[which])
        for sink, source in {"sink": "source", "several": "shaped"}.items():
            if sink in self.connectors:
                self.until(lambda at=(sink, source): len(lines_of(self.file(at[0]))) >= len(self.expected[at[1]]))
                assert sorted(lines_of(self.file(sink))) == sorted(self.expected[source])
                self.until_shared_out(sink)

    def until_shared_out(self, sink: str) -> None:
        """Wait until all tasks of a sink have joined its group: to stop one that is joining takes its time."""
        group, tasks = f"connect-{self.name(sink)}", self.connectors[sink].count("RUNNING") - 1

        def is_shared_out() -> bool:
            found = self._admin.describe_consumer_groups([group])[group].result(SOON_S)
            return found.state == ConsumerGroupState.STABLE and len(found.members) == tasks

        self.until(is_shared_out)

    def _position(self, which: str) -> int | None:
        found = self.rest.offsets(self.name(which))
        return found[0][1]["position"] if found else None

    def told(self) -> dict[str, Any]:
        """Return what REST tells of every connector; of what runs without the offsets, since those move."""
        return {
            which: {
                "states": self.rest.states(self.name(which)),
                "config": self.ask("GET", which, "/config"),
                "topics": self.ask("GET", which, "/topics"),
                "tasks": [(task["id"], task["config"]) for task in self.ask("GET", which, "/tasks")],
                "offsets": None if "RUNNING" in states else self.rest.offsets(self.name(which)),
            }
            for which, states in sorted(self.connectors.items())
        }

    def check_that_all_is_as(self, before: dict[str, Any]) -> None:
        """Look whether the connectors are there, and as the worker before has left them."""
        names = {self.name(which) for which in self.connectors}
        self.until(lambda: set(self.rest.ask("GET", "/connectors")) == names)
        for which, states in self.connectors.items():
            self._until_states(which, states)
        assert self.told() == before

    async def check_topics(self, cluster: Cluster) -> None:
        """Look whether every line that was read is in its topic, in its order, and once for each time it was read."""
        for which in sorted(self.expected):
            values = await read(cluster, self.topic(which), isolation="read_committed")
            lines = [_line_of(value.decode()) for value in values]
            assert lines == self.expected[which][: self.done[which]], which


def _dotted(keys: Mapping[str, str]) -> dict[str, str]:
    return {key.replace("_", "."): value for key, value in keys.items()}


def _line_of(value: str) -> str:
    return json.loads(value)["payload"]["line"] if value.startswith("{") else value


def documented() -> dict[tuple[str, str], list[str]]:
    """Return what the reference says: the members of the value, by topic and by what its keys begin with."""
    rows = re.findall(r"^\| (config|offset|status) \| `([^`]+)` \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)
    kinds = {(topic, re.split(r"NAME|TOPIC", key)[0]): re.findall("`([^`]+)`", members) for topic, key, members in rows}
    assert len(kinds) == len(rows), "each kind has one row"
    return kinds


class State:
    """The topics of the workers' state, and what each worker adds to them."""

    def __init__(self, cluster: Cluster, config: Mapping[str, str]) -> None:
        self._cluster = cluster
        self._topics = {kind: config[f"{kind}.storage.topic"] for kind in ("config", "offset", "status")}
        self._seen: dict[TopicPartition, int] = {}

    async def written(self) -> dict[str, list[tuple[bytes, bytes | None]]]:
        """Return the records that came since the last call, by kind of topic."""
        found: dict[str, list[tuple[bytes, bytes | None]]] = {}
        for kind, topic in self._topics.items():
            for partition in range(await self._cluster.admin.partitions(topic) or 0):
                at = TopicPartition(topic, partition)
                while batches := await self._cluster.admin.fetch(at, self._seen.get(at, 0), isolation="read_committed"):
                    for batch in batches:
                        keys = batch.columns.keys or []
                        found.setdefault(kind, []).extend(zip(keys, batch.columns.values, strict=True))  # type: ignore[arg-type]
                    self._seen[at] = batches[-1].next_offset
        return found

    async def check_what_was_written(self) -> set[tuple[str, str]]:
        """Look whether each record is one that the reference tells of; return the kinds that there were."""
        kinds, seen = documented(), set()
        for topic, rows in (await self.written()).items():
            for key, value in rows:
                kind = max((k for k in kinds if k[0] == topic and key.decode().startswith(k[1])), key=len, default=None)
                assert kind is not None, key
                seen.add(kind)
                if value is None:
                    assert kind[1] not in ("task-", "tasks-fencing-", "session-key"), key
                elif topic == "offset":
                    assert key == key_of(*json.loads(key))
                    assert list(json.loads(value)) == ["position"]
                else:
                    assert list(json.loads(value)) == kinds[kind], key
        return seen


def begin(story: Story) -> None:
    """Create connectors of every kind, and let them run."""
    for which in ("source", "shaped", "paused", "stopped", "altered", "own", "gone"):
        story.write(which, *(f"{which} {number}" for number in range(3)))
    shape = {
        "value_converter": JSON,
        "value_converter_schemas_enable": "true",
        "transforms": "line,by",
        "transforms_line_type": f"{TRANSFORMS}HoistField$Value",
        "transforms_line_field": "line",
        "transforms_by_type": f"{TRANSFORMS}InsertField$Value",
        "transforms_by_static_field": "by",
        "transforms_by_static_value": "one",
    }
    unshape = {
        "value_converter": JSON,
        "tasks_max": "2",
        "transforms": "line",
        "transforms_line_type": f"{TRANSFORMS}ExtractField$Value",
        "transforms_line_field": "line",
    }
    story.create_source("shaped", **shape)
    story.create_source("own", offsets_storage_topic=f"{story.topic('own')}-offsets")
    for which in ("source", "paused", "stopped", "altered", "gone"):
        story.create_source(which)
    story.until_all_is_done()
    story.create_sink("sink", of="source")
    story.create_sink("several", of="shaped", **unshape)
    story.pause("paused")
    story.stop("stopped")
    story.stop("altered")
    story.set_back("altered", to_line=1)
    story.resume("altered")
    story.delete("gone")
    # What Kafka Connect writes beside configs and states.
    story.ask("POST", "source", "/restart?includeTasks=true")
    story.rest.ask("PUT", "/admin/loggers/org.reflections?scope=cluster", {"level": "WARN"})
    story.until_all_is_done()


def change(story: Story) -> None:
    """Do to the connectors what users do."""
    story.change("shaped", transforms_by_static_value="two")
    story.change("several", tasks_max="1")
    story.write("shaped", "shaped anew")
    story.resume("paused")
    story.pause("altered")
    story.set_back("stopped", to_line=2)
    for which in ("late", "brief"):
        story.write(which, f"{which} 0")
        story.create_source(which)
    story.until_all_is_done()
    story.delete("brief")


@pytest.mark.parametrize("support", ["enabled", "disabled"] if IS_LONG else ["enabled"])
async def test_connectors_go_from_kafka_connect_to_ours_and_back_and_no_line_is_lost_or_comes_twice(
    broker: SharedBroker, kafka_cluster: Cluster, tmp_path: Path, name: str, support: str
) -> None:
    config = worker_config(broker, name, support)
    story, java, ours = Story(tmp_path, name, broker), JavaWorker(tmp_path, config), Ours(tmp_path, config)
    state = State(kafka_cluster, config)
    theirs = set(documented()) - (set() if support == "enabled" else {("config", "tasks-fencing-")})
    no_words_of_ours = {("config", key) for key in ("session-key", "restart-connector-", "logger-cluster-")}

    with java:
        java.until(java.is_up)
        story.rest, story.log = java.rest, lambda: java.log
        begin(story)
        before = story.told()
        with ours as worker:
            assert worker.process.wait(SOON_S) == 3, worker.log
        assert "a worker of Kafka Connect is alive in it" in worker.log, worker.log
        assert "REST is ready" not in worker.log
    assert java.errors() == []
    await story.check_topics(kafka_cluster)
    assert await state.check_what_was_written() == theirs

    story.write_to_all("while no worker was there")
    with ours as worker:
        story.rest, story.log = Rest(worker.url()), lambda: worker.log
        story.check_that_all_is_as(before)
        story.until_all_is_done()
        change(story)
        before = story.told()
        if IS_LONG:
            check_that_it_is_refused(java)
    assert ours.complaints() == []
    await story.check_topics(kafka_cluster)
    assert await state.check_what_was_written() == theirs - no_words_of_ours

    story.write_to_all("while no worker was there again")
    with java:
        java.until(java.is_up)
        story.rest, story.log = java.rest, lambda: java.log
        story.check_that_all_is_as(before)
        story.until_all_is_done()
        story.resume("stopped")
        story.resume("altered")
        story.until_all_is_done()
        if IS_LONG:
            story.stop("sink")
            story.stop("several")
            before = story.told()
            story.write_to_all("while the worker was killed")
            java.kill()
    assert java.errors() == []
    if not IS_LONG:
        await story.check_topics(kafka_cluster)
        return

    with ours.when_free() as worker:
        story.rest, story.log = Rest(worker.url()), lambda: worker.log
        story.check_that_all_is_as(before)
        story.resume("sink")
        story.resume("several")
        story.until_all_is_done()
    assert ours.complaints() == []
    if support == "enabled":
        await story.check_topics(kafka_cluster)


def check_that_it_is_refused(java: JavaWorker) -> None:
    """Look whether a Java worker runs nothing while one of ours is alive in its group."""
    with java:
        java.until(lambda: "supported protocols are incompatible" in java.log)
        java.until(lambda: "Worker stopped" in java.log)
        assert "Starting connector" not in java.log
        java.kill()  # it waits for itself when it is to end
