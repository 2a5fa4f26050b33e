"""Configs as users have them, in texts of many forms.

Which form it is shows in what is there, and not in a file's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from connect.api import ConfigError
from connect.runtime.config_texts.commands import is_command, sent
from connect.runtime.config_texts.parsing import EDITORS_KEY, MARK, parse_json, parse_numbered, text_of
from connect.runtime.validation.debezium_server import is_debezium_server
from connect.runtime.worker_config import WorkerConfig
from connect.runtime.worker_environment import PREFIX, environment_config, with_listeners

#: Keys that make a file a worker's, beside its own: those of Kafka's clients, and what stands before them.
_OF_WORKERS: Final = ("producer.", "consumer.", "admin.", "config.providers.", "internal.key.converter", "plugin.")
#: How deep a list or a map of configs may lie.
_DEPTH_MAX: Final = 4
#: What the keys of a config topic begin with; those of connectors with the first.
_CONNECTOR_KEY: Final = "connector-"
_TOPIC_KEYS: Final = re.compile(
    r"((connector|task|commit|target-state|restart-connector|logger-cluster)-\S+|session-key)\t"
)
_UNREADABLE: Final = "config.unreadable"
#: A text with such lines is YAML, though properties may have colons too: keys below a key, or items of a list.
_NESTED: Final = re.compile(
    r"^[ \t]*(?:- )?[\w.\"'-]+:[ \t]*(?:&\w+[ \t]*)?\r?\n(?:[ \t]+[\w.\"'-]+:[ \t\r\n]|[ \t]*- )"
    r"|^- [\w.\"'-]+:[ \t\r\n]",
    re.MULTILINE,
)
#: What other programs have configs in, and how such a text begins.
_LANGUAGES: Final = (
    (re.compile(r"^[ \t]*(?:resource|module|provider|locals|variable)\b[^\n=]*\{", re.MULTILINE), "Terraform"),
    (re.compile(r"^[ \t]*CREATE\s+(?:OR\s+REPLACE\s+)?(?:SINK|SOURCE)\s+CONNECTOR\b", re.I | re.MULTILINE), "ksqlDB"),
    (re.compile(r"^[ \t]*\$?\w+[ \t]*=[ \t]*@\{", re.MULTILINE), "PowerShell"),
)
#: With these no key of a config begins: the text is no properties.
_NO_KEYS: Final = ("{", "}", "[", "]", '"', "'", "`", "(", ")", "<", "- ")
#: Names of an object's keys for a connector's name and config: Kafka Connect's, and those of MSK Connect.
_WRAPPED: Final = (("name", "config"), ("connectorName", "connectorConfiguration"))


class Form(StrEnum):
    """What a config is one of."""

    CONNECTOR = "connector"
    WORKER = "worker"
    DEBEZIUM_SERVER = "Debezium Server"
    MIRROR_MAKER = "MirrorMaker 2"


@dataclass(frozen=True, slots=True)
class Pasted:
    """One config, and where it was.

    Attributes:
        name: Empty where it has none, and nothing it could be called after.
        shape: How it was written, for people.

    """

    where: str
    form: Form
    name: str
    config: dict[str, str]
    shape: str = field(default="", compare=False)


def of_text(where: str, name: str, text: str, *, yaml: bool = False) -> list[Pasted]:
    """Return the configs in a text.

    Args:
        name: Of a config that has none itself.
        yaml: The text says that it is YAML.
    """
    text = text.removeprefix(MARK)
    if text.lstrip()[:1] in ("{", "["):
        return of_json(where, name, parse_json(text, where))
    if not yaml and not _begins_as_yaml(text) and is_command(text):
        return _of_commands(where, name, text)
    if text.lstrip()[:1] == '"':  # lines out of a JSON object
        return of_json(where, name, parse_json(f"{{{text.strip().rstrip(',')}}}", where))
    if yaml or is_yaml(text):
        return list(_of_yaml(where, name, text))
    if _TOPIC_KEYS.match(text):
        return _of_topic(where, text)
    return [replace(_of_keys(where, name, _properties(where, text)), shape="Java properties")]


def is_yaml(text: str) -> bool:
    """Say whether a text that is no JSON looks like YAML, and not like properties, which may have colons too."""
    return _begins_as_yaml(text) or (_NESTED.search(text) is not None and not is_command(text))


def _begins_as_yaml(text: str) -> bool:
    return text.lstrip().startswith(("---", "apiVersion:", "services:", "version:"))


def of_json(where: str, name: str, parsed: Any) -> list[Pasted]:
    """Return the configs in what JSON has said.

    Args:
        name: Of a config that has none itself.
    """
    return list(_of_json(where, name, parsed))


def _of_commands(where: str, name: str, text: str) -> list[Pasted]:
    """Return the configs that commands of a shell would send; nothing is run."""
    found = list[Pasted]()
    commands = sent(where, text)
    for number, one in enumerate(commands, start=1):
        at = where if len(commands) == 1 else f"{where}: command {number}"
        inner = of_text(at, one.name or name, one.text)
        found += [replace(each, shape=f"a command of {one.program} with {each.shape}") for each in inner]
    return found


def _of_yaml(where: str, name: str, text: str) -> Iterator[Pasted]:
    from connect.runtime.config_texts.yaml_texts import parse_yaml  # most have none

    documents = parse_yaml(text, where)
    if not documents:
        raise ConfigError(f"{where} is empty", code=_UNREADABLE)
    for number, document in enumerate(documents, start=1):
        yield from _of_json(where if len(documents) == 1 else f"{where}: document {number}", name, document)


def _properties(where: str, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
    for pattern, language in _LANGUAGES:
        if pattern.search(text):
            raise ConfigError(
                f"{where} is written for {language}, which is not read here",
                code=_UNREADABLE,
                hint="Paste the config in it as JSON, or as lines of KEY=VALUE without quotes.",
            )
    for line, key, value in parse_numbered(text, where):
        if key.startswith(_NO_KEYS) or key == "-":
            raise ConfigError(
                f"{where}: line {line}: {key[:40]!r} is no key: this is neither JSON nor YAML nor Java properties",
                code=_UNREADABLE,
            )
        if key in ("name", "connector.class") and key in lines:
            raise ConfigError(
                f"{where}: line {line}: {key} is given twice, first in line {lines[key]}",
                code=_UNREADABLE,
                hint="Give each connector a file of its own.",
            )
        found[key], lines[key] = value, line
    return found


def _of_json(where: str, name: str, parsed: Any, depth: int = 0) -> Iterator[Pasted]:
    if isinstance(parsed, str) and depth:
        raise ConfigError(
            f"{where} is a name, without a config",
            code=_UNREADABLE,
            hint="Ask for 'GET /connectors?expand=info', or give --url.",
        )
    if isinstance(parsed, list) and depth < _DEPTH_MAX:
        for number, item in enumerate(parsed):
            called = f"{name}-{number}" if name else ""
            yield from _of_json(f"{where}[{number}]", called, item, depth + 1)
        return
    object_ = {key: value for key, value in _object(where, parsed).items() if key != EDITORS_KEY}
    if "apiVersion" in object_:
        yield from _of_kubernetes(where, object_)
    elif isinstance(object_.get("services"), dict):
        yield from _of_compose(where, object_["services"])
    elif wrapped := next((pair for pair in _WRAPPED if isinstance(object_.get(pair[1]), dict)), None):
        own = object_[wrapped[1]]
        if isinstance(object_.get("id"), dict) and "task" in object_["id"]:
            raise ConfigError(
                f"{where} is the config of a task, which its connector has made",
                code=_UNREADABLE,
                hint="Ask for 'GET /connectors/NAME', and paste what it answers.",
            )
        called = str(object_.get(wrapped[0]) or own.get("name") or name)
        yield replace(_connector(where, called, own), shape=f"{{{', '.join(wrapped)}}}")
    elif is_debezium_server(dotted := _dotted(object_)):
        yield Pasted(where, Form.DEBEZIUM_SERVER, name, dotted, "YAML of Quarkus")
    elif object_ and all(map(_is_nested, object_.values())) and depth < _DEPTH_MAX:
        for each, entry in object_.items():
            if isinstance(entry, list):
                yield from _of_json(f"{where}: {each}", "", entry, depth + 1)
                continue
            if "status" in entry and "info" not in entry:
                raise ConfigError(
                    f"{where}: {each} has a status and no config",
                    code=_UNREADABLE,
                    hint="Ask for 'GET /connectors?expand=info'.",
                )
            shape = "an answer of GET /connectors?expand=info" if "info" in entry else "connectors by their names"
            inner = _of_json(f"{where}: {each}" if depth else where, each, entry.get("info", entry), depth + 1)
            yield from (replace(one, shape=shape) for one in inner)
    else:
        keys = {key: text_of(where, key, value) for key, value in object_.items()}
        yield replace(_of_keys(where, name, keys), shape="keys and values")


def _is_nested(entry: Any) -> bool:
    return isinstance(entry, dict) or (isinstance(entry, list) and all(isinstance(item, dict) for item in entry))


def _dotted(value: Any, depth: int = 0) -> dict[str, str]:
    """Return the texts in nested objects by their keys, joined with dots, as Quarkus reads YAML."""
    found: dict[str, str] = {}
    for key, entry in value.items():
        if isinstance(entry, dict) and depth < 2 * _DEPTH_MAX:
            found |= {f"{key}.{inner}": text for inner, text in _dotted(entry, depth + 1).items()}
        elif isinstance(entry, str | int | float):
            found[key] = text_of("", key, entry)
    return found


def _object(where: str, value: Any) -> dict[str, Any]:
    """Return a JSON object; nothing in its place is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: a JSON object is expected, not {type(value).__name__}", code=_UNREADABLE)
    return value


