"""`connect worker`: how it starts, is refused and ends."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from connect import app
from connect.api import ConflictError, EnvironmentFault
from connect.api.errors import UnknownTopicOrPartitionError
from connect.app import open_worker
from connect.cli.settings import ConnectorFile
from connect.cli.supervisor import Supervisor
from connect.runtime.border.ending import Ending
from connect.runtime.host import Host
from connect.runtime.worker_config import WorkerConfig
from tests.support.command import assert_refused, connect, connect_process, lines, running
from tests.support.doors import assert_error
from tests.support.forks import ForkedWorker, connect_forked
from tests.support.logs import logged
from tests.support.plain import NO_TLS
from tests.support.worker import STRING, WorkerProcess

#: The name in the package is the command's.
worker_module = importlib.import_module("connect.cli.worker")

#: Seen as the file is read, before the process becomes a worker's.
UNREADABLE_FILES: list[tuple[str, str, tuple[str, ...]]] = [
    ("{", "config.unreadable", ("c.json", "not JSON")),
    ("[]", "config.unreadable", ("c.json",)),
    ('{"connector.class": "FileStreamSource"}', "config.invalid", ("c.json", "name")),
    ('{"name": "a", "config": {"name": "b"}}', "config.invalid", ("c.json", "'a'", "'b'")),
    ('{"name": "a", "config": {}, "initial_state": "GONE"}', "config.invalid", ("GONE",)),
    ('{"name": "a", "connector.class": "FileStreamSource", "topic": {"x": 1}}', "config.invalid", ("topic",)),
]
#: Seen by the herder of a worker that has started.
WRONG_CONNECTORS: list[tuple[str, str, tuple[str, ...]]] = [
    ('{"name": "a", "topic": "t"}', "config.invalid", ("connector.class",)),
    (
        '{"name": "a", "connector.class": "FileStreamSorce", "topic": "t"}',
        "config.unknown_class",
        ("FileStreamSource",),
    ),
    (
        '{"name": "a", "connector.class": "FileStreamSource", "topic": "t", "batch.size": "many"}',
        "config.invalid",
        ("batch.size",),
    ),
]


@pytest.fixture
def before_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command line that is refused before it sets up the process, which can therefore be this one."""

    def set_up(*_: object) -> None:
        raise AssertionError("the worker begins")

    monkeypatch.setattr("connect.runtime.tuning.tune_process", set_up)


@pytest.mark.usefixtures("before_the_worker")
@pytest.mark.parametrize(("content", "code", "mentions"), UNREADABLE_FILES)
def test_an_unreadable_connector_file_is_refused_with_its_name_before_the_worker_begins(
    tmp_path: Path, directory: list[str], content: str, code: str, mentions: tuple[str, ...]
) -> None:
    path = tmp_path / "c.json"
    path.write_text(content)
    assert_refused(connect("worker", *directory, "--listeners", "http://127.0.0.1:0", path), 2, code, *mentions)


@pytest.mark.parametrize(("content", "code", "mentions"), WRONG_CONNECTORS)
def test_a_wrong_connector_ends_the_start_with_its_name(
    tmp_path: Path, directory: list[str], content: str, code: str, mentions: tuple[str, ...]
) -> None:
    path = tmp_path / "c.json"
    path.write_text(content)
    assert_refused(connect_forked("worker", *directory, "--listeners", "http://127.0.0.1:0", path), 2, code, *mentions)


@pytest.mark.usefixtures("before_the_worker")
def test_a_folder_stands_for_the_files_in_it(tmp_path: Path, directory: list[str]) -> None:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "one.json").write_text('{"connector.class": "FileStreamSource"}')
    assert_refused(connect("worker", *directory, tmp_path / "connectors"), 2, "config.invalid", "one.json", "name")


def test_a_connector_file_that_is_not_there_is_refused(directory: list[str]) -> None:
    assert_refused(connect("worker", *directory, "none.json"), 2, "config.unreadable", "none.json")


