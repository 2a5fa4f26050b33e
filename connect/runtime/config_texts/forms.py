"""Configs as users have them, in texts of many forms.

Which form it is shows in what is there, and not in a file's name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from connect.api import ConfigError
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
#: A text with such a line is YAML, though properties may have colons too: the config is below its name.
_NESTED: Final = re.compile(r"^(config|spec):[ \t]*$", re.MULTILINE)
#: Options of curl that have a body, and those that have another value beside them.
_BODIES: Final = ("-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--json")
_WITH_VALUE: Final = ("-H", "--header", "-X", "--request", "-u", "--user", "-o", "--output", "--cacert", "--cert")
#: A longer command would take long to be split.
_COMMAND_CHARS_MAX: Final = 64 << 10


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
    if text.lstrip().startswith("curl "):
        return _of_curl(where, name, text)
    if yaml or is_yaml(text):
        return list(_of_yaml(where, name, text))
    if _TOPIC_KEYS.match(text):
        return _of_topic(where, text)
    return [replace(_of_keys(where, name, _properties(where, text)), shape="Java properties")]


def is_yaml(text: str) -> bool:
    """Say whether a text that is no JSON looks like YAML, and not like properties, which may have colons too."""
    begins = text.lstrip().startswith(("---", "apiVersion:", "services:", "version:"))
    return begins or _NESTED.search(text) is not None


def of_json(where: str, name: str, parsed: Any) -> list[Pasted]:
    """Return the configs in what JSON has said.

    Args:
        name: Of a config that has none itself.
    """
    return list(_of_json(where, name, parsed))


def _of_curl(where: str, name: str, text: str) -> list[Pasted]:
    """Return the config that a command of curl would send to a worker; nothing is run."""
    if len(text) > _COMMAND_CHARS_MAX:
        raise ConfigError(f"{where} is a command of more than {_COMMAND_CHARS_MAX:,} characters", code=_UNREADABLE)
    try:
        words = shlex.split(text.replace("\\\r\n", " ").replace("\\\n", " "))
    except ValueError as error:
        raise ConfigError(f"{where} is no command that can be read: {error}", code=_UNREADABLE) from None
    body, path = None, ""
    rest = iter(words[1:])
    for word in rest:
        option, _, value = word.partition("=")
        if word in _BODIES:
            body = next(rest, None)
        elif option in _BODIES:
            body = value
        elif word in _WITH_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            path = urlsplit(word).path if "://" in word else word.partition("/")[2]
    if body is None or body.startswith("@"):
        raise ConfigError(
            f"{where}: the command has no config beside it{f', but a file, {body[1:]}' if body else ''}",
            code=_UNREADABLE,
            hint="Paste what is in the file." if body else "Paste a command with -d and a config.",
        )
    parts = path.strip("/").split("/")
    called = unquote(parts[-2]) if parts[-1] == "config" and len(parts) > 1 else name
    return [replace(one, shape=f"a command of curl with {one.shape}") for one in of_text(where, called, body)]


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
    for line, key, value in parse_numbered(text, where):
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
    elif isinstance(object_.get("config"), dict):
        own = object_["config"]
        called = str(object_.get("name") or own.get("name") or name)
        yield replace(_connector(where, called, own), shape="{name, config}")
    elif object_ and all(isinstance(entry, dict) for entry in object_.values()) and depth < _DEPTH_MAX:
        for each, entry in object_.items():
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
    config = _object(f"{where}: spec.config", spec.get("config"))
    name = str(_object(f"{where}: metadata", parsed.get("metadata")).get("name") or kind)
    if kind == "KafkaConnector":
        own = {"connector.class": spec.get("class"), "tasks.max": spec.get("tasksMax")}
        given = {key: value for key, value in own.items() if value is not None}
        yield replace(_connector(where, name, {**given, **config}), shape="a KafkaConnector resource of Kubernetes")
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
