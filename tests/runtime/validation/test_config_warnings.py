"""Warnings about a connector config: what Kafka Connect takes without a word and a user would want to hear."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from connect.log import LogCluster
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.validation import validator
from connect.runtime.validation.config_warnings import (
    NO_EFFECT,
    RISKY,
    UNKNOWN_CLASS,
    UNKNOWN_KEY,
    WILL_FAIL,
    ConfigWarning,
    config_warnings,
    startup_problems,
    topic_warnings,
)
from connect.runtime.worker_config import WorkerConfig

PLUGINS = PluginHost.discover()
WORKER = WorkerConfig.parse({})
TRANSFORMS = "org.apache.kafka.connect.transforms."


def desc_of(kind: str) -> PluginDesc:
    return PLUGINS.resolve(f"FileStream{kind}", PluginKind.SOURCE, PluginKind.SINK)


def source(**keys: str) -> dict[str, str]:
    return {"name": "s", "connector.class": "FileStreamSource", "topic": "t", **keys}


def warned(config: dict[str, str], kind: str = "Source") -> list[ConfigWarning]:
    infos = validator.validate(PLUGINS, WORKER, f"FileStream{kind}", config)
    return config_warnings(PLUGINS, WORKER, desc_of(kind), config, infos)


def test_a_config_of_which_nothing_is_to_be_said_has_no_warnings() -> None:
    assert warned(source()) == []


@pytest.mark.parametrize(
    ("keys", "key", "code", "about"),
    [
        ({"batch.sizes": "5"}, "batch.sizes", UNKNOWN_KEY, "did you mean batch.size?"),
        ({"value.converter": "JsonConvertr"}, "value.converter", UNKNOWN_CLASS, "JsonConverter"),
        ({"value.converter.schemas.enable": "false"}, "value.converter.schemas.enable", NO_EFFECT, "is not given"),
        ({"consumer.override.max.poll.records": "1"}, "consumer.override.max.poll.records", NO_EFFECT, "no consumer"),
        ({"errors.retry.timeout": "-1"}, "errors.retry.timeout", RISKY, "for ever"),
    ],
)
def test_what_a_user_would_want_to_hear_is_told_with_its_key_and_its_kind(
    keys: dict[str, str], key: str, code: str, about: str
) -> None:
    assert [(one.key, one.code) for one in warned(source(**keys)) if about in one.message] == [(key, code)]


def test_names_that_keys_had_before_are_known_and_of_no_effect_beside_todays() -> None:
    drop = {"transforms": "d", "transforms.d.type": TRANSFORMS + "ReplaceField$Value", "transforms.d.blacklist": "a"}
    assert warned(source(**drop)) == []
    (warning,) = warned(source(**drop, **{"transforms.d.exclude": "b"}))
    assert (warning.key, warning.code) == ("transforms.d.blacklist", NO_EFFECT)
    assert "transforms.d.exclude, as transforms.d.blacklist is called now, is given too" in warning.message


@pytest.mark.parametrize("name", ["request.header.X-Team", "schema.registry.request.header.X-Team"])
def test_a_key_that_a_converter_reads_without_declaring_it_is_known(name: str) -> None:
    avro = {
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter.schema.registry.url": "http://127.0.0.1:1",
    }
    assert warned(source(**avro, **{f"value.converter.{name}": "orders"})) == []
    assert [one.code for one in warned(source(**avro, **{f"value.converter.x.{name}": "orders"}))] == [UNKNOWN_KEY]


@pytest.mark.parametrize("name", ["schema.registry.basic.auth.user.info", "ssl.truststore.password"])
def test_other_names_of_a_converters_keys_are_known(name: str) -> None:
    """As everybody writes them for a schema registry's client."""
    avro = {
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter.schema.registry.url": "http://127.0.0.1:1",
        f"value.converter.{name}": "user:password",
    }
    assert warned(source(**avro)) == []
    now = {"schema.registry.basic.auth.user.info": "basic.auth.user.info"}.get(name, f"schema.registry.{name}")
    (warning,) = warned(source(**avro, **{f"value.converter.{now}": "user:other"}))
    assert (warning.key, warning.code) == (f"value.converter.{name}", NO_EFFECT)