def _connector(where: str, name: str, config: Mapping[str, Any]) -> Pasted:
    return Pasted(where, Form.CONNECTOR, name, {key: text_of(where, key, value) for key, value in config.items()})


def _of_kubernetes(where: str, parsed: Mapping[str, Any]) -> Iterator[Pasted]:
    """Yield the configs of Strimzi's resources."""
    kind = str(parsed.get("kind"))
    if kind == "List":
        items = parsed.get("items")
        for number, item in enumerate(items if isinstance(items, list) else ()):
            one = _object(f"{where}[{number}]", item)
            if one.get("kind") == "List":
                raise ConfigError(f"{where}[{number}] is a list in a list", code=_UNREADABLE)
            yield from _of_kubernetes(f"{where}[{number}]", one)
        return
    spec = _object(f"{where}: spec", parsed.get("spec"))
    # Strimzi says config and tasksMax, Confluent for Kubernetes configs and taskMax.
    config = _object(f"{where}: spec.config", spec.get("config", spec.get("configs")))
    name = str(_object(f"{where}: metadata", parsed.get("metadata")).get("name") or kind)
    if kind in ("KafkaConnector", "Connector"):
        own = {"connector.class": spec.get("class"), "tasks.max": spec.get("tasksMax", spec.get("taskMax"))}
        given = {key: value for key, value in own.items() if value is not None}
        yield replace(_connector(where, name, {**given, **config}), shape=f"a {kind} resource of Kubernetes")
    elif kind == "ConfigMap":
        yield from _of_config_map(where, parsed.get("data"))
    elif kind == "KafkaConnect":
        servers = {"bootstrap.servers": spec["bootstrapServers"]} if "bootstrapServers" in spec else {}
        texts = {key: text_of(where, key, value) for key, value in {**servers, **config}.items()}
        yield Pasted(where, Form.WORKER, name, with_listeners(texts), "a KafkaConnect resource of Kubernetes")
    elif kind == "KafkaMirrorMaker2":
        yield Pasted(where, Form.MIRROR_MAKER, name, {}, "a KafkaMirrorMaker2 resource of Kubernetes")
    else:
        raise ConfigError(
            f"{where}: a {kind} holds no config of a worker or connector; KafkaConnect or KafkaConnector is expected",
            code=_UNREADABLE,
        )


