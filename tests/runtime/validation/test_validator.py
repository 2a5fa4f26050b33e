"""What the golden vectors of validate do not show."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from connect.api import ConfigError, ConfigType
from connect.rest.render import config_infos
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost
from connect.runtime.validation.validator import NULL_VALUE, framework_of, own_configs, raise_for_errors, validate
from connect.runtime.worker_config import WorkerConfig

TRANSFORMS = "org.apache.kafka.connect.transforms."


@cache
def plugins() -> PluginHost:
    return PluginHost.discover()


def checked(worker: dict[str, str] | None = None, **keys: str | None) -> dict[str, Any]:
    config = {"name": "s", "connector.class": "FileStreamSource", "topic": "t", **keys}
    infos = validate(plugins(), WorkerConfig.parse(worker or {}), str(config["connector.class"]), config)
    return {info["value"]["name"]: info for info in config_infos(infos)["configs"]}


def errors(name: str, **keys: str | None) -> list[str]:
    found: list[str] = checked(**keys)[name]["value"]["errors"]
    return found


def test_all_errors_are_told_at_once() -> None:
    sink = {
        "connector.class": "FileStreamSink",
        "topic": None,
        "tasks.max": "x",
        "transforms": "a",
        "value.converter": "Nope",
    }
    wrong = {name for name, info in checked(**sink).items() if info["value"]["errors"]}
    assert wrong == {"topic", "tasks.max", "topics", "topics.regex", "transforms.a.type", "value.converter"}


@pytest.mark.parametrize("kind", ["FileStreamSource", "FileStreamSink"])
def test_whatever_is_given_to_a_key_of_every_connector_is_answered(kind: str) -> None:
    desc = plugins().resolve(kind, PluginKind.SOURCE, PluginKind.SINK)
    for declares in [framework_of(desc), *own_configs(desc)]:
        for name, key in declares.keys().items():
            for given in ["x", " ", "-7", "0", "1e400", "NaN", "true"]:
                declares.values({name: given}, together=False)
            numeric = key.type in {ConfigType.INT, ConfigType.LONG, ConfigType.SHORT, ConfigType.DOUBLE}
            assert bool(declares.values({name: "10k"}, together=False)[name].errors) or not numeric, name


@pytest.mark.parametrize("key", ["rate.limit.records.per.second", "rate.limit.bytes.per.second"])
def test_a_rate_that_is_no_number_is_an_error_of_its_key(key: str) -> None:
    given = {"name": "s", "connector.class": "FileStreamSource", "topic": "t", key: "10k"}
    infos = validate(plugins(), WorkerConfig.parse({}), "FileStreamSource", given)
    with pytest.raises(ConfigError, match=f"Invalid value 10k for configuration {key}: Not a number of type DOUBLE"):
        raise_for_errors(infos, {})


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (
            f"{TRANSFORMS}predicates.RecordIsTombstone",
            f"Class class {TRANSFORMS}predicates.RecordIsTombstone does not implement the Transformation interface",
        ),
        (
            f"{TRANSFORMS}predicates.Predicate",
            f"Class interface {TRANSFORMS}predicates.Predicate does not implement the Transformation interface",
        ),
        (f"{TRANSFORMS}Transformation", "This class is abstract and cannot be created."),
        ("java.lang.String", "Class class java.lang.String does not implement the Transformation interface"),
        ("Nope", "Invalid value Nope for configuration transforms.a.type: Class Nope could not be found."),
    ],
)
def test_a_wrong_class_is_told_in_kafkas_words(given: str, error: str) -> None:
    assert errors("transforms.a.type", transforms="a", **{"transforms.a.type": given}) == [error]


def test_negate_needs_a_predicate() -> None:
    keys = {"transforms": "a", "transforms.a.type": f"{TRANSFORMS}Flatten$Value", "transforms.a.negate": "true"}
    [error] = errors("transforms.a.type", **keys)
    assert error == (
        "Config 'transforms.a.negate' was provided but there is no config 'transforms.a.predicate' "
        "defining a predicate to be negated."
    )


def test_an_empty_alias_is_asked_for_its_type() -> None:
    assert errors("transforms..type", transforms="a,,b")
    assert errors("transforms", transforms="a,,b") == ["Configuration 'transforms' values must not be empty."]


def test_the_workers_converter_is_the_default() -> None:
    shown = checked({"value.converter": "StringConverter"})["value.converter"]
    assert (
        shown["value"]["value"]
        == shown["definition"]["default_value"]
        == "org.apache.kafka.connect.storage.StringConverter"
    )


def test_a_null_is_an_error_also_at_a_key_that_nothing_declares() -> None:
    assert errors("nobody.knows", **{"nobody.knows": None}) == [
        "Null value can not be supplied as the configuration value."
    ]
    assert checked(**{"nobody.knows": None})["nobody.knows"]["definition"] is None


def test_overrides_are_parsed_and_their_secrets_hidden() -> None:
    found = checked(
        **{"producer.override.ssl.key.password": "hush", "producer.override.retries": "x", "producer.override.new": "1"}
    )
    assert found["producer.override.ssl.key.password"]["value"]["value"] == "[hidden]"
    assert found["producer.override.retries"]["value"]["errors"] == [
        "Invalid value x for configuration producer.override.retries: Not a number of type INT"
    ]
    assert found["producer.override.new"]["definition"] is None
    assert "consumer.override.x" not in checked(**{"consumer.override.x": "1"})


def test_admin_overrides_count_where_topics_are_made() -> None:
    assert "admin.override.retries" not in checked(**{"admin.override.retries": "1"})
    assert "admin.override.retries" in checked(
        **{"admin.override.retries": "1", "topic.creation.default.partitions": "1"}
    )


def test_a_version_that_is_no_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"connector\.plugin\.version: Unbounded range: \[1"):
        checked(**{"connector.plugin.version": "[1"})
    assert errors("key.converter.plugin.version", **{"key.converter.plugin.version": "[1"}) == [
        "Invalid value [1 for configuration key.converter.plugin.version: Unbounded range: [1"
    ]


SLOW = "(a|aa)+[bc]"


def test_a_pattern_that_takes_too_long_is_an_error_of_its_key() -> None:
    keys = {"connector.class": "FileStreamSink", "topics.regex": SLOW, "errors.deadletterqueue.topic.name": "a" * 60}
    [error] = errors("topics.regex", topic=None, **keys)
    assert error.startswith(
        f"Invalid value {SLOW} for configuration topics.regex: topics.regex: pattern '{SLOW}' takes"
    )


def test_a_pattern_too_large_to_be_compiled_is_an_error_of_its_key() -> None:
    keys = {"connector.class": "FileStreamSink", "topics.regex": "((a{1000}){1000}){1000}"}
    [error] = errors("topics.regex", topic=None, **keys)
    assert "elements and more when its repeated parts are written out" in error


def test_a_connectors_internal_key_is_shown_where_it_is_given_and_checked() -> None:
    assert "charset" not in checked()
    assert errors("charset", charset="ISO-8859-1") == []
    [error] = errors("charset", charset="UTF-16")
    assert "lines can be told only in a character set" in error


def test_a_null_in_a_transform_is_told_as_any_other_null() -> None:
    keys = {"transforms": "a", "transforms.a.type": f"{TRANSFORMS}RegexRouter", "transforms.a.regex": "x"}
    assert errors("transforms.a.replacement", **keys, **{"transforms.a.replacement": None}) == [NULL_VALUE]
    assert errors("transforms.a.type", transforms="a", **{"transforms.a.type": None}) == [NULL_VALUE]


@pytest.mark.parametrize(
    ("key", "given", "said"),
    [
        (
            "value.converter",
            "com.blueapron.connect.protobuf.ProtobufConverter",
            "value.converter: no converter for Protobuf without a schema registry is bundled: use JsonConverter",
        ),
        (
            "transforms.a.type",
            "io.debezium.transforms.Filter",
            "its condition is a script for an engine of the JVM: use FilterByPath$Value",
        ),
        (
            "transforms.a.type",
            "com.github.jcustenborder.kafka.connect.transform.common.TimestampNowField$Value",
            "use InsertField$Value with timestamp.field",
        ),
    ],
)
def test_a_well_known_class_that_is_not_here_is_answered_with_what_takes_its_place(
    key: str, given: str, said: str
) -> None:
    config = {"name": "s", "connector.class": "FileStreamSource", "topic": "t", "transforms": "a", key: given}
    if key != "transforms.a.type":
        del config["transforms"]
    infos = validate(plugins(), WorkerConfig.parse({}), "FileStreamSource", config)
    with pytest.raises(ConfigError) as caught:
        raise_for_errors(infos, {})
    assert said in (caught.value.hint or "")


@pytest.mark.parametrize("given", ["PostgresCdcSource", "connect_postgres.PostgresCdcSource", "Postgres"])
def test_a_request_may_name_a_connector_by_another_of_its_names_than_the_config(given: str) -> None:
    config = {"name": "n", "connector.class": given, "database.hostname": "h", "database.dbname": "d"}
    full = "io.debezium.connector.postgresql.PostgresConnector"
    infos = validate(plugins(), WorkerConfig.parse({}), full, {**config, "topic.prefix": "p"})
    assert [info.value.name for info in infos.configs if info.value.errors] == []


def test_a_key_that_is_nearly_the_one_that_is_missing_is_named() -> None:
    config = {"name": "s", "connector.class": "FileStreamSource", "topci": "t"}
    infos = validate(plugins(), WorkerConfig.parse({}), "FileStreamSource", config)
    with pytest.raises(ConfigError, match='Missing required configuration "topic"') as caught:
        raise_for_errors(infos, config)
    assert caught.value.hint == "Write topic in place of topci, which nothing reads."
    with pytest.raises(ConfigError) as other:
        raise_for_errors(infos, {"name": "s", "connector.class": "FileStreamSource", "colour": "t"})
    assert other.value.hint == ""
