"""Kafka's own system-test scenarios for Connect, with what they assert, over one worker on the bundled log; and on a
real broker: those of `ON_KAFKA` always, all of them in the long form of the tests.

Each test is named after the scenario, and says what Kafka's looks at: `tests/kafkatest/tests/connect` of Apache Kafka,
`connect_distributed_test.py`, `connect_test.py` and `connect_rest_test.py`. Three workers of a cluster are one
here, and waits for a time are waits for progress; a time is only waited where nothing is to happen meanwhile. That
Connect starts over old brokers does not apply.

CONNECT_BOUNCES is the number of bounces; see tests/support/lengths.py.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

import tests.support.verifiable_plugins as verifiable_plugins
from connect.testing.crash import LogTarget, Seen
from connect.testing.crash.processes import RunningWorker, Workers
from tests.support.kafka import KafkaUnavailable, find_kafka
from tests.support.kafka_frail import FrailBroker
from tests.support.kafka_targets import committed
from tests.support.kafka_workers import SHORT_SESSIONS, worker_config
from tests.support.lengths import IS_LONG, length
from tests.support.plain import NO_TLS
from tests.support.worker import JSON, STRING

BOUNCES: Final = length("CONNECT_BOUNCES")
TASKS: Final = 3
#: What is not to happen is watched for so long.
STILL_S: Final = 0.5
ON_KAFKA: Final = ("test_exactly_once_source",)
FIRST, SECOND = ["foo", "bar", "baz"], ["razz", "ma", "tazz"]
#: How often it is looked. A look is a call of REST or reads files, and takes some milliseconds on both sides.
LOOK_S: Final = 0.03
SCHEMA: Final = {"type": "string", "optional": False}
FILE_SOURCE: Final = "org.apache.kafka.connect.file.FileStreamSourceConnector"
FILE_SINK: Final = "org.apache.kafka.connect.file.FileStreamSinkConnector"


@dataclass
class Service:
    """One worker that is started again and again, and its REST."""

    folder: Path
    workers: Workers
    #: Of the broker; '' is the bundled log.
    bootstrap: str = ""
    _running: RunningWorker | None = None
    _http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, verify=NO_TLS))

    def start(self) -> None:
        self._running = self.workers.start()
        self._http.base_url = self._running.url()

    def stop(self, *, clean: bool = True) -> None:
        assert self._running is not None
        if clean:
            assert self._running.stop() == 0, self._running.log()
        else:
            self._running.kill()

    def close(self) -> None:
        """Leave nothing behind."""
        self._http.close()
        if self._running is not None:
            self._running.kill()

    def restart(self, *, clean: bool = True) -> None:
        self.stop(clean=clean)
        self.start()

    def ask(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        deadline = time.monotonic() + 60
        while True:
            answer = self._http.request(method, path, json=body)
            # On a cluster nobody leads for as long as the worker that was killed counts as alive.
            if answer.headers.get("x-connect-error-code") != "worker.rebalancing" or time.monotonic() > deadline:
                break
            time.sleep(LOOK_S)
        assert answer.is_success if status is None else answer.status_code == status, f"{path}: {answer.text}"
        return answer.json() if answer.content else None

    def create(self, name: str, cls: str, **config: Any) -> None:
        keys = {key.replace("_", "."): str(value) for key, value in config.items()}
        self.ask("POST", "/connectors", {"name": name, "config": {"connector.class": cls, **keys}}, 201)

    def verifiable(self, name: str, cls: str, **config: Any) -> None:
        converters = {"key_converter": STRING, "value_converter": STRING}
        self.create(name, cls, folder=self.folder, **{**converters, **config})

    def states(self, name: str) -> list[str]:
        """The state of the connector, then those of its tasks."""
        status = self.ask("GET", f"/connectors/{name}/status")
        return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]

    def until_states(self, name: str, *states: str) -> None:
        until(lambda: self.states(name) == list(states), f"{name} is {states}", deadline_s=30)

    def until_running(self, name: str, tasks: int = 1) -> None:
        self.until_states(name, *["RUNNING"] * (1 + tasks))

    def told(self, name: str, what: str) -> list[Seen]:
        """What tasks of a connector say that they did, in the order of each."""
        lines = [line for path in sorted(self.folder.glob(f"{name}-*.jsonl")) for line in path.read_text().split("\n")]
        whole = [json.loads(line) for line in lines if line.endswith("}")]
        return [Seen(str(event["task"]), event["seqno"]) for event in whole if event["what"] == what]

    def until_more(self, name: str, what: str, than: int, *, deadline_s: float = 60.0) -> None:
        until(lambda: len(self.told(name, what)) > than, f"{name} {what} more than {than}", deadline_s=deadline_s)

    def demand_failure(self) -> None:
        (self.folder / "fail").touch()

    def demand_no_failure(self) -> None:
        (self.folder / "fail").unlink()

    def values(self, topic: str) -> list[str]:
        """The records of a topic, as a consumer of committed ones reads them."""
        if self.bootstrap:
            return [(value or b"").decode() for value in committed(self.bootstrap, topic)]
        read: list[str] = []
        target = LogTarget(self.workers.data_dir, topic, lambda value: read.append(value.decode()))  # type: ignore[func-returns-value]
        target.seen()
        return read


def until(condition: Callable[[], Any], what: str, *, deadline_s: float = 60.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {deadline_s:g} s: {what}"
        time.sleep(LOOK_S)


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrailBroker]:
    """A broker of this module alone, whose sessions may be short."""
    try:
        find_kafka()
    except KafkaUnavailable as error:
        pytest.skip(f"no Kafka here: {error}")
    with FrailBroker(tmp_path_factory.mktemp("brief"), group_min_session_timeout_ms="500") as running:
        yield running


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what needs a worker on each engine, as far as the length of the tests has it."""
    if "make" in metafunc.fixturenames:
        engines: list[Any] = ["log"]
        if IS_LONG or metafunc.function.__name__ in ON_KAFKA:
            engines.append(pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.slow]))
        metafunc.parametrize("make", engines, indirect=True)


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    bootstrap, own = "", dict[str, str]()
    if request.param == "kafka":
        broker: FrailBroker = request.getfixturevalue("brief")
        broker.empty()  # scenarios name topics and groups as they like
        bootstrap, own = broker.bootstrap, {**worker_config("scenario", broker.bootstrap), **SHORT_SESSIONS}
        del own["key.converter"], own["value.converter"]
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    shutil.copy(verifiable_plugins.__file__, plugins / "verifiable_plugins.py")
    made: list[Service] = []

    def started(**config: str) -> Service:
        keys = {**own, "plugin.path": str(plugins), "offset.flush.interval.ms": "200"}
        keys |= {key.replace("_", "."): value for key, value in config.items()}
        file = tmp_path / "worker.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in keys.items()))
        service = Service(tmp_path, Workers(tmp_path, ["--config", file]), bootstrap)
        made.append(service)
        service.start()
        return service

    yield started
    for service in made:
        service.close()


