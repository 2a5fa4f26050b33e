"""Configs from files, variables and flags: the worker's, and connectors'."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connect.api import ConfigError
from connect.cli.texts import read_text
from connect.runtime.config_texts.parsing import EDITORS_KEY, parse_json, parse_numbered, text_of
from connect.runtime.model import TargetState
from connect.runtime.worker_config import WorkerConfig
from connect.runtime.worker_environment import environment_config, with_listeners

#: How the names of files end that are configs, where a folder is named.
ENDINGS: Final = (".json", ".yaml", ".yml", ".properties")


@dataclass(frozen=True, slots=True)
class ConnectorFile:
    """A connector's config as a file gives it."""

    name: str
    config: dict[str, str]
    initial_state: TargetState | None = None


def config_files(folder: Path) -> list[Path]:
    """Return the configs in a folder, by name; not those in folders below it, nor hidden files, pipes and devices.

    A link that leads nowhere is one of them: it is told of as what cannot be read, and its connector is none that no
    file names any more.

    Raises:
        OSError: The folder cannot be listed.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in ENDINGS and not path.name.startswith(".") and _may_be_read(path)
    )


def _may_be_read(path: Path) -> bool:
    try:
        return path.is_file() or (path.is_symlink() and not path.exists())
    except OSError:  # a link into a folder that is closed to us, say: who reads it tells
        return True


def configs_in(folder: Path) -> list[Path]:
    """Return the configs in a folder that was named for them; see `config_files`.

    Raises:
        ConfigError: config.unreadable: it has none, or cannot be listed.
    """
    try:
        found = config_files(folder)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be read: {error.strerror}", code="config.unreadable") from error
    if not found:
        raise ConfigError(
            f"{folder} holds no connector's config: it has no file that ends in {', '.join(ENDINGS)}",
            code="config.unreadable",
        )
    return found


def worker_config(
    path: Path | None, flags: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> WorkerConfig:
    """Return the worker's config: flags before variables before the file before defaults.

    What refers to a config provider is resolved when the worker starts: until then such a key has its default. Keys
    that nothing reads are kept, and told of by `connect.runtime.validation.worker_keys`.

    Raises:
        ConfigError: The file cannot be read, or a key is wrong.
    """
    from_file = _string_map(path, _parsed(path)) if path else {}
    from_env = environment_config(os.environ if environment is None else environment)
    return WorkerConfig.read(with_listeners({**from_file, **from_env, **flags}))


def connector_file(path: Path) -> ConnectorFile:
    """Read a connector's config: flat JSON or YAML with a name, {name, config, initial_state}, or Java properties.

    Raises:
        ConfigError: Says which file, and what is wrong in it.
    """
    parsed = _parsed(path)
    if isinstance(parsed, dict):
        parsed.pop(EDITORS_KEY, None)
        if isinstance(parsed.get("config"), dict):
            return _nested(path, parsed)
    config = _string_map(path, parsed)
    name = config.get("name", "").strip()
    of_workers = WorkerConfig.keys().keys() - {"key.converter", "value.converter", "header.converter"}
    if not name and "connector.class" not in config and config.keys() & of_workers:
        raise ConfigError(
            f"{path} is a worker's config: it has no 'connector.class', and keys of a worker",
            hint=f"A worker takes it with --config {path}.",
            config_path="name",
        )
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
    config = {key: text_of(path, key, value) for key, value in parsed["config"].items()}
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
    """Return what a file holds: JSON, YAML, or Java properties as a dict. The ending tells, without one the content."""
    if path.suffix in (".yaml", ".yml"):
        from connect.runtime.config_texts.yaml_texts import parse_yaml  # most have none

        documents = parse_yaml(read_text(path), str(path))
        if len(documents) != 1:
            raise ConfigError(f"{path} has {len(documents)} documents; one is expected", code="config.unreadable")
        return documents[0]
    text = read_text(path, otherwise=None if path.suffix == ".json" else "latin-1")  # what Java reads
    if path.suffix == ".json" or text.lstrip()[:1] in ("{", "[", '"'):
        return parse_json(text, str(path))
    found = parse_numbered(text, str(path), may_be_empty=path.suffix == ".properties")
    return {key: value for _, key, value in found}


def _string_map(path: Path, parsed: Any) -> dict[str, str]:
    if not isinstance(parsed, dict):
        raise ConfigError(
            f"{path}: a JSON object of keys and values is expected, this is {type(parsed).__name__}",
            code="config.unreadable",
        )
    return {key: text_of(path, key, value) for key, value in parsed.items()}
