"""Every key that Kafka declares is declared here alike, or differs for a reason that departures.json gives.

`configdefs.json` holds the ConfigDefs of Kafka Connect 4.3.1 as its REST API renders them; texts of documentation are
our own, and so are the recommended classes and versions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from connect.api import ConfigKey
from connect.rest.render import config_infos, config_key
from connect.runtime.connector_config import ConnectorConfig, SinkConnectorConfig, SourceConnectorConfig
from connect.runtime.model import PluginKind
from connect.runtime.validation.client_overrides import TYPES
from connect.runtime.validation.validator import plugin_config, validate
from connect.runtime.worker_config import WorkerConfig
from tests.conformance.play import departures, plugins
from tests.conformance.vectors import OPEN

SECTIONS: dict[str, Any] = json.loads((OPEN / "configdefs.json").read_text())
PLUGINS = sorted(section for section in SECTIONS if section.startswith("org.apache.kafka."))
FRAMEWORK = {
    "connector.base": ConnectorConfig,
    "connector.source": SourceConnectorConfig,
    "connector.sink": SinkConnectorConfig,
}
PARTS = ("type", "required", "importance", "group", "order_in_group", "width", "display_name", "dependents")
Difference = tuple[str, str, str]


def differences(section: str, wanted: list[dict[str, Any]], found: Iterable[ConfigKey]) -> Iterator[Difference]:
    """Yield (section, key, what differs)."""
    ours = {key.name: config_key(key) for key in found}
    for kafka in wanted:
        key = ours.pop(kafka["name"], None)
        if key is None:
            yield section, kafka["name"], "missing"
            continue
        yield from ((section, kafka["name"], part) for part in PARTS if key[part] != kafka[part])
        if key["default_value"] != kafka.get("default"):
            yield section, kafka["name"], "default"
    yield from ((section, name, "ours alone") for name in ours)


def unexplained(found: Iterable[Difference]) -> list[Difference]:
    """Return what no departure gives a reason for."""
    rules = [rule for departure in departures() for rule in departure.get("configdefs", ())]
    return [each for each in found if not any(all(map(re.fullmatch, rule, each)) for rule in rules)]


@pytest.mark.parametrize("section", PLUGINS)
def test_a_plugins_keys_are_kafkas(section: str) -> None:
    desc = plugins().find(section, *PluginKind)
    assert desc is not None
    found = plugin_config(plugins(), section)
    if desc.kind in (PluginKind.SOURCE, PluginKind.SINK):  # whose listing goes on with the framework's keys
        found = found[: sum(not key.internal for key in desc.cls.config_class.keys().values())]
    assert unexplained(differences(section, SECTIONS[section]["keys"], found)) == []


@pytest.mark.parametrize("section", sorted(FRAMEWORK))
def test_the_frameworks_keys_are_kafkas(section: str) -> None:
    declared = FRAMEWORK[section]
    assert unexplained(differences(section, SECTIONS[section]["keys"], declared.keys().values())) == []
    assert list(declared.groups) == SECTIONS[section]["groups"]


@pytest.mark.parametrize("kind", ["source", "sink"])
def test_transforms_and_predicates_bring_kafkas_keys_in_kafkas_order(kind: str) -> None:
    example = SECTIONS["_enriched_example"]
    connector = f"FileStream{kind.title()}"
    infos = validate(plugins(), WorkerConfig.parse({}), connector, {**example["config"], "connector.class": connector})
    wanted = example[f"connector.{kind}.enriched"]
    own = {key["name"] for key in SECTIONS[f"org.apache.kafka.connect.file.{connector}Connector"]["keys"]}
    found = [info.definition for info in infos.configs if info.definition and info.definition.name not in own]
    assert unexplained(differences("enriched", wanted["keys"], found)) == []
    assert list(infos.groups) == wanted["groups"]
    assert config_infos(infos)["groups"] == wanted["groups"]


@pytest.mark.parametrize("section", ["worker.standalone", "worker.distributed"])
def test_a_worker_key_that_kafka_has_means_the_same_here(section: str) -> None:
    kafkas = {key["name"]: key for key in SECTIONS[section]["keys"]}
    ours = WorkerConfig.keys()
    shared = [name for name in ours if name in kafkas]
    found = [
        each
        for each in differences(section, [kafkas[n] for n in shared], [ours[n] for n in shared])
        if each[2] in ("type", "default", "importance")
    ]
    assert unexplained(found) == []


def test_overrides_of_clients_have_kafkas_types() -> None:
    kafkas = {key["name"]: key["type"] for key in SECTIONS["worker.distributed"]["keys"]}
    clients = ("sasl.", "ssl.", "metadata.", "metric", "reconnect.", "retry.", "socket.", "security.", "client.")
    known = {name: type_ for name, type_ in kafkas.items() if name.startswith(clients) and name != "ssl.client.auth"}
    assert {name: TYPES.get(name) for name in known} == known
    assert {name: TYPES[name] for name in kafkas if name in TYPES} == {n: t for n, t in kafkas.items() if n in TYPES}
