"""The command `connect`: topics, records and connectors by commands, and how a worker starts, is refused and ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import assert_refused, connect, connect_process
from tests.support.worker import STRING, WorkerProcess


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    return ["--data-dir", str(tmp_path / "data")]


def test_topics_are_created_described_listed_and_deleted(data: list[str]) -> None:
    assert connect("topic", "create", "orders", "--partitions", "3", *data).returncode == 0
    described = json.loads(connect("topic", "describe", "orders", "--json", *data).stdout)
    assert (described["name"], len(described["partitions"])) == ("orders", 3)
    assert "orders" in connect("topic", "list", *data).stdout
    assert connect("topic", "delete", "orders", "--yes", *data).returncode == 0
    assert "orders" not in connect("topic", "list", *data).stdout


def test_lines_go_in_and_come_out_with_keys(data: list[str]) -> None:
    connect("topic", "create", "t", *data)
    assert (
        connect("produce", "--topic", "t", "--key-separator", ":", *data, stdin=b"k1:v1\nk2:v2:x\nk3:").returncode == 0
    )
    out = connect("consume", "--topic", "t", "--from-beginning", "--max-messages", "3", "--print-key", *data)
    assert out.stdout.splitlines() == ["k1\tv1", "k2\tv2:x", "k3\t"]


def test_consume_takes_offsets_groups_and_json(data: list[str]) -> None:
    connect("topic", "create", "t", *data)
    connect("produce", "--topic", "t", *data, stdin=b"a\nb\nc\nd\n")
    assert connect("consume", "--topic", "t", "--offset", "2", "--max-messages", "1", *data).stdout == "c\n"
    group = ["--group", "g", "--from-beginning", "--max-messages", "2"]
    assert connect("consume", "--topic", "t", *group, *data).stdout == "a\nb\n"
    record = json.loads(connect("consume", "--topic", "t", *group, "--json", *data).stdout.splitlines()[0])
    assert (record["offset"], record["value"], record["key"]) == (2, "c", None)


def test_bytes_that_are_no_text_are_shown_escaped(data: list[str]) -> None:
    connect("topic", "create", "t", *data)
    connect("produce", "--topic", "t", *data, stdin=b"\xff\xfe\n")
    assert connect("consume", "--topic", "t", "--from-beginning", "--max-messages", "1", *data).stdout == "\\xff\\xfe\n"


BAD: list[tuple[list[str], int, str, tuple[str, ...]]] = [
    (["topic", "create", "no/topic"], 2, "log.invalid_topic", ("no/topic",)),
    (["topic", "create", "t2", "--partitions", "0"], 2, "log.invalid_partitions", ("0",)),
    (["topic", "create", "t"], 1, "log.topic_exists", ("t",)),
    (["topic", "create", "t2", "--config", "compression.type=lzma"], 2, "config.invalid", ("lzma",)),
    (["topic", "describe", "tt"], 1, "log.unknown_topic_or_partition", ("tt",)),
    (["consume", "--topic", "t", "--partition", "7"], 1, "log.unknown_topic_or_partition", ("7", "0 to 0")),
    (["consume", "--topic", "t", "--offset", "99"], 1, "log.offset_out_of_range", ("99",)),
    (["produce", "--topic", "nowhere"], 1, "log.unknown_topic_or_partition", ("nowhere",)),
    (["produce", "--topic", "t", "--parse-key"], 2, "config.invalid", ("line 1",)),
    (["produce", "--topic", "t", "no-such-file.txt"], 2, "config.unreadable", ("no-such-file.txt",)),
    (["plugin", "describe", "FileStreamSorce"], 1, "plugin.missing", ("FileStreamSource",)),
]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code", "mentions"), BAD, ids=lambda v: " ".join(v) if isinstance(v, list) else None
)
def test_mistakes_get_one_message_with_code_and_hint(
    data: list[str], arguments: list[str], exit_code: int, code: str, mentions: tuple[str, ...]
) -> None:
    connect("topic", "create", "t", *data)
    log = [] if arguments[0] == "plugin" else data
    assert_refused(connect(*arguments, *log, stdin=b"no separator\n"), exit_code, code, *mentions)


def test_a_record_that_is_too_large_is_refused_with_the_limit(data: list[str]) -> None:
    connect("topic", "create", "small", "--config", "max.message.bytes=1000", *data)
    assert_refused(connect("produce", "--topic", "small", *data, stdin=b"x" * 5000), 1, "log.record_too_large", "1000")
    assert (
        json.loads(connect("topic", "describe", "small", "--json", *data).stdout)["partitions"][0]["log_end_offset"]
        == 0
    )


def test_an_unknown_command_or_option_is_a_usage_error() -> None:
    assert connect("frobnicate").returncode == 2
    assert connect("topic", "list", "--no-such").returncode == 2
    assert connect("--help").returncode == 0


def test_the_package_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connect", "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, connect_process("--version").stdout)


CONNECTOR_FILES: list[tuple[str, str, tuple[str, ...]]] = [
    ("{", "config.unreadable", ("c.json", "not JSON")),
    ("[]", "config.unreadable", ("c.json",)),
    ('{"connector.class": "FileStreamSource"}', "config.invalid", ("c.json", "name")),
    ('{"name": "a", "config": {"name": "b"}}', "config.invalid", ("c.json", "'a'", "'b'")),
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
    ('{"name": "a", "config": {}, "initial_state": "GONE"}', "config.invalid", ("GONE",)),
    ('{"name": "a", "connector.class": "FileStreamSource", "topic": {"x": 1}}', "config.invalid", ("topic",)),
]


@pytest.mark.parametrize(("content", "code", "mentions"), CONNECTOR_FILES)
def test_a_wrong_connector_file_ends_the_start_with_its_name(
    tmp_path: Path, data: list[str], content: str, code: str, mentions: tuple[str, ...]
) -> None:
    path = tmp_path / "c.json"
    path.write_text(content)
    assert_refused(connect_process("worker", *data, "--listeners", "http://127.0.0.1:0", path), 2, code, *mentions)


def test_a_connector_file_that_is_not_there_is_refused(data: list[str]) -> None:
    assert_refused(connect_process("worker", *data, "none.json"), 2, "config.unreadable", "none.json")


def test_a_real_cluster_is_refused_until_there_is_one(data: list[str]) -> None:
    assert_refused(
        connect_process("worker", *data, CONNECT_BOOTSTRAP_SERVERS="localhost:9092"),
        2,
        "config.invalid",
        "bootstrap.servers",
    )


def test_rest_extensions_of_java_are_refused_and_not_passed_over(tmp_path: Path, data: list[str]) -> None:
    path = tmp_path / "worker.properties"
    path.write_text(
        "rest.extension.classes=org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension\n"
    )
    assert_refused(connect_process("worker", *data, "--config", path), 2, "config.invalid", "rest.authentication.file")


def test_a_taken_port_is_named(tmp_path: Path, data: list[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_refused(
            connect_process("worker", *data, "--listeners", f"http://127.0.0.1:{port}"),
            3,
            "environment.port_taken",
            str(port),
        )


def test_a_data_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_refused(connect("topic", "list", "--data-dir", tmp_path / "file"), 3, "environment.data_dir", "file")


def test_a_data_directory_in_use_refuses_a_second_worker_and_serves_commands(tmp_path: Path, data: list[str]) -> None:
    with WorkerProcess(tmp_path / "data") as worker:
        worker.url()
        assert_refused(connect_process("worker", *data, "--listeners", "http://127.0.0.1:0"), 3, "log.in_use", "data")
        assert connect("topic", "create", "t", *data).returncode == 0
        assert connect("produce", "--topic", "t", *data, stdin=b"a\nb\n").returncode == 0
        assert connect("consume", "--topic", "t", "--from-beginning", "--max-messages", "2", *data).stdout == "a\nb\n"
        assert_refused(connect("topic", "describe", "tt", *data), 1, "log.unknown_topic_or_partition", "tt")
        assert worker.stop() == 0


def test_connectors_are_managed_over_rest(tmp_path: Path, data: list[str]) -> None:
    config: dict[str, Any] = {
        "name": "src",
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in"),
        "topic": "t",
        "value.converter": STRING,
    }
    path = tmp_path / "src.json"
    path.write_text(json.dumps(config))
    with WorkerProcess(tmp_path / "data") as worker:
        url = ["--url", worker.url()]
        assert connect("connector", "create", path, *url).stdout == "created src\n"
        assert "src" in connect("connector", "list", *url).stdout
        assert json.loads(connect("connector", "status", "src", "--json", *url).stdout)["name"] == "src"
        for command in ("pause", "resume", "restart", "stop"):
            assert connect("connector", command, "src", *url).returncode == 0
        assert_refused(connect("connector", "status", "scr", *url), 1, "connector.not_found", "'src'")
        assert_refused(connect("connector", "create", path, *url), 1, "connector.exists", "already exists")
        assert connect("connector", "delete", "src", *url).returncode == 0


def test_a_worker_that_is_not_there_is_an_environment_fault() -> None:
    assert_refused(
        connect("connector", "list", "--url", "http://127.0.0.1:1"), 3, "environment.unreachable", "127.0.0.1:1"
    )


def test_errors_are_json_where_json_is_asked_for(data: list[str]) -> None:
    done = connect("topic", "describe", "none", "--json", *data)
    assert json.loads(done.stderr)["code"] == "log.unknown_topic_or_partition"


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


def test_a_properties_file_is_a_connector_config_too(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a\n")
    path = tmp_path / "src.properties"
    path.write_text(
        f"name=src\nconnector.class=FileStreamSource\nfile={tmp_path}/in\ntopic : t\nvalue.converter = {STRING}\n"
    )
    with WorkerProcess(tmp_path / "data", path) as worker:
        url = worker.url()
        at = ("--from-beginning", "--max-messages", "1", "--url", url, "--timeout-ms", "10000")
        out = connect("consume", "--topic", "t", *at)
        if out.returncode:  # the topic is made with its first record
            out = connect("consume", "--topic", "t", *at)
        assert out.stdout == "a\n"


@pytest.mark.parametrize(
    ("key", "given", "mentions"),
    [
        ("VALUE_CONVERTER", "JsonConvertor", "did you mean"),
        ("KEY_CONVERTER", "io.confluent.connect.avro.AvroConverter", "key.converter"),
        ("HEADER_CONVERTER", "org.example.Nope", "known are"),
    ],
)
def test_a_default_converter_that_is_not_installed_ends_the_start(
    data: list[str], key: str, given: str, mentions: str
) -> None:
    done = connect_process("worker", *data, **{f"CONNECT_{key}": given})
    assert_refused(done, 2, "config.unknown_class", given, key.lower().replace("_", "."), mentions, "plugin list")


def test_what_a_plugin_prints_as_it_is_imported_does_not_spoil_the_list(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text("print('loading loud')\n")
    done = connect_process("plugin", "list", "--json", "--plugin-path", str(tmp_path))
    assert json.loads(done.stdout)["broken"] == []
    assert "loading loud" in done.stderr


def test_a_plugin_shows_what_its_keys_take() -> None:
    shown = json.loads(connect("plugin", "describe", "Cast$Value", "--json").stdout)
    assert {"valid_values", "recommended_values"} <= shown["keys"][0].keys()
    text = connect("plugin", "describe", "JdbcSinkConnector").stdout
    assert "VALID VALUES" in text
    assert "insert, upsert" in text
    assert "at least" in text
