"""The keys that a config gains by naming transforms, predicates and converters."""

from __future__ import annotations

from functools import cache
from typing import Any

from connect.api import ConfigValue
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost
from connect.runtime.validation.enrichment import Context, converter_values, groups_of, member_values
from connect.runtime.worker_config import WorkerConfig
from tests.support.worker import JSON

ROUTER = "org.apache.kafka.connect.transforms.RegexRouter"


@cache
def plugins() -> PluginHost:
    return PluginHost.discover()


def context(config: dict[str, Any], **worker: str) -> Context:
    return Context(plugins(), WorkerConfig.parse({k.replace("_", "."): v for k, v in worker.items()}), config)


def transform(config: dict[str, Any], **worker: str) -> dict[str, ConfigValue]:
    return member_values(context(config, **worker), "transforms.r", PluginKind.TRANSFORM, "Transforms: r")


def test_a_transform_s_keys_come_under_its_alias_in_its_group_behind_type_and_version() -> None:
    values = transform({"transforms.r.type": ROUTER, "transforms.r.regex": "a", "transforms.r.replacement": "b"})
    assert list(values)[:2] == ["transforms.r.type", "transforms.r.plugin.version"]
    assert {"transforms.r.regex", "transforms.r.replacement", "transforms.r.predicate", "transforms.r.negate"} < set(
        values
    )
    assert groups_of(values.values()) == ["Transforms: r"]
    orders = [value.key.order for value in values.values()]
    assert orders == sorted(orders)


def test_what_is_wrong_with_a_key_of_its_own_names_the_whole_key() -> None:
    values = transform({"transforms.r.type": ROUTER, "transforms.r.replacement": "b"})
    missing = 'Missing required configuration "transforms.r.regex" which has no default value.'
    assert values["transforms.r.regex"].errors[0] == missing


def test_without_a_class_there_is_its_type_alone_with_what_could_stand_there() -> None:
    values = transform({})
    assert list(values) == ["transforms.r.type", "transforms.r.plugin.version"]
    assert values["transforms.r.type"].errors == [
        'Missing required configuration "transforms.r.type" which has no default value.'
    ]
    assert ROUTER in values["transforms.r.type"].key.recommended


def test_of_a_class_that_the_worker_does_not_allow_no_key_is_looked_into() -> None:
    [python] = [d for d in plugins().list(PluginKind.TRANSFORM) if getattr(d.cls, "allowed_by", None)][:1]
    values = transform({"transforms.r.type": python.name})
    assert list(values) == ["transforms.r.type", "transforms.r.plugin.version"]
    assert "the worker does not allow" in values["transforms.r.type"].errors[0]
    allowed = transform({"transforms.r.type": python.name}, transforms_python_enabled="true")
    assert allowed["transforms.r.type"].errors == []


def test_a_converter_s_own_keys_come_under_its_key_and_its_messages_do_not_name_that() -> None:
    desc = plugins().resolve(JSON, PluginKind.CONVERTER)
    config = {"value.converter": JSON, "value.converter.schemas.enable": "maybe"}
    values = converter_values(context(config), desc, "value.converter", "value")
    assert "for configuration schemas.enable" in values["value.converter.schemas.enable"].errors[0]