def _of_config_map(where: str, data: Any) -> Iterator[Pasted]:
    """Yield the configs among the files of a ConfigMap; those that hold none are of somebody else."""
    found, first = list[Pasted](), None
    for key, text in _object(f"{where}: data", data).items():
        try:
            found += of_text(f"{where}: {key}", "", str(text))
        except ConfigError as error:
            first = first or error
    if not found:
        raise first or ConfigError(f"{where}: a ConfigMap without data holds no config", code=_UNREADABLE)
    yield from (replace(one, shape=f"a ConfigMap of Kubernetes with {one.shape}") for one in found)


def _of_compose(where: str, services: Mapping[str, Any]) -> Iterator[Pasted]:
    """Yield the workers of a compose file: services with a worker's variables."""
    found = False
    for name, service in services.items():
        given = _object(f"{where}: {name}", service).get("environment")
        if isinstance(given, list):
            given = dict(str(line).partition("=")[::2] for line in given)
        pairs = _object(f"{where}: environment of {name}", given)
        texts = environment_config({key: "" if value is None else str(value) for key, value in pairs.items()})
        if "config.storage.topic" in texts or "group.id" in texts:
            found = True
            yield Pasted(where, Form.WORKER, name, with_listeners(texts), "a compose file")
    if not found:
        raise ConfigError(f"{where}: no service has the variables of a worker ({PREFIX}...)", code=_UNREADABLE)