def test_what_fails_when_a_task_starts_is_told_before(tmp_path: Path) -> None:
    keys = {
        "transforms": "v",
        "transforms.v.type": "connect.transforms.ValidateJsonSchema$Value",
        "transforms.v.schema": '{"type": 5}',
    }
    config = source(**keys)
    ((key, message),) = startup_problems(PLUGINS, WORKER, desc_of("Source"), config)
    assert (key, "the schema is none" in message) == ("transforms.v.schema", True)
    assert (key, WILL_FAIL) in [(one.key, one.code) for one in warned(config)]


@pytest.mark.parametrize("name", ["schema.registry.url", "auto.register.schemas", "value.subject.name.strategy"])
def test_a_key_without_its_converters_prefix_is_known_again(name: str) -> None:
    avro = {"value.converter": "io.confluent.connect.avro.AvroConverter", name: "x"}
    (warning,) = [one for one in warned(source(**avro)) if one.code == UNKNOWN_KEY]
    assert warning.message == f"nothing reads key {name}; did you mean value.converter.{name}?"
    both = {**avro, "key.converter": "io.confluent.connect.avro.AvroConverter"}
    (warning,) = [one for one in warned(source(**both)) if one.code == UNKNOWN_KEY]
    assert f"did you mean value.converter.{name} or key.converter.{name}?" in warning.message


def test_what_fails_at_the_start_is_told_beside_what_is_wrong_elsewhere() -> None:
    avro = {
        "key.converter": "NoConverter",
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter.schema.registry.url": "https://127.0.0.1:1",
        "value.converter.schema.registry.ssl.truststore.location": "/nowhere/trust.jks",
    }
    (store,) = [one for one in warned(source(**avro)) if one.code == WILL_FAIL]
    assert store.key == "value.converter.schema.registry.ssl.truststore.location"
    assert [one for one in warned(source(**avro, **{"errors.tolerance": "some"})) if one.code == WILL_FAIL] == []
    missing = {name: text for name, text in avro.items() if not name.endswith(".url")}
    assert [one for one in warned(source(**missing)) if one.code == WILL_FAIL] == []


def test_a_library_that_a_converter_lacks_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastavro", None)
    avro = {
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter.schema.registry.url": "http://127.0.0.1:1",
    }
    ((key, message),) = startup_problems(PLUGINS, WORKER, desc_of("Source"), source(**avro))
    assert (key, "(Install it: pip install 'connect-runtime[schemas]'.)" in message) == ("value.converter", True)


async def test_topics_of_a_sink_are_looked_for_and_its_tasks_counted(tmp_path: Path) -> None:
    cluster = await LogCluster.open(tmp_path)
    try:
        await cluster.admin.create_topic("orders", partitions=2)

        async def told(**keys: str) -> list[tuple[str, str, Any]]:
            return [(w.key, w.code, w.message) for w in await topic_warnings(cluster.admin, desc_of("Sink"), keys)]

        assert await told(topics="orders", **{"tasks.max": "2"}) == []
        ((key, code, message),) = await told(topics="order")
        assert (key, code) == ("topics", RISKY)
        assert "does not exist yet" in message and "did you mean orders?" in message
        assert [code for _, code, _ in await told(topics="orders", **{"tasks.max": "3"})] == [RISKY]
        for none in ("²", "9" * 5000):  # which validation refuses, beside this
            assert await told(topics="orders", **{"tasks.max": none}) == []
        assert [code for _, code, _ in await told(**{"topics.regex": "users.*"})] == [RISKY]
        assert await topic_warnings(cluster.admin, desc_of("Source"), {"topic": "none"}) == []
    finally:
        await cluster.aclose()
