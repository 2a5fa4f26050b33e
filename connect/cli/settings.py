"""Configs from files, variables and flags: the worker's, and connectors'."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from connect.api import ConfigError
from connect.api.java import parse_properties
from connect.cli.texts import read_text
from connect.runtime.model import TargetState
from connect.runtime.worker_config import WorkerConfig

logger = logging.getLogger(__name__)

ENV_PREFIX = "CONNECT_"
#: Variables of the prefix that are no worker key: our own, and what container images and Kubernetes set.
_OTHER_VARIABLES = (
    "CONNECT_URL",
    "CONNECT_CONTEXT",
    "CONNECT_USERNAME",
    "CONNECT_PASSWORD",
    "CONNECT_TOKEN",
    "CONNECT_CACERT",
    "CONNECT_LOG4J_",
    "CONNECT_CUB_",
    "CONNECT_PORT",
    "CONNECT_SERVICE_",
    "CONNECT_REST_ADVERTISED_",
)
_KNOWN_PREFIXES = (
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "producer.",
    "consumer.",
    "admin.",
    "ssl.",
    "listeners.https.",
    "log.",
    "config.providers.",
    "message.max.bytes",
    "offsets.retention.",
    "producer.id.",
    "transaction.",
    "transactional.id.",
)


@dataclass(frozen=True, slots=True)
class ConnectorFile:
    """A connector's config as a file gives it."""

    name: str
    config: dict[str, str]
    initial_state: TargetState | None = None


def worker_config(
    path: Path | None, flags: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> WorkerConfig:
    """Return the worker's config: flags before variables before the file before defaults.

    What refers to a config provider is resolved when the worker starts: until then such a key has its default.
    Keys of the file that nothing reads are named in one warning: a file of a Kafka Connect cluster has some, and a typo
    in one that is there for security must not go unseen.

    Raises:
        ConfigError: The file cannot be read, or a key is wrong.
    """
    from_file = _string_map(path, _parsed(path)) if path else {}
    from_env = env_config(os.environ if environment is None else environment)
    config = WorkerConfig.read({**from_file, **from_env, **flags})
    if unknown := [_with_nearest(name) for name in from_file if not _is_worker_key(name)]:
        logger.warning("%s: these keys are none of the worker's and are ignored: %s", path, ", ".join(unknown))
    return config


def _is_worker_key(name: str) -> bool:
    known = WorkerConfig.keys()
    return name in known or name.startswith(_KNOWN_PREFIXES)


def _with_nearest(name: str) -> str:
    near = difflib.get_close_matches(name, WorkerConfig.keys(), n=1, cutoff=0.85)
    return f"{name} (did you mean {near[0]}?)" if near else name


def env_config(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the worker keys in CONNECT_* variables, as Kafka Connect's container images write them.

    '_' stands for '.', '__' for '-', '___' for '_'. What names no worker key is left out, in one warning: Kubernetes
    sets such variables for every service named 'connect'.
    """
    config, unknown = {}, []
    for variable, value in sorted(environment.items()):
        if not variable.startswith(ENV_PREFIX):
            continue
        name = _env_key(variable)
        if _is_worker_key(name):
            config[name] = value
        elif name == "rest.port":
            config.setdefault("listeners", f"http://127.0.0.1:{value}")
        elif not variable.startswith(_OTHER_VARIABLES):
            unknown.append(variable)
    if unknown:
        logger.warning("these variables name no worker key and are ignored: %s", ", ".join(unknown))
    return config


def _env_key(variable: str) -> str:
    # The longest run first; a placeholder keeps a new '_' from being replaced again.
    text = variable.removeprefix(ENV_PREFIX).lower()
    return text.replace("___", "\0").replace("__", "-").replace("_", ".").replace("\0", "_")


def connector_file(path: Path) -> ConnectorFile:
    """Read a connector's config: flat JSON with a name, {name, config, initial_state}, or Java properties.

    Raises:
        ConfigError: Says which file, and what is wrong in it.
    """
    parsed = _parsed(path)
    if isinstance(parsed, dict) and isinstance(parsed.get("config"), dict):
        return _nested(path, parsed)
    config = _string_map(path, parsed)
    name = config.get("name", "").strip()
    if not name:
        raise ConfigError(f"{path}: key 'name' is missing", hint="Give the connector a name.", config_path="name")
    return ConnectorFile(name, config)


def _nested(path: Path, parsed: dict[str, Any]) -> ConnectorFile:
    unknown = parsed.keys() - {"name", "config", "initial_state"}
    if unknown:
        raise ConfigError(
            f"{path}: unknown member {sorted(unknown)[0]!r} beside 'name', 'config' and 'initial_state'",
            code="config.unreadable",
        )
    config = {key: _text(path, key, value) for key, value in parsed["config"].items()}
    name = str(parsed.get("name") or config.get("name") or "").strip()
    if not name:
        raise ConfigError(f"{path}: key 'name' is missing", hint="Give the connector a name.", config_path="name")
    if config.get("name", name) != name:
        raise ConfigError(
            f"{path}: 'name' is {name!r} but config.name is {config['name']!r}; they must be equal", config_path="name"
        )
    state = parsed.get("initial_state")
    try:
        return ConnectorFile(name, config, None if state is None else TargetState(str(state).upper()))
    except ValueError:
        known = ", ".join(TargetState)
        raise ConfigError(
            f"{path}: initial_state {state!r} is not one of {known}", config_path="initial_state"
        ) from None


def _parsed(path: Path) -> Any:
    """Return what a file holds: JSON, or Java properties as a dict. The ending tells which; without one the content."""
    if path.suffix in (".yaml", ".yml"):
        raise ConfigError(
            f"{path} is YAML, which is not read; JSON or Java properties are expected", code="config.unreadable"
        )
    text = read_text(path, otherwise=None if path.suffix == ".json" else "latin-1")  # what Java reads
    if path.suffix == ".json" or text.lstrip()[:1] in ("{", "[", '"'):
        return _json(path, text)
    found = parse_properties(text)
    if path.suffix != ".properties" and not any(found.values()):
        raise ConfigError(f"{path} is not JSON, and holds no KEY=VALUE as Java properties do", code="config.unreadable")
    return found


def _string_map(path: Path, parsed: Any) -> dict[str, str]:
    if not isinstance(parsed, dict):
        raise ConfigError(
            f"{path}: a JSON object of keys and values is expected, this is {type(parsed).__name__}",
            code="config.unreadable",
        )
    return {key: _text(path, key, value) for key, value in parsed.items()}


def _json(path: Path, text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{path} is not JSON: {error}", code="config.unreadable") from None


def _text(path: Path, key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ConfigError(
        f"{path}: key {key!r} must be text, a number or true or false, not {type(value).__name__}", config_path=key
    )