def _of_topic(where: str, text: str) -> list[Pasted]:
    """Return the connectors of a config topic, as a consumer prints it with its keys: the last record of each counts.

    Source: Kafka 4.3.1, KafkaConfigBackingStore: key connector-NAME, value {"properties": {...}}, null once deleted.
    """
    found: dict[str, Pasted] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        key, _, value = line.partition("\t")
        if not key.startswith(_CONNECTOR_KEY):
            continue
        name, at = key.removeprefix(_CONNECTOR_KEY), f"{where}: line {number}"
        parsed = None if value.strip() in ("", "null") else _object(at, parse_json(value, at))
        if parsed is None:
            found.pop(name, None)
            continue
        one = _connector(at, name, _object(f"{at}: properties", parsed.get("properties")))
        found[name] = replace(one, shape="records of a config topic")
    return list(found.values())


def _of_keys(where: str, name: str, keys: dict[str, str]) -> Pasted:
    if "connector.class" in keys:
        return Pasted(where, Form.CONNECTOR, keys.get("name", "").strip() or name, keys)
    if is_debezium_server(keys):
        return Pasted(where, Form.DEBEZIUM_SERVER, name, keys)
    if "clusters" in keys:
        return Pasted(where, Form.MIRROR_MAKER, name, keys)
    if texts := environment_config(keys):
        return Pasted(where, Form.WORKER, name, with_listeners(texts))
    if any(key in WorkerConfig.keys() or key.startswith(_OF_WORKERS) for key in keys):  # noqa: SIM118 - a class
        return Pasted(where, Form.WORKER, name, with_listeners(keys))
    if "name" in keys or "tasks.max" in keys:  # its class is missing, and that is told
        return Pasted(where, Form.CONNECTOR, keys.get("name", "").strip() or name, keys)
    raise ConfigError(
        f"{where} has no key of a connector (connector.class) or of a worker (group.id, key.converter, ...)",
        code=_UNREADABLE,
    )