@pytest.fixture
def service(make: Callable[..., Service]) -> Service:
    return make()


# -- restarts ----------------------------------------------------------------------------------------------------------


def failing(service: Service, kind: str, mode: str) -> None:
    """A connector that fails, or whose task does, and is not restarted by the worker itself."""
    service.demand_failure()
    source = kind == "source"
    if not source:
        service.verifiable("feed", "VerifiableSource", topic="test")
    keys = {"topic": "test"} if source else {"topics": "test"}
    cls = "VerifiableSource" if source else "VerifiableSink"
    service.verifiable("mock", cls, mode=mode, errors_restart_policy="none", **keys)


def test_restart_failed_connector(service: Service) -> None:
    failing(service, "sink", "connector-failure")
    until(lambda: service.states("mock")[0] == "FAILED", "the connector is FAILED", deadline_s=15)
    service.demand_no_failure()
    service.ask("POST", "/connectors/mock/restart")
    until(lambda: service.states("mock")[0] == "RUNNING", "the connector is RUNNING", deadline_s=10)


@pytest.mark.parametrize("kind", ["source", "sink"])
def test_restart_failed_task(service: Service, kind: str) -> None:
    failing(service, kind, "task-failure")
    until(lambda: service.states("mock")[1:] == ["FAILED"], "the task is FAILED", deadline_s=20)
    service.demand_no_failure()
    service.ask("POST", "/connectors/mock/tasks/0/restart")
    until(lambda: service.states("mock")[1:] == ["RUNNING"], "the task is RUNNING", deadline_s=10)


