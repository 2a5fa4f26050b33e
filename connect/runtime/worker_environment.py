"""A worker's keys as container images and older versions of Kafka Connect write them.

Confluent's image: `CONNECT_` and the key in upper case, with `_` for `.`, `__` for `-` and `___` for `_`. Debezium's
takes some keys without the prefix; they are read where its two variables that have no default are there.

Source: confluentinc/kafka-images, kafka-connect-base; debezium/container-images, connect-base, docker-entrypoint.sh.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

PREFIX: Final = "CONNECT_"
#: Variables of the prefix that are no worker key: those of our own commands, and of the scripts of images.
_OTHERS: Final = (
    "CONNECT_URL",
    "CONNECT_CONTEXT",
    "CONNECT_USERNAME",
    "CONNECT_PASSWORD",
    "CONNECT_TOKEN",
    "CONNECT_CACERT",
    "CONNECT_REGISTRY_URL",
    "CONNECT_CUB_",
    "CONNECT_PIP_",
)
#: What Kubernetes sets in every pod for each service, here for one whose name begins with 'connect'.
_SERVICE = re.compile(r"CONNECT(_[A-Z0-9_]+)?_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_\d+_(TCP|UDP|SCTP)(_[A-Z]+)?)")
_LINK = re.compile(r"(tcp|udp|sctp)://")
#: Debezium's image takes no others than these without a prefix, and does not start without the first two.
WITHOUT_PREFIX: Final = {
    "CONFIG_STORAGE_TOPIC": "config.storage.topic",
    "OFFSET_STORAGE_TOPIC": "offset.storage.topic",
    "STATUS_STORAGE_TOPIC": "status.storage.topic",
    "BOOTSTRAP_SERVERS": "bootstrap.servers",
    "GROUP_ID": "group.id",
    "KEY_CONVERTER": "key.converter",
    "VALUE_CONVERTER": "value.converter",
    "OFFSET_FLUSH_INTERVAL_MS": "offset.flush.interval.ms",
    "OFFSET_FLUSH_TIMEOUT_MS": "offset.flush.timeout.ms",
    "SHUTDOWN_TIMEOUT": "task.shutdown.graceful.timeout.ms",
    "REST_PORT": "rest.port",
    "REST_HOST_NAME": "rest.host.name",
    "ADVERTISED_HOST_NAME": "rest.advertised.host.name",
    "ADVERTISED_PORT": "rest.advertised.port",
    "LOG_LEVEL": "log.level",
}
#: Of these, those that nobody has for another program.
_TELLING: Final = frozenset(
    ("CONFIG_STORAGE_TOPIC", "OFFSET_STORAGE_TOPIC", "STATUS_STORAGE_TOPIC", "BOOTSTRAP_SERVERS")
)
#: What its image switches on or has hidden, and has no key: told of by this name.
PARTS: Final = "ENABLE_"
SENSITIVE: Final = "SENSITIVE_PROPERTIES"
#: For the scripts that start a JVM. Their values are not kept: nothing reads them, and they may hold passwords.
JVM: Final = (
    "HEAP_OPTS",
    "JMXHOST",
    "JMXPORT",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_JMX_HOSTNAME",
    "KAFKA_JMX_OPTS",
    "KAFKA_JMX_PORT",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_OPTS",
)


def environment_config(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the worker keys in variables, and those for a JVM with an empty value.

    What names no key is there all the same, for a typo to be told of; but not what Kubernetes sets for a service. So
    are some of Debezium's names without the two that all of them need.
    """
    config = {name: "" for name in JVM if name in environment}
    for variable, value in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable.startswith(_OTHERS) or _is_of_a_service(variable, value):
            continue
        config[key_of(variable)] = value
    if {"CONFIG_STORAGE_TOPIC", "OFFSET_STORAGE_TOPIC"} <= environment.keys():
        config |= {key: environment[name] for name, key in WITHOUT_PREFIX.items() if name in environment}
        config |= {name: "" for name, on in environment.items() if name.startswith(PARTS) and on.lower() == "true"}
        config |= {name: "" for name in (SENSITIVE,) if name in environment}
    else:
        config |= dict.fromkeys(_passed_over(environment), "")
    return config


def _passed_over(environment: Mapping[str, str]) -> list[str]:
    """Return the variables by Debezium's names that are not read, where somebody seems to mean them."""
    is_meant = _TELLING & environment.keys() and f"{PREFIX}BOOTSTRAP_SERVERS" not in environment
    return [name for name in WITHOUT_PREFIX if name in environment] if is_meant else []


def _is_of_a_service(variable: str, value: str) -> bool:
    return _SERVICE.fullmatch(variable) is not None or (variable.endswith("_PORT") and _LINK.match(value) is not None)


def key_of(variable: str) -> str:
    """Return the key that a variable of the prefix stands for."""
    # The longest run first; a placeholder keeps a new '_' from being replaced again.
    text = variable.removeprefix(PREFIX).lower()
    return text.replace("___", "\0").replace("__", "-").replace("_", ".").replace("\0", "_")


def with_listeners(texts: Mapping[str, str]) -> dict[str, str]:
    """Return a worker's keys with `listeners`, where that is not given, made of `rest.port` and `rest.host.name`.

    Kafka Connect read the two until 3.0, and images still set them.
    """
    given = dict(texts)
    if "listeners" not in given and ("rest.port" in given or "rest.host.name" in given):
        host, port = given.pop("rest.host.name", "127.0.0.1"), given.pop("rest.port", "8083")
        given["listeners"] = f"http://{host}:{port}"
    return given
