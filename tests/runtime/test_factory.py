"""What a config makes of plugins: the right ones, in order, with their own keys; and what is refused, by the key."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from connect.api import (
    Batch,
    Config,
    ConfigError,
    Predicate,
    Record,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    Transform,
    hookimpl,
)
from connect.runtime.connector_config import SinkConnectorConfig, SourceConnectorConfig
from connect.runtime.factory import (
    check_default_converters,
    connector_desc,
    framework_config,
    make_converter,
    make_header_converter,
    make_pipeline,
    make_stages,
    refusal,
)
from connect.runtime.plugins import PluginHost
from connect.runtime.worker_config import WorkerConfig
from tests.support.factories import make_sink_batch
from tests.support.worker import JSON, STRING


class In(SourceConnector):
    class_name = "test.In"
    task_class = SourceTask


class Out(SinkConnector):
    class_name = "test.Out"
    task_class = SinkTask


class Guarded(Transform):
    class_name = "test.Guarded"
    allowed_by = "transforms.python.enabled"

    def apply_batch(self, batch: Batch) -> Batch:
        return batch


class Opened(Transform):
    """Holds something from its configuration to its end."""

    class_name = "test.Opened"
    held: ClassVar[list[str]] = []

    def configure(self, config: Config) -> None:
        super().configure(config)
        self.held.append(self.alias)

    def close(self) -> None:
        self.held.remove(self.alias)

    def apply_batch(self, batch: Batch) -> Batch:
        return batch


class OpenedIf(Predicate):
    class_name = "test.OpenedIf"

    def configure(self, config: Config) -> None:
        super().configure(config)
        Opened.held.append("predicate")

    def close(self) -> None:
        Opened.held.remove("predicate")

    def test(self, record: Record) -> bool:
        return True


@pytest.fixture(scope="module")
def plugins() -> PluginHost:
    host = PluginHost.discover()
    functions = {
        "connect_connectors": hookimpl(lambda: [In, Out]),
        "connect_transforms": hookimpl(lambda: [Guarded, Opened]),
        "connect_predicates": hookimpl(lambda: [OpenedIf]),
    }
    host.register(SimpleNamespace(**functions), "test")
    return host


def sink(**keys: str) -> SinkConnectorConfig:
    return SinkConnectorConfig.parse({"name": "c", "connector.class": "test.Out", "topics": "t", **keys})


PREFIX = "transforms.p."
INSERT = "org.apache.kafka.connect.transforms.InsertField$Value"
DROP = "org.apache.kafka.connect.transforms.Filter"
HAS_NAME = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches"


def test_the_class_of_a_connector_is_found_by_any_of_its_names(plugins: PluginHost) -> None:
    for name in ("test.In", "In", " In "):
        assert connector_desc(plugins, {"connector.class": name}).cls is In


@pytest.mark.parametrize("config", [{}, {"connector.class": " "}, {"connector.class": 3}])
def test_a_config_without_a_class_is_refused_with_what_to_do(plugins: PluginHost, config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"key 'connector\.class' is missing") as raised:
        connector_desc(plugins, config)
    assert raised.value.config_path == "connector.class"
    assert "connect plugin list" in raised.value.hint


def test_a_well_known_class_that_is_not_here_is_refused_with_what_to_use(plugins: PluginHost) -> None:
    with pytest.raises(ConfigError, match="MySqlConnector") as raised:
        connector_desc(plugins, {"connector.class": "io.debezium.connector.mysql.MySqlConnector"})
    assert "PostgresCdcSource" in raised.value.hint


def test_a_sink_has_a_sinks_keys_and_a_source_a_sources(plugins: PluginHost) -> None:
    raw = {"name": "c", "connector.class": "x", "topics": "t"}
    assert isinstance(framework_config(connector_desc(plugins, {"connector.class": "Out"}), raw), SinkConnectorConfig)
    assert isinstance(framework_config(connector_desc(plugins, {"connector.class": "In"}), raw), SourceConnectorConfig)


def test_transforms_are_made_in_the_order_of_the_list_with_their_own_keys(plugins: PluginHost) -> None:
    keys = {
        "transforms": "b, a",
        **{f"transforms.{alias}.type": INSERT for alias in "ab"},
        **{f"transforms.{alias}.static.field": alias for alias in "ab"},
        **{f"transforms.{alias}.static.value": "1" for alias in "ab"},
    }
    stages = make_stages(plugins, sink(**keys))
    assert [(stage.alias, stage.transform.alias) for stage in stages] == [("b", "b"), ("a", "a")]
    value: Any = make_sink_batch([{}])
    for stage in stages:
        (value,) = stage.apply(value)
    assert list(value.values[0]) == ["b", "a"]


def test_a_predicate_says_where_a_transform_applies_and_negate_turns_it_round(plugins: PluginHost) -> None:
    keys = {"transforms": "p", f"{PREFIX}type": INSERT, f"{PREFIX}static.field": "f", f"{PREFIX}static.value": "1"}
    keys |= {f"{PREFIX}predicate": "is", f"{PREFIX}negate": "true"}
    keys |= {"predicates": "is", "predicates.is.type": HAS_NAME, "predicates.is.pattern": "orders"}
    (stage,) = make_stages(plugins, sink(**keys))
    assert stage.apply(make_sink_batch([{}]))[0].values == [{}]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, "Invalid configuration transforms.p.type: the class of the alias is missing"),
        ({f"{PREFIX}type": DROP, f"{PREFIX}predicate": "no"}, "predicate 'no' is not defined; defined are: none"),
        ({f"{PREFIX}type": DROP, f"{PREFIX}negate": "true"}, "there is no predicate to negate"),
        ({f"{PREFIX}type": "Guarded"}, "its operator can, with transforms.python.enabled=true in the worker's config"),
    ],
)
def test_what_is_wrong_with_a_transform_is_told_by_its_key(
    plugins: PluginHost, keys: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        make_stages(plugins, sink(transforms="p", **keys))
    assert told in raised.value.message


def test_a_connector_that_names_a_converter_gives_all_of_its_keys(plugins: PluginHost) -> None:
    worker = WorkerConfig.parse({"value.converter": JSON, "value.converter.schemas.enable": "false"})
    inherited = make_converter(plugins, worker, sink(), "value.converter")
    own = make_converter(plugins, worker, sink(**{"value.converter": JSON}), "value.converter")
    assert (inherited.config.schemas_enable, own.config.schemas_enable) == (False, True)


def test_a_converter_knows_whether_it_converts_keys(plugins: PluginHost) -> None:
    worker = WorkerConfig.parse({"key.converter": STRING, "value.converter": STRING})
    assert make_converter(plugins, worker, sink(), "key.converter").is_key
    assert not make_converter(plugins, worker, sink(), "value.converter").is_key
    assert make_header_converter(plugins, worker, sink()).from_connect_header("t", "h", None, "x") == b"x"


def test_a_converter_of_a_task_hears_that_it_is_to_stop(plugins: PluginHost) -> None:
    worker = WorkerConfig.parse({"key.converter": STRING, "value.converter": STRING})
    interrupted = threading.Event()
    of_task = make_converter(plugins, worker, sink(), "value.converter", interrupted=interrupted)
    of_none = make_converter(plugins, worker, sink(), "value.converter")
    interrupted.set()
    assert (of_task.interrupted.is_set(), of_none.interrupted.is_set()) == (True, False)


def test_a_worker_whose_converter_is_not_installed_is_told_which_key_is_wrong(plugins: PluginHost) -> None:
    with pytest.raises(ConfigError, match=r"value\.converter of the worker: .*Nope") as raised:
        check_default_converters(plugins, WorkerConfig.parse({"value.converter": "Nope"}))
    assert raised.value.config_path == "value.converter"
    assert "pip install" in raised.value.hint
    with pytest.raises(ConfigError, match="did you mean JsonConverter") as raised:
        check_default_converters(plugins, WorkerConfig.parse({"value.converter": "JsonConvertr"}))
    absent = "com.blueapron.connect.protobuf.ProtobufConverter"
    with pytest.raises(ConfigError, match="ProtobufConverter") as raised:
        check_default_converters(plugins, WorkerConfig.parse({"value.converter": absent}))
    assert raised.value.hint.startswith(
        "No converter for Protobuf without a schema registry is bundled: use JsonConverter"
    )


def test_what_needs_a_permission_is_refused_unless_the_worker_gives_it() -> None:
    assert "does not allow test.Guarded" in (refusal(WorkerConfig.parse({}), Guarded) or "")
    assert refusal(WorkerConfig.parse({}), Transform) is None


def test_the_pipeline_and_its_rules_for_what_fails_are_made_together(plugins: PluginHost) -> None:
    worker = WorkerConfig.parse({"key.converter": STRING, "value.converter": STRING})
    log, interrupted = logging.getLogger("test"), threading.Event()
    config = sink(**{"errors.tolerance": "all"})
    pipeline, tolerance = make_pipeline(plugins, worker, config, log=log, interrupted=interrupted)
    assert tolerance.tolerates
    assert pipeline.transform([make_sink_batch(["a"])])[0].values == ["a"]
    pipeline.close()


OPENED = {
    "transforms": "a",
    "transforms.a.type": "test.Opened",
    "predicates": "p",
    "predicates.p.type": "test.OpenedIf",
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"transforms": "a,b", "transforms.b.type": "test.Guarded"},
        {"transforms": "a,b", "transforms.b.type": INSERT},
        {"transforms.a.predicate": "q"},
        {"value.converter": "test.Absent"},
    ],
)
def test_what_was_made_of_a_pipeline_is_closed_where_the_rest_cannot_be(
    plugins: PluginHost, wrong: dict[str, str]
) -> None:
    with pytest.raises(ConfigError):
        make_pipeline(
            plugins,
            WorkerConfig.parse({}),
            sink(**{**OPENED, **wrong}),
            log=logging.getLogger("test"),
            interrupted=threading.Event(),
        )
    assert Opened.held == []


def test_a_predicate_that_no_transform_asks_is_closed_at_once_and_the_others_with_the_pipeline(
    plugins: PluginHost,
) -> None:
    for more, held in (({}, ["a"]), ({"transforms.a.predicate": "p"}, ["predicate", "a"])):
        pipeline, _ = make_pipeline(
            plugins,
            WorkerConfig.parse({}),
            sink(**{**OPENED, **more}),
            log=logging.getLogger("test"),
            interrupted=threading.Event(),
        )
        assert Opened.held == held
        pipeline.close()
        assert Opened.held == []
