"""What becomes of configs that were written for Kafka Connect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connect.app import log_keys
from connect.runtime.plugins import PluginHost
from connect.runtime.validation.migration import (
    Judged,
    KeyVerdict,
    Outcome,
    Same,
    judge_connector,
    judge_mirrors,
    judge_server,
    judge_worker,
    readable_worker,
)
from connect.runtime.worker_config import WorkerConfig

PLUGINS = PluginHost.discover()
WORKER = WorkerConfig.parse({})
STRING = "org.apache.kafka.connect.storage.StringConverter"
SINK = {"connector.class": "FileStreamSink", "topics": "t", "file": "out", "value.converter": STRING}
JDBC_SOURCE = {
    "connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector",
    "connection.url": "jdbc:postgresql://db:5432/shop",
    "connection.user": "ann",
    "connection.password": "hunter2hunter2",
    "mode": "bulk",
    "topic.prefix": "shop-",
}
S3 = {
    "connector.class": "io.confluent.connect.s3.S3SinkConnector",
    "topics": "orders",
    "tasks.max": "2",
    "s3.bucket.name": "b",
    "aws.secret.access.key": "hunter2hunter2",
    "transforms": "route",
    "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
    "transforms.route.regex": "(.*)",
    "transforms.route.replacement": "x-$1",
    "value.converter": "com.blueapron.connect.protobuf.ProtobufConverter",
    "exactly.once.support": "required",
}


def judged(config: dict[str, str], worker: WorkerConfig = WORKER, *, knows_worker: bool = True) -> Judged:
    return judge_connector(PLUGINS, worker, "c", config, knows_worker=knows_worker)


def verdict(found: Judged, key: str) -> KeyVerdict:
    return next(one for one in found.keys if one.key == key)


def differing(found: Judged) -> dict[str, Same]:
    return {one.key: one.same for one in found.keys if one.same is not Same.SAME}


@pytest.mark.parametrize("config", [SINK, JDBC_SOURCE, {**SINK, "topics": "a,b", "tasks.max": "2"}])
def test_a_config_of_which_nothing_is_to_be_said_runs_as_it_stands(config: dict[str, str]) -> None:
    found = judged(config)
    assert (found.outcome, differing(found), found.why) == (Outcome.RUNS, {}, ())
    assert [one.key for one in found.keys] == list(config)


@pytest.mark.parametrize(
    ("more", "key", "same", "mentions"),
    [
        ({"errors.tolerance": "all"}, "errors.tolerance", Same.DIFFERENT, "put and of a producer"),
        ({"consumer.override.fetch.min.bytes": "1"}, "consumer.override.fetch.min.bytes", Same.DIFFERENT, "brokers"),
        ({"transforms.a.type": "x"}, "transforms.a.type", Same.DIFFERENT, "'a' is not in transforms"),
        ({"wibble.wobble": "1"}, "wibble.wobble", Same.NOT_SUPPORTED, "nothing reads key"),
        ({"tasks.maxx": "1"}, "tasks.maxx", Same.NOT_SUPPORTED, "did you mean tasks.max?"),
        ({"value.converter": "JsonConverter"}, "connector.class", Same.DIFFERENT, "as JSON"),
        ({"key.converter": "JsonConverter", "key.converter.schema.enable": "true"}, "key.converter.schema.enable",
         Same.NOT_SUPPORTED, "did you mean"),
    ],
)  # fmt: skip
def test_a_config_with_keys_that_do_something_else_runs_and_is_to_be_looked_at(
    more: dict[str, str], key: str, same: Same, mentions: str
) -> None:
    found = judged({**SINK, **more})
    assert found.outcome is Outcome.LOOK
    assert differing(found) == {key: same}
    assert mentions in verdict(found, key).message


def test_what_a_plugin_declares_to_be_accepted_is_different_and_another_name_is_too() -> None:
    sink = {
        **JDBC_SOURCE,
        "connector.class": "io.aiven.connect.jdbc.JdbcSinkConnector",
        "topics": "t",
        "batch.size": "100",
    }
    del sink["mode"], sink["topic.prefix"]
    found = judged(sink)
    assert differing(found) == {"connector.class": Same.DIFFERENT, "batch.size": Same.DIFFERENT}
    assert verdict(found, "connector.class").message == "runs as io.confluent.connect.jdbc.JdbcSinkConnector"
    assert verdict(found, "batch.size").message.startswith("accepted, and changes nothing; a batch is")


@pytest.mark.parametrize(
    ("more", "key", "mentions"),
    [
        ({"tasks.max": "many"}, "tasks.max", "Not a number"),
        ({"topics": ""}, "topics", "Must configure one of topics or topics.regex"),
        ({"transforms": "a", "transforms.a.type": "x.y.Nope"}, "transforms.a.type", "x.y.Nope"),
        ({"key.converter": "com.blueapron.connect.protobuf.ProtobufConverter"}, "key.converter", "use JsonConverter"),
        ({"transforms": "a", "transforms.a.type": "InsertField$Value", "transforms.a.predicate": "p",
          "transforms.a.static.field": "f", "transforms.a.static.value": "v"}, "transforms.a.predicate", "not defined"),
        ({"connector.plugin.version": "[1.0"}, "connector.plugin.version", "Invalid"),
    ],
)  # fmt: skip
def test_a_config_that_would_be_refused_or_fail_does_not_run_and_says_why(
    more: dict[str, str], key: str, mentions: str
) -> None:
    found = judged({**SINK, **more})
    assert found.outcome is Outcome.FAILS
    assert verdict(found, key).blocks
    assert any(why.startswith(f"{key}: ") and mentions in why for why in found.why), found.why


POLICY = "connector.client.config.override.policy"


@pytest.mark.parametrize("name", ["FileStreamSink", "org.example.SomeSink"])
def test_what_the_worker_s_policy_refuses_does_not_run(name: str) -> None:
    config = {**SINK, "connector.class": name, "consumer.override.max.poll.records": "5"}
    found = judged(config, WorkerConfig.parse({POLICY: "Principal"}))
    why = (
        "consumer.override.max.poll.records: The 'Principal' policy does not allow 'max.poll.records' "
        "to be overridden in the connector configuration."
    )
    assert why in found.why
    assert verdict(judged(config), "consumer.override.max.poll.records").same is Same.SAME


def test_whether_a_policy_refuses_an_override_is_left_to_the_worker_that_is_not_known() -> None:
    config = {**SINK, "consumer.override.max.poll.records": "5"}
    assert any(POLICY in remark for remark in judged(config, knows_worker=False).remarks)
    assert not any(POLICY in remark for remark in judged(config).remarks)
    assert not any(POLICY in remark for remark in judged(SINK, knows_worker=False).remarks)


def test_a_connector_that_is_not_here_is_judged_as_far_as_it_can_be() -> None:
    found = judged(S3)
    assert found.outcome is Outcome.FAILS
    assert found.kind == "sink"
    assert differing(found) == {
        "connector.class": Same.NOT_SUPPORTED,
        "s3.bucket.name": Same.NOT_SUPPORTED,
        "aws.secret.access.key": Same.NOT_SUPPORTED,
        "value.converter": Same.NOT_SUPPORTED,
        "exactly.once.support": Same.NOT_SUPPORTED,
    }
    assert "no plugin for io.confluent.connect.s3.S3SinkConnector: nothing bundled writes" in found.why[0]
    assert verdict(found, "s3.bucket.name").message == "instead: folder of FolderSink, which another tool uploads"
    assert "use JsonConverter" in verdict(found, "value.converter").message


def test_a_key_of_another_product_says_which_takes_its_place() -> None:
    found = judged(
        {
            "connector.class": "io.confluent.connect.s3.S3SinkConnector",
            "topics": "t",
            "topics.dir": "u",
            "file.delim": "+",
            "schema.compatibility": "BACKWARD",
        }
    )
    assert found.kind == "sink"
    assert verdict(found, "topics.dir").message == "instead: folder"
    assert (
        verdict(found, "file.delim").message
        == "instead: file.extension, for the files' ending; parts of names are parted by '+'"
    )
    # Every sink has it here.
    assert verdict(found, "schema.compatibility").message == ""


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("x.FooSinkConnector", "sink"),
        ("x.FooSourceConnector", "source"),
        ("x.Foo", "sink"),
        ("org.apache.kafka.connect.mirror.MirrorHeartbeatConnector", "source"),
    ],
)
def test_of_what_kind_a_connector_is_shows_in_its_name_or_its_topics(given: str, kind: str) -> None:
    assert judged({"connector.class": given, "topics": "t"}).kind == kind


def test_a_misspelt_class_is_told_with_the_nearest() -> None:
    found = judged({**SINK, "connector.class": "org.example.FileStreamSnkConnector"})
    assert "the class whose name is nearest is org.apache.kafka.connect.file.FileStreamSinkConnector" in found.remarks
    assert judged({"tasks.max": "1"}).why[0].startswith("connector.class: Missing required configuration")


def test_no_secret_is_in_what_is_said() -> None:
    wrong = {**JDBC_SOURCE, "connection.url": "jdbc:mysql://db/x?password=hunter2hunter2"}
    for config in (wrong, S3):
        found = judged(config)
        assert found.outcome is Outcome.FAILS
        assert "hunter2" not in str(found)


def test_a_reference_is_taken_as_right_where_the_worker_has_its_provider() -> None:
    config = {**SINK, "tasks.max": "${file:/etc/connect.properties:tasks}"}
    worker = WorkerConfig.parse({"config.providers": "file", "config.providers.file.class": "FileConfigProvider"})
    assert judged(config, worker).outcome is Outcome.RUNS
    unknown = judged({**SINK, "file": "${valt:x:y}"}, worker)
    assert differing(unknown) == {"file": Same.DIFFERENT}
    alone = judged(config, knows_worker=False)
    assert alone.outcome is Outcome.RUNS
    assert "it needs the worker's config.providers to have file" in alone.remarks
    refused = judged({**SINK, "transforms": "${file:a:b}"}, worker)
    assert "cannot be a reference" in refused.why[0]


def test_a_key_that_a_converter_does_not_read_in_kafka_either_is_the_same_and_worth_a_word() -> None:
    found = judged({**SINK, "value.converter.schemas.enable": "false"})
    assert found.outcome is Outcome.RUNS
    assert found.remarks == ("nothing reads key value.converter.schemas.enable, as in Kafka Connect",)


def test_converters_of_the_worker_hold_where_a_connector_names_none() -> None:
    config = {key: value for key, value in SINK.items() if key != "value.converter"}
    assert judged(config, WorkerConfig.parse({"value.converter": STRING})).outcome is Outcome.RUNS
    alone = judged(config, knows_worker=False)
    assert alone.outcome is Outcome.LOOK
    assert any("not given, so the worker's holds" in remark for remark in alone.remarks)


def test_a_look_at_a_config_runs_no_code_that_it_names(tmp_path: Path) -> None:
    code = tmp_path / "t.py"
    code.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef apply(record):\n    return record\n")
    config = {
        **SINK,
        "transforms": "p",
        "transforms.p.type": "connect.transforms.Python",
        "transforms.p.file": str(code),
        "transforms.p.function": "apply",
    }
    judged(config, WorkerConfig.parse({"transforms.python.enabled": "true"}))
    assert not (tmp_path / "ran").exists()


def test_files_are_allowed_as_on_that_worker(tmp_path: Path) -> None:
    config = {**SINK, "file": str(tmp_path / "out.txt")}
    assert judged(config).outcome is Outcome.RUNS
    there = judged(config, WorkerConfig.parse({"listeners": "http://0.0.0.0:8083"}))
    assert verdict(there, "file").blocks


# -- workers, Debezium Server, MirrorMaker -------------------------------------------------------------------------


def worker(**texts: str) -> Judged:
    return judge_worker(PLUGINS, "w", {k.replace("_", "."): v for k, v in texts.items()}, log_keys())


def test_a_policy_of_overrides_is_the_same_and_a_class_of_one_s_own_ends_the_start() -> None:
    kafkas = "org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy"
    assert differing(worker(listeners="http://127.0.0.1:1", **{POLICY.replace(".", "_"): kafkas})) == {}
    found = worker(**{POLICY.replace(".", "_"): "org.example.OurPolicy"})
    assert found.outcome is Outcome.FAILS
    assert "a policy of one's own is a Java class" in verdict(found, POLICY).message


def test_a_worker_s_keys_are_judged_one_by_one() -> None:
    found = worker(
        group_id="g",
        listeners="http://127.0.0.1:8083",
        plugin_discovery="service_load",
        ofset_flush_interval_ms="5",
        log_retention_ms="5",
    )
    assert found.outcome is Outcome.LOOK
    assert differing(found) == {"plugin.discovery": Same.DIFFERENT, "ofset.flush.interval.ms": Same.NOT_SUPPORTED}


def test_a_worker_that_listens_by_default_listens_elsewhere_here() -> None:
    found = worker(group_id="g")
    assert not verdict(found, "listeners").given
    assert "127.0.0.1:8083 alone" in verdict(found, "listeners").message


@pytest.mark.parametrize(
    ("texts", "key", "mentions"),
    [
        ({"rest_extension_classes": "x.Auth"}, "rest.extension.classes", "rest.authentication.file"),
        ({"offset_flush_interval_ms": "soon"}, "offset.flush.interval.ms", "Not a number"),
        (
            {"value_converter": "com.blueapron.connect.protobuf.ProtobufConverter"},
            "value.converter",
            "use JsonConverter",
        ),
        ({"header_converter": "x.Nope"}, "header.converter", "x.Nope"),
        ({"config_providers": "v", "config_providers_v_class": "x.Vault"}, "config.providers.v.class", "x.Vault"),
        ({"config_providers": "v"}, "config.providers.v.class", "is missing"),
    ],
)
def test_what_ends_a_worker_s_start_is_told_at_its_key(texts: dict[str, str], key: str, mentions: str) -> None:
    found = worker(**texts)
    assert found.outcome is Outcome.FAILS
    assert [one.key for one in found.keys if one.blocks] == [key]
    assert mentions in verdict(found, key).message


def test_connectors_are_judged_by_what_a_worker_s_file_says_apart_from_what_is_refused() -> None:
    config, wrong = readable_worker({"bootstrap.servers": "k:9092", "value.converter": STRING, "log.level": "LOUD"})
    assert wrong.keys() == {"log.level"}
    assert config.bootstrap_servers == ["k:9092"]
    assert config.value_converter == STRING


def test_a_file_of_debezium_server_is_told_in_its_own_keys() -> None:
    texts: dict[str, Any] = {
        "debezium.source.connector.class": "io.debezium.connector.mysql.MySqlConnector",
        "debezium.source.database.password": "hunter2hunter2",
        "debezium.format.value": "json",
        "debezium.format.value.schemas.enable": "false",
        "debezium.sink.type": "http",
        "other": "x",
    }
    found = judge_server(PLUGINS, WORKER, "s", texts)
    assert [one.key for one in found.keys] == list(texts)
    assert verdict(found, "debezium.source.database.password").same is Same.NOT_SUPPORTED
    assert verdict(found, "debezium.format.value").same is Same.SAME
    assert verdict(found, "other").message == "no key of a connector or of Debezium Server"
    assert found.why[0].startswith("debezium.source.connector.class: no plugin for io.debezium")
    assert "hunter2" not in str(found)


def test_a_file_of_mirror_maker_does_not_run() -> None:
    found = judge_mirrors("m", {"clusters": "A, B"})
    assert found.outcome is Outcome.FAILS
    assert found.why[0].startswith("no plugin for MirrorMaker")