def test_restart_connector_and_tasks_failed_connector(service: Service) -> None:
    failing(service, "sink", "connector-failure")
    until(lambda: service.states("mock")[0] == "FAILED", "the connector is FAILED", deadline_s=15)
    service.demand_no_failure()
    service.ask("POST", "/connectors/mock/restart?onlyFailed=true&includeTasks=false")
    until(lambda: service.states("mock")[0] == "RUNNING", "the connector is RUNNING", deadline_s=10)


@pytest.mark.parametrize("kind", ["source", "sink"])
def test_restart_connector_and_tasks_failed_task(service: Service, kind: str) -> None:
    failing(service, kind, "task-failure")
    until(lambda: service.states("mock")[1:] == ["FAILED"], "the task is FAILED", deadline_s=20)
    service.demand_no_failure()
    service.ask("POST", "/connectors/mock/restart?onlyFailed=false&includeTasks=true")
    until(lambda: service.states("mock")[1:] == ["RUNNING"], "the task is RUNNING", deadline_s=10)


# -- pauses ------------------------------------------------------------------------------------------------------------


def test_pause_and_resume_source(service: Service) -> None:
    service.verifiable("source", "VerifiableSource", topic="test")
    service.until_running("source")
    service.until_more("source", "sent", 0)
    service.ask("PUT", "/connectors/source/pause")
    service.until_states("source", "PAUSED", "PAUSED")
    sent = len(service.told("source", "sent"))
    time.sleep(STILL_S)
    assert len(service.told("source", "sent")) == sent, "a paused source sends nothing"
    service.ask("PUT", "/connectors/source/resume")
    service.until_running("source")
    service.until_more("source", "sent", sent)


def test_pause_and_resume_sink(service: Service) -> None:
    service.verifiable("source", "VerifiableSource", topic="test")
    service.until_more("source", "committed", 0)
    service.verifiable("sink", "VerifiableSink", topics="test")
    service.until_running("sink")
    service.ask("PUT", "/connectors/sink/pause")
    service.until_states("sink", "PAUSED", "PAUSED")
    received = len(service.told("sink", "received"))
    time.sleep(STILL_S)
    assert len(service.told("sink", "received")) == received, "a paused sink receives nothing"
    service.ask("PUT", "/connectors/sink/resume")
    service.until_running("sink")
    service.until_more("sink", "received", received)


def test_pause_state_persistent(service: Service) -> None:
    service.verifiable("source", "VerifiableSource", topic="test")
    service.until_running("source")
    service.ask("PUT", "/connectors/source/pause")
    service.until_states("source", "PAUSED", "PAUSED")
    service.restart()
    service.until_states("source", "PAUSED", "PAUSED")


# -- loggers -----------------------------------------------------------------------------------------------------------


def test_dynamic_logging(service: Service) -> None:
    initial = service.ask("GET", "/admin/loggers")
    assert "root" in initial
    assert len(initial) >= 2
    assert {logger["last_modified"] for logger in initial.values()} == {None}

    namespace = "connect.runtime"
    began = set_logger(service, namespace, "DEBUG", "worker")
    assert_loggers(service, namespace, "DEBUG", began)

    set_logger(service, "root", "DEBUG", "cluster")
    began = set_logger(service, "root", "INFO", "cluster")
    assert_loggers(service, "", "INFO", began)

    began = set_logger(service, namespace, "DEBUG", "cluster")
    assert_loggers(service, namespace, "DEBUG", began)
    before = service.ask("GET", "/admin/loggers")
    set_logger(service, namespace, "DEBUG", "cluster")
    other = next(name for name in before if name != "root" and not name.startswith(namespace))
    began = set_logger(service, other, different(before[other]["level"]), "cluster")
    assert_loggers(service, other, different(before[other]["level"]), began)
    after = service.ask("GET", "/admin/loggers")
    assert below(after, namespace) == below(before, namespace), "a level that is set again is no change"

    set_logger(service, "root", "DEBUG", "cluster")
    root_at = set_logger(service, "root", "INFO", "cluster")
    began = set_logger(service, other, "WARN", "worker")
    assert_loggers(service, other, "WARN", began)
    for name, logger in service.ask("GET", "/admin/loggers").items():
        if not name.startswith(other):
            assert logger["level"] == "INFO"
            assert root_at <= logger["last_modified"] <= began

    service.restart()
    restarted = service.ask("GET", "/admin/loggers")
    assert {name: restarted[name] for name in initial.keys() & restarted.keys()} == {
        name: initial[name] for name in initial.keys() & restarted.keys()
    }
    assert {logger["last_modified"] for logger in restarted.values()} == {None}, "no level outlives a worker"