@pytest.mark.slow
def test_a_cluster_whose_keys_cannot_be_is_refused(directory: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECT_BOOTSTRAP_SERVERS", "localhost:1")
    monkeypatch.setenv("CONNECT_SASL_JAAS_CONFIG", "correct horse")
    assert_refused(connect_process("worker", *directory), 2, "config.invalid", "sasl.jaas.config")


@pytest.mark.usefixtures("before_the_worker")
def test_rest_extensions_of_java_are_refused_and_not_passed_over(tmp_path: Path, directory: list[str]) -> None:
    path = tmp_path / "worker.properties"
    path.write_text(
        "rest.extension.classes=org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension\n"
    )
    assert_refused(connect("worker", *directory, "--config", path), 2, "config.invalid", "rest.authentication.file")


@pytest.mark.slow
def test_a_taken_port_is_named(tmp_path: Path, directory: list[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_refused(
            connect_process("worker", *directory, "--listeners", f"http://127.0.0.1:{port}"),
            3,
            "environment.port_taken",
            str(port),
        )


@pytest.mark.slow
def test_sigterm_stops_a_worker_cleanly_and_its_log_has_the_connectors_context(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(
        json.dumps(
            {"name": "bad", "connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "no" / "out")}
        )
    )
    with WorkerProcess(tmp_path / "data", path) as worker:
        worker.url()
        deadline = time.monotonic() + 30
        while "[bad|task-0] task failed" not in worker.log:
            assert time.monotonic() < deadline, worker.log
            time.sleep(0.02)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(30) == 0
        assert not (tmp_path / "data" / "worker.json").exists()


SLOW_SINK = """
import time
from pathlib import Path
from connect.api import SinkConnector, SinkTask, hookimpl

class SlowTask(SinkTask):
    def put(self, records):
        self.seen = getattr(self, "seen", 0) + len(records)
        Path(self.config.originals["seen"]).write_text(str(self.seen))

    def stop(self):
        time.sleep(float(self.config.originals["stop.s"]))

class Slow(SinkConnector):
    class_name = "test.Slow"
    task_class = SlowTask

@hookimpl
def connect_connectors():
    return [Slow]
"""


@pytest.mark.parametrize("code", [0, 143])
def test_while_a_worker_stops_rest_says_so_and_takes_no_changes_and_the_exit_code_is_as_asked_for(
    tmp_path: Path, code: int
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "slow_sink.py").write_text(SLOW_SINK)
    path, (source, seen) = tmp_path / "slow.json", (tmp_path / "in", tmp_path / "seen")
    source.write_text("a\nb\n")
    slow = {"name": "slow", "connector.class": "test.Slow", "topics": "t", "seen": str(seen), "stop.s": "2"}
    path.write_text(json.dumps({**slow, "key.converter": STRING, "value.converter": STRING}))
    lines_of = tmp_path / "lines.json"
    lines_of.write_text(json.dumps({"name": "in", "connector.class": "FileStreamSource", "file": str(source),
                                    "topic": "t", "key.converter": STRING, "value.converter": STRING}))  # fmt: skip
    keys = {"CONNECT_PLUGIN_PATH": str(tmp_path / "plugins"), "CONNECT_SIGTERM_EXIT_CODE": str(code)}
    with ForkedWorker(tmp_path / "data", lines_of, path, **keys) as worker:
        url = worker.url()
        wait_for(lambda: seen.exists() and seen.read_text() == "2", worker)
        with httpx.Client(base_url=url, verify=NO_TLS) as client:
            assert client.get("/health/ready").status_code == 200
            worker.process.send_signal(signal.SIGTERM)
            wait_for(lambda: client.get("/health/ready").json()["status"] == "stopping", worker)
            refused = client.put("/connectors/slow/config", json=slow)
            assert_error(refused, 503, "worker.stopping")
            assert int(refused.headers["retry-after"]) >= 1
            assert client.get("/health/live").status_code == 200
            assert client.get("/connectors").json() == ["in", "slow"]
        assert worker.process.wait(30) == code
    at = ["--data-dir", str(tmp_path / "data")]
    [group] = json.loads(connect("group", "describe", "connect-slow", "--json", *at).stdout)["offsets"]
    assert (group["offset"], group["lag"]) == (2, 0), "what was put is committed"


def wait_for(condition: Callable[[], bool], worker: WorkerProcess) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, worker.log
        time.sleep(0.01)


def test_a_properties_file_is_a_connector_config_too(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a\n")
    path = tmp_path / "src.properties"
    path.write_text(
        f"name=src\nconnector.class=FileStreamSource\nfile={tmp_path}/in\ntopic : t\nvalue.converter = {STRING}\n"
    )
    with ForkedWorker(tmp_path / "data", path) as worker:
        url = worker.url()
        at = ("--from-beginning", "--max-messages", "1", "--url", url, "--timeout-ms", "10000")
        deadline = time.monotonic() + 60
        while (out := connect("consume", "--topic", "t", *at)).returncode:  # the topic is made with its first record
            assert time.monotonic() < deadline, out.stderr
        assert out.stdout == "a\n"


@pytest.mark.parametrize(
    ("key", "given", "mentions"),
    [
        ("VALUE_CONVERTER", "JsonConvertor", "did you mean"),
        ("KEY_CONVERTER", "com.blueapron.connect.protobuf.ProtobufConverter", "key.converter"),
        ("HEADER_CONVERTER", "org.example.Nope", "known are"),
    ],
)
def test_a_default_converter_that_is_not_installed_ends_the_start(
    directory: list[str], key: str, given: str, mentions: str
) -> None:
    done = connect_forked("worker", *directory, **{f"CONNECT_{key}": given})
    assert_refused(done, 2, "config.unknown_class", given, key.lower().replace("_", "."), mentions, "plugin list")


@pytest.mark.slow
def test_keys_that_are_not_read_are_told_before_anything_ends_the_start(tmp_path: Path, directory: list[str]) -> None:
    path = tmp_path / "worker.properties"
    path.write_text(
        "group.id=connect-cluster\nvalue.convertr=JsonConverter\nplugin.discovery=hybrid_warn\nkey.converter=Nope\n"
    )
    done = connect_process("worker", *directory, "--config", path, KAFKA_HEAP_OPTS="-Xmx2G")
    assert_refused(done, 2, "config.unknown_class", "key.converter of the worker")
    for level, told in (
        ("WARN", "value.convertr: no key of the worker's, so nothing reads it; did you mean value.converter?"),
        ("INFO", "plugin.discovery: plugins are found as installed packages, and in the folders of plugin.path"),
        ("INFO", "KAFKA_HEAP_OPTS: there is no JVM"),
    ):
        assert any(level in line and told in line for line in done.stderr.splitlines()), told


def test_the_worker_s_config_sets_defaults_of_topics_by_a_broker_s_names(tmp_path: Path) -> None:
    config = tmp_path / "worker.properties"
    config.write_text("log.segment.bytes=2000\nlog.cleaner.backoff.ms=5000\n")
    with running(tmp_path / "data", "--config", str(config)) as url:
        lines("topic", "create", "t", "--url", url)
        described = json.loads("\n".join(lines("topic", "describe", "t", "--configs", "--json", "--url", url)))
    assert described["configs_in_force"]["segment.bytes"] == {"value": "2000", "source": "log"}
    config.write_text("log.segment.bytes=2 GB\n")
    failed = connect_forked("worker", "--data-dir", str(tmp_path / "data"), "--config", str(config))
    assert_refused(failed, 2, "config.invalid", "segment.bytes: '2 GB' is not a whole number")


async def test_a_worker_comes_back_to_its_group_once_brokers_that_were_away_know_their_topics_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker_module, "_AGAIN_S", 0.01)
    monkeypatch.setattr(worker_module, "_AGAIN_MAX_S", 0.03)
    lives: list[bool | Exception] = [
        EnvironmentFault("closing what brokers do not answer for any more"),
        EnvironmentFault("brokers are away"),
        UnknownTopicOrPartitionError("subscribe a consumer: no such partition"),
        False,
        ConflictError("nobody leads", code="worker.rebalancing"),
        True,
    ]

    async def serve(had_place: asyncio.Event) -> bool:
        if len(lives) == 6:
            had_place.set()
        now = lives.pop(0)
        if isinstance(now, Exception):
            raise now
        return now

    await worker_module._live(serve, asyncio.Event())
    told = "the worker cannot join its group again, and tries in %g s: %s"
    assert not lives and logged(caplog) == [
        told % (0.01, "closing what brokers do not answer for any more"),
        told % (0.02, "brokers are away"),
        told % (0.03, "subscribe a consumer: no such partition"),
        told % (0.01, "nobody leads"),
    ]
    lives[:] = [UnknownTopicOrPartitionError("it never was there")]
    with pytest.raises(UnknownTopicOrPartitionError):  # at a first start somebody looks
        await worker_module._live(serve, asyncio.Event())


async def test_a_name_by_which_others_are_to_reach_the_worker_and_that_nobody_knows_is_warned_of(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worker_module._check_advertised("http://localhost:8083")
    await worker_module._check_advertised("https://[::1]:8083")
    assert not logged(caplog, logging.WARNING)
    await worker_module._check_advertised("http://no.such.host.invalid:8083")
    [told] = logged(caplog, logging.WARNING)
    assert "rest.advertised.host.name: 'no.such.host.invalid'" in told and "http://no.such.host.invalid:8083" in told
    caplog.clear()
    held = threading.Event()
    monkeypatch.setattr(worker_module, "_RESOLVED_WITHIN_S", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: held.wait(30))
    await worker_module._check_advertised("http://slow:8083")
    held.set()
    [told] = logged(caplog, logging.WARNING)
    assert "no answer within 0.05 s" in told


async def test_the_files_of_a_start_are_taken_once_and_not_again_in_another_life(tmp_path: Path) -> None:
    out = str(tmp_path / "out.txt")
    first, second = ({"connector.class": "FileStreamSink", "topics": topic, "file": out} for topic in ("a", "b"))
    files = [ConnectorFile("one", first), ConnectorFile("two", first)]
    async with open_worker(WorkerConfig.parse({"data.dir": str(tmp_path / "data")})) as herder:
        await worker_module._take_files(herder, files)
        assert herder.connectors() == ["one", "two"]
        await herder.put_config("one", second)
        await worker_module._take_files(herder, files)
        assert herder.info("one").config["topics"] == "b"


@pytest.mark.parametrize("is_slow", [False, True])
async def test_a_worker_on_every_address_is_told_by_its_name_without_waiting_for_it_on_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, is_slow: bool
) -> None:
    answers, loop = threading.Event(), asyncio.get_running_loop()

    def slow_name() -> str:
        assert threading.current_thread() is not threading.main_thread()
        assert threading.current_thread().daemon, "the process does not wait for it as it ends"
        answers.wait(30 if is_slow else 0)
        return "full.example"

    monkeypatch.setattr(worker_module, "_NAME_S", 0.1)
    monkeypatch.setattr(socket, "getfqdn", slow_name)
    began = loop.time()
    url = await worker_module.advertised_url(["http://0.0.0.0:8083"], WorkerConfig.parse({}))
    assert loop.time() - began < 10
    assert url == f"http://{socket.gethostname() if is_slow else 'full.example'}:8083"
    answers.set()


@pytest.mark.slow
async def test_rest_stays_where_it_was_between_two_lives_however_one_of_them_ends(tmp_path: Path) -> None:
    told: list[str] = []
    stop, had_place = asyncio.Event(), asyncio.Event()
    lives = iter(["lost", "cannot join", "stopped"])

    @asynccontextmanager
    async def open_host(config: WorkerConfig) -> AsyncIterator[Host]:
        async with app.open_host(config) as host:
            life = next(lives)

            async def join(url: str) -> None:
                told.append(life)
                if life == "cannot join":
                    raise EnvironmentFault("brokers are away")
                host.lost.set() if life == "lost" else stop.set()

            host.join = join  # type: ignore[method-assign]
            yield host

    @asynccontextmanager
    async def serve_between(config: WorkerConfig, urls: Sequence[str]) -> AsyncIterator[None]:
        told.append("begins")
        async with app.serve_between(config, urls):
            yield
        told.append("ends")

    wiring = replace(app.wiring(), open_host=open_host, serve_between=serve_between)
    config = WorkerConfig.parse({"data.dir": str(tmp_path / "data"), "listeners": "http://127.0.0.1:0"})
    ending, nobody = Ending(stop.set, grace_s=1), Supervisor({})
    async with worker_module._Between(wiring) as between:
        life = partial(
            worker_module._serve_until, stop, had_place, between, wiring, config, [], None, ending, nobody,
            on_terminal=False,
        )  # fmt: skip
        assert await life() is False
        with pytest.raises(EnvironmentFault, match="brokers are away"):
            await life()
        assert await life() is True
    assert told == ["lost", "begins", "ends", "cannot join", "begins", "ends", "stopped"]


_SLOW_START = """
import os, signal, sys
from connect import app as wiring
from connect.rest import app
source = "import time\\ndef slow():\\n  end = time.monotonic() + 30\\n  while time.monotonic() < end: sum(range(1000))"
library = {"__name__": "pydantic.slow"}
exec(compile(source, "/site-packages/pydantic/slow.py", "exec"), library)
make_app = app.make_app
def slowly(host):
    os.kill(os.getpid(), signal.SIGTERM)
    library["slow"]()
    return make_app(host)
app.make_app = slowly
sys.argv[1:] = ["worker", "--data-dir", sys.argv[1], "--listeners", "http://127.0.0.1:0"]
sys.exit(wiring.main())
"""


@pytest.mark.slow
def test_a_stop_while_the_start_still_loads_a_library_ends_it_as_a_stop_does(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SLOW_START, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "its start was broken off" in done.stderr
    assert (tmp_path / "data" / ".kafka_cleanshutdown").exists()
