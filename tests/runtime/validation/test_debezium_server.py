"""A file of Debezium Server, taken apart."""

from __future__ import annotations

from connect.runtime.validation.debezium_server import connector_of, is_debezium_server


def test_a_file_is_a_connector_its_transforms_its_converters_and_the_server() -> None:
    config, came, rest = connector_of(
        {
            "debezium.source.connector.class": "x.C",
            "debezium.source.poll.interval.ms": "5",
            "debezium.source.offset.storage.file.filename": "o",
            "debezium.transforms": "a",
            "debezium.transforms.a.type": "x.T",
            "debezium.predicates.p.type": "x.P",
            "debezium.format.value": "JSON",
            "debezium.format.value.schemas.enable": "false",
            "debezium.format.key": "cloudevents",
            "debezium.sink.type": "http",
            "quarkus.log.level": "INFO",
        }
    )
    assert config == {
        "connector.class": "x.C",
        "poll.interval.ms": "5",
        "transforms": "a",
        "transforms.a.type": "x.T",
        "predicates.p.type": "x.P",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "key.converter": "cloudevents",
    }
    assert came["value.converter"] == "debezium.format.value"
    assert came.keys() == config.keys()
    assert list(rest) == ["debezium.source.offset.storage.file.filename", "debezium.sink.type", "quarkus.log.level"]


def test_a_file_is_known_by_its_keys() -> None:
    assert is_debezium_server({"debezium.sink.type": "http"})
    assert not is_debezium_server({"connector.class": "io.debezium.X", "quarkus.log.level": "INFO"})