def set_logger(service: Service, name: str, level: str, scope: str) -> int:
    """Set a level; return the time before that, in ms."""
    now_ms = time.time_ns() // 1_000_000
    affected = service.ask("PUT", f"/admin/loggers/{name}?scope={scope}", {"level": level})
    if scope == "cluster":
        assert affected is None
    else:
        assert affected
        assert all(each.startswith(name) for each in affected)
    return now_ms


def assert_loggers(service: Service, namespace: str, level: str, since_ms: int) -> None:
    found = below(service.ask("GET", "/admin/loggers"), namespace)
    assert found
    for name, logger in found.items():
        assert logger["level"] == level, name
        assert logger["last_modified"] >= since_ms, name


def below(loggers: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {name: logger for name, logger in loggers.items() if name.startswith(namespace)}


def different(level: str) -> str:
    return "WARN" if level == "INFO" else "INFO"


# -- files -------------------------------------------------------------------------------------------------------------


def create_file_connectors(service: Service, **converters: str) -> tuple[Path, Path]:
    """Create both, and return the file that is read and the one that is written."""
    read, written = service.folder / "input.txt", service.folder / "output.txt"
    read.touch()
    service.create("local-file-source", FILE_SOURCE, tasks_max=1, file=read, topic="test", **converters)
    service.create("local-file-sink", FILE_SINK, tasks_max=1, file=written, topics="test", **converters)
    return read, written


def add(path: Path, lines: list[str]) -> None:
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def until_written(path: Path, lines: list[str]) -> None:
    def is_so() -> bool:
        return path.exists() and path.read_text().splitlines() == lines

    until(is_so, f"{path.name} holds the {len(lines)} lines")


@pytest.mark.parametrize("exactly_once", [False, True])
def test_file_source_and_sink_of_a_distributed_worker(make: Callable[..., Service], exactly_once: bool) -> None:
    service = make(exactly_once_source_support="enabled" if exactly_once else "disabled")
    read, written = create_file_connectors(service, value_converter=JSON)
    add(read, FIRST)
    until_written(written, FIRST)
    service.restart()
    add(read, SECOND)
    until_written(written, FIRST + SECOND)


@pytest.mark.parametrize(("converter", "schemas"), [(JSON, "true"), (JSON, "false"), (STRING, None)])
def test_file_source_and_sink_of_a_standalone_worker(service: Service, converter: str, schemas: str | None) -> None:
    keys = {"key_converter": converter, "value_converter": converter}
    if schemas is not None:
        keys |= {"value_converter_schemas_enable": schemas}
    read, written = create_file_connectors(service, **keys)
    add(read, FIRST)
    until_written(written, FIRST)
    service.restart()
    add(read, SECOND)
    until_written(written, FIRST + SECOND)
    decode = str if converter == STRING else json.loads
    expected = [{"schema": SCHEMA, "payload": line} if schemas == "true" else line for line in FIRST + SECOND]
    assert [decode(value) for value in service.values("test")] == expected


@pytest.mark.parametrize("tolerance", ["all", "none"])
def test_skip_and_log_to_dlq(service: Service, tolerance: str) -> None:
    lines = [f'{{"some_key":{n}}}' if n % 2 == 0 else f'{{"some_key:{n}}}' for n in range(1000)]
    good, bad = lines[::2], lines[1::2]  # a map is a line of JSON here, where Kafka's file sink has {some_key=0}
    read, written = service.folder / "input.txt", service.folder / "output.txt"
    service.create("source", FILE_SOURCE, file=read, topic="test", key_converter=STRING, value_converter=STRING)
    service.create(
        "sink",
        FILE_SINK,
        file=written,
        topics="test",
        key_converter=JSON,
        value_converter=JSON,
        key_converter_schemas_enable="false",
        value_converter_schemas_enable="false",
        errors_tolerance=tolerance,
        errors_deadletterqueue_topic_name="my-connector-errors",
        errors_deadletterqueue_topic_replication_factor="1",
    )
    add(read, lines)
    if tolerance == "all":
        until_written(written, good)
        until(lambda: service.values("my-connector-errors") == bad, "each bad line is in the queue")
        return
    until(lambda: service.states("sink")[1:] == ["FAILED"], "the sink's task is FAILED", deadline_s=15)
    until(lambda: service.values("my-connector-errors") == bad[:1], "the first bad line is in the queue")
    assert not written.exists() or written.read_text().splitlines() != good


def test_transformations(service: Service) -> None:
    read = service.folder / "input.txt"
    read.touch()
    hoist, insert = "transforms.hoistToStruct", "transforms.insertTimestampField"
    config = {
        "connector.class": FILE_SOURCE,
        "tasks.max": "1",
        "file": str(read),
        "topic": "test",
        "value.converter": JSON,
        "transforms": "hoistToStruct,insertTimestampField",
        f"{hoist}.type": "org.apache.kafka.connect.transforms.HoistField$Value",
        f"{hoist}.field": "content",
        f"{insert}.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        f"{insert}.timestamp.field": "the_timestamp",
    }
    service.ask("POST", "/connectors", {"name": "file-src", "config": config}, 201)
    until(lambda: service.states("file-src")[0] == "RUNNING", "the connector is RUNNING")
    add(read, FIRST)
    until(lambda: len(service.values("test")) == len(FIRST), "all lines are in the topic")
    timestamp = {"field": "the_timestamp", "name": "org.apache.kafka.connect.data.Timestamp", "type": "int64"}
    content = {"field": "content", "type": "string", "optional": False}
    schema = {"type": "struct", "fields": [content, {**timestamp, "version": 1, "optional": True}], "optional": False}
    records = service.ask("GET", "/v1/topics/test/partitions/0/records")["records"]
    assert len(records) == len(FIRST)
    for line, value, record in zip(FIRST, service.values("test"), records, strict=True):
        read_back = json.loads(value)
        assert read_back["schema"] == schema
        assert read_back["payload"] == {"content": line, "the_timestamp": record["timestamp"]}


# -- REST --------------------------------------------------------------------------------------------------------------


def test_rest_api(service: Service) -> None:
    assert service.ask("GET", "/connectors") == []
    assert {plugin["class"] for plugin in service.ask("GET", "/connector-plugins")} >= {FILE_SOURCE, FILE_SINK}
    read, second = service.folder / "input.txt", service.folder / "input2.txt"
    written = service.folder / "output.txt"
    converters = {"key.converter": JSON, "value.converter": JSON}
    source = {"name": "local-file-source", "connector.class": FILE_SOURCE, "tasks.max": "1", "topic": "test"}
    sink = {"name": "local-file-sink", "connector.class": FILE_SINK, "tasks.max": "1", "topics": "test"}
    configs = [{**source, **converters, "file": str(read)}, {**sink, **converters, "file": str(written)}]

    for config in configs:
        result = service.ask("PUT", f"/connector-plugins/{config['connector.class']}/config/validate", config)
        assert (result["name"], result["error_count"]) == (config["connector.class"], 0)
        assert {each["definition"]["name"] for each in result["configs"]} >= config.keys()
    for config in configs:
        service.ask("POST", "/connectors", {"name": config["name"], "config": config}, 201)
    assert set(service.ask("GET", "/connectors")) == {"local-file-source", "local-file-sink"}
    add(read, FIRST)
    until_written(written, FIRST)

    service.ask("POST", "/connectors", {"name": "local-file-source", "config": configs[0]}, 409)
    for config in configs:
        name = config["name"]
        info = service.ask("GET", f"/connectors/{name}")
        assert (info["name"], info["config"]) == (name, config)
        assert info["tasks"] == [{"connector": name, "task": 0}]
        assert service.ask("GET", f"/connectors/{name}/config") == config
        (task,) = service.ask("GET", f"/connectors/{name}/tasks")
        assert task["id"] == {"connector": name, "task": 0}
        assert task["config"]["file"] == config["file"]
        topic = "topic" if "topic" in config else "topics"
        assert task["config"][topic] == "test"

    service.ask("PUT", "/connectors/local-file-source/config", {**configs[0], "file": str(second)})
    add(second, FIRST + SECOND)
    until(lambda: set(written.read_text().splitlines()) == set(FIRST + SECOND), "the second file is read")
    for config in configs:
        service.ask("DELETE", f"/connectors/{config['name']}", status=204)
    assert service.ask("GET", "/connectors") == []


# -- bounces -----------------------------------------------------------------------------------------------------------


def problems(numbers: list[Seen], *, may_double: bool) -> list[str]:
    """What Kafka's scenario looks for in the sequence numbers of each task."""
    found = []
    for task in map(str, range(TASKS)):
        counts = Counter(seen.number for seen in numbers if seen.key == task)
        highest = max(counts, default=0)
        if missing := sorted(set(range(highest)) - counts.keys()):
            found.append(f"task {task}: missing {missing[:10]}")
        if not may_double and (doubled := sorted(number for number, count in counts.items() if count > 1)):
            found.append(f"task {task}: doubled {doubled[:10]}")
        if highest < 1000:
            found.append(f"task {task}: {highest} are not enough to say anything")
    return found


def bounce(service: Service, name: str, what: str, *, clean: bool) -> None:
    """Bounce the worker again and again, each time when there was some progress, and in the end let 1000 come."""
    for _ in range(BOUNCES):
        before = len(service.told(name, what))
        service.restart(clean=clean)
        service.until_more(name, what, before + 50)
    until(lambda: lowest(service.told(name, what)) > 1000, f"each task {what} more than 1000")


def lowest(numbers: list[Seen]) -> int:
    return min(max((seen.number for seen in numbers if seen.key == str(task)), default=0) for task in range(TASKS))


@pytest.mark.night
@pytest.mark.timeout(120 + 20 * BOUNCES)
@pytest.mark.parametrize("clean", [True, False], ids=["clean", "hard"])
def test_bounce(service: Service, clean: bool) -> None:
    service.verifiable("source", "VerifiableSource", topic="test", tasks_max=TASKS)
    service.verifiable("sink", "VerifiableSink", topics="test", tasks_max=TASKS)
    bounce(service, "sink", "flushed", clean=clean)
    service.until_running("source", TASKS)
    service.ask("PUT", "/connectors/source/stop")
    service.until_running("sink", TASKS)
    until(lambda: lag_of(service, "sink") == 0, "the sink has all of it")
    service.ask("PUT", "/connectors/sink/stop")
    service.until_states("sink", "STOPPED")
    service.stop()

    told, flushed = service.told("source", "committed"), service.told("sink", "flushed")
    # A task that is killed between the append and the telling of it has told nothing; the topic says what is there.
    in_topic = [Seen(str(each["task"]), each["seqno"]) for each in map(json.loads, service.values("test"))]
    assert problems(told if clean else in_topic, may_double=not clean) == []
    assert problems(flushed, may_double=not clean) == []
    assert set(flushed) <= set(service.told("source", "sent")), "the sink has what nobody sent"
    assert set(flushed) == set(in_topic)


def lag_of(service: Service, name: str) -> int:
    return int(service.ask("GET", f"/v1/connectors/{name}/lag")["lag"])


@pytest.mark.slow
@pytest.mark.timeout(120 + 20 * BOUNCES)
@pytest.mark.parametrize("clean", [True, False], ids=["clean", "hard"])
def test_exactly_once_source(make: Callable[..., Service], clean: bool) -> None:
    service = make(exactly_once_source_support="enabled")
    service.verifiable("source", "VerifiableSource", topic="test", tasks_max=TASKS, exactly_once_support="required")
    for number in range(BOUNCES):
        before = len(service.told("source", "sent"))
        service.restart(clean=clean)
        if number < BOUNCES // 2:  # those behind come while it is still starting
            service.until_more("source", "sent", before + 50)
    service.ask("POST", "/connectors/source/restart?onlyFailed=true&includeTasks=true")
    service.until_running("source", TASKS)
    until(lambda: lowest(service.told("source", "sent")) > 1200, "each task sent more than 1200")
    service.ask("PUT", "/connectors/source/stop")
    service.until_states("source", "STOPPED")
    service.stop()
    in_topic = [Seen(str(each["task"]), each["seqno"]) for each in map(json.loads, service.values("test"))]
    assert problems(in_topic, may_double=False) == []
