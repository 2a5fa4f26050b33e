"""`connect migrate check`: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, config

SINK = {"name": "out", "connector.class": "FileStreamSink", "topics": "t", "file": "out.txt"}
S3 = {
    "name": "lake",
    "config": {
        "connector.class": "io.confluent.connect.s3.S3SinkConnector",
        "topics": "t",
        "s3.bucket.name": "b",
        "aws.secret.access.key": "hunter2hunter2",
    },
}
STRING = "org.apache.kafka.connect.storage.StringConverter"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(name: str, content: object) -> str:
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content))
    return name


def test_configs_that_run_end_with_0_and_differences_are_named(cli: Cli) -> None:
    done = cli("migrate", "check", put("sink.json", {**SINK, "errors.tolerance": "all", "value.converter": STRING}))
    assert done.code == 0, done
    assert "out (sink, FileStreamSink; sink.json): runs, look at these" in done.out
    assert "  different      errors.tolerance: bad records of a put" in done.out
    assert "  same           5 keys" in done.out
    assert done.out.endswith("1 config: 0 runs as it stands, 1 runs, look at these, 0 does not run\n")


def test_one_that_does_not_run_ends_with_1_and_says_why(cli: Cli) -> None:
    done = cli("migrate", "check", put("lake.json", S3), "-", stdin=json.dumps({**SINK, "value.converter": STRING}))
    assert done.code == 1, done
    assert "out (sink, FileStreamSink; standard input): runs as it stands" in done.out
    assert "lake (sink, io.confluent.connect.s3.S3SinkConnector; lake.json): does not run" in done.out
    assert "connector.class: no plugin for io.confluent.connect.s3.S3SinkConnector" in done.out
    assert (
        "s3.bucket.name, aws.secret.access.key: instead: folder of FolderSink, which another tool uploads" in done.out
    )
    assert "hunter2" not in done.out


def test_json_has_every_key_with_its_verdict(cli: Cli) -> None:
    done = cli("migrate", "check", "--json", put("both.json", [{**SINK, "value.converter": STRING}, S3]))
    assert done.code == 1
    runs, fails = done.json["configs"]
    assert (runs["name"], runs["source"], runs["outcome"]) == ("out", "both.json[0]", "runs_as_it_stands")
    assert {key["verdict"] for key in runs["keys"]} == {"same"}
    assert (fails["outcome"], fails["kind"]) == ("does_not_run", "sink")
    assert fails["why"][0].startswith("connector.class: no plugin")
    verdicts = {key["key"]: key["verdict"] for key in fails["keys"]}
    assert verdicts["topics"] == "same"
    assert verdicts["s3.bucket.name"] == "not_supported"
    assert done.json["summary"] == {"runs_as_it_stands": 1, "look": 0, "does_not_run": 1}
    assert "hunter2" not in done.out


def test_connectors_are_judged_by_the_worker_s_file_among_them(cli: Cli) -> None:
    put("w.properties", f"value.converter={STRING}\nlisteners=http://127.0.0.1:8083\nplugin.discovery=hybrid_warn\n")
    alone = cli("migrate", "check", put("sink.json", SINK))
    assert "connector.class: values that are no text are written as JSON" in alone.out
    assert "note: key.converter, value.converter: not given" in alone.out
    done = cli("migrate", "check", "w.properties", "sink.json")
    assert done.code == 0
    assert "w (worker; w.properties): runs, look at these" in done.out
    assert "different      plugin.discovery: plugins are found as installed packages" in done.out
    assert "out (sink, FileStreamSink; sink.json): runs as it stands" in done.out
    assert "note:" not in done.out


def test_a_worker_s_listeners_are_looked_at_without_its_files(cli: Cli) -> None:
    text = "listeners=https://:8443,SASL://x\nlisteners.https.ssl.keystore.type=JKS\nssl.keystore.location=/none.jks\n"
    done = cli("migrate", "check", put("w.properties", text))
    assert done.code == 1
    assert "not supported  listeners: Invalid value SASL://x" in done.out
    assert "not supported  listeners.https.ssl.keystore.type: Invalid value JKS" in done.out


def test_keys_with_which_no_client_of_the_cluster_can_be_made_are_named_with_what_to_do(cli: Cli) -> None:
    keys = [
        "bootstrap.servers=broker:9092",
        "security.protocol=SSL",
        "ssl.truststore.location=/none/trust.jks",
        "ssl.truststore.password=changeit",
        "producer.ssl.truststore.location=/none/trust.p12",
        "producer.ssl.truststore.type=PKCS12",
        "consumer.ssl.keystore.location=/none/own.pem",
        "consumer.ssl.keystore.type=PEM",
        "admin.request.timeout.ms=soon",
    ]
    done = cli("migrate", "check", put("w.properties", "\n".join(keys)))
    assert done.code == 1
    assert "not supported  ssl.truststore.location: Invalid value JKS (the default)" in done.out
    assert "keytool -importkeystore -srckeystore /none/trust.jks" in done.out
    assert "not supported  producer.ssl.truststore.type: Invalid value PKCS12" in done.out
    assert "not supported  admin.request.timeout.ms: request.timeout.ms: 'soon' is not a whole number" in done.out
    assert "consumer.ssl.keystore" not in done.out, "a file in PEM need not be on this machine"
    login = "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config=${env:LOGIN}\n"
    done = cli("migrate", "check", put("w.properties", "bootstrap.servers=broker:9092\n" + login))
    assert "sasl.jaas.config" not in done.out, "what a reference stands for is taken as right"


def test_a_source_that_cannot_be_read_ends_with_2_and_hides_no_other(cli: Cli) -> None:
    sink = put("sink.json", {**SINK, "value.converter": STRING})
    done = cli("migrate", "check", put("broken.json", '{\n"a": }'), sink)
    assert done.code == 2
    assert "out (sink, FileStreamSink; sink.json): runs as it stands" in done.out
    assert "error: broken.json is not JSON: " in done.err
    assert "line 2" in done.err
    assert "code: config.unreadable" in done.err
    as_json = cli("migrate", "check", "--json", "broken.json", sink)
    assert as_json.code == 2
    [error] = as_json.json["errors"]
    assert (error["source"], error["code"]) == ("broken.json", "config.unreadable")


def test_all_keys_are_shown_on_demand(cli: Cli) -> None:
    done = cli("migrate", "check", "--all", put("sink.json", {**SINK, "value.converter": STRING}))
    assert "  same           name, connector.class, topics, file, value.converter\n" in done.out


def test_a_running_worker_is_read_over_rest(cli: Cli, worker_url: str, tmp_path: Path, name: str) -> None:
    made = config(tmp_path, name)
    assert cli("connector", "create", put("c.json", made), "--url", worker_url).code == 0
    done = cli("migrate", "check", "--url", worker_url, "--json")
    mine = next(one for one in done.json["configs"] if one["name"] == name)
    assert (mine["source"], mine["outcome"]) == (worker_url, "runs_as_it_stands")
    assert cli("connector", "delete", name, "--yes", "--url", worker_url).code == 0


def test_a_worker_that_is_not_there_ends_with_3_and_nothing_to_check_with_2(cli: Cli) -> None:
    cli.refused(3, "environment.unreachable", "migrate", "check", "--url", "http://127.0.0.1:1")
    cli.refused(2, "config.invalid", "migrate", "check", mentions="no config is given")


def test_nothing_is_written(cli: Cli, here: Path) -> None:
    cli("migrate", "check", put("sink.json", SINK), put("w.properties", "data.dir=data\n"))
    assert sorted(os.listdir(here)) == ["sink.json", "w.properties"]  # noqa: PTH208 - names alone
