"""Config providers, and a connector, that do what a test asks for: a plugin module, to be registered with a worker."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any, ClassVar

from connect.api import (
    Config,
    ConfigData,
    ConfigError,
    ConfigProvider,
    Connector,
    DataError,
    Record,
    RetriableError,
    Secret,
    SourceConnector,
    SourceTask,
    Transform,
    config_key,
    hookimpl,
)

__version__ = "1.0.0"
#: What the vault holds: by path, then by key. Tests fill it.
HELD: dict[str, dict[str, Any]] = {}
#: How long its values hold.
TTL_MS: dict[str, int | None] = {}
#: Held back until a test lets go.
GATE = threading.Event()


def empty() -> None:
    HELD.clear()
    TTL_MS.clear()
    GATE.clear()
    Vault.made = Vault.closed = Vault.asked = 0
    Leaky.seen.clear()


class VaultConfig(Config):
    """A vault."""

    url: str = config_key("Where it is.", default="http://vault")
    port: int = config_key("Its port.", default=1)


class Vault(ConfigProvider[VaultConfig]):
    """Looks into `HELD`; some paths make trouble."""

    made: ClassVar[int] = 0
    closed: ClassVar[int] = 0
    asked: ClassVar[int] = 0

    def configure(self, config: Config) -> None:
        super().configure(config)
        if self.config.url == "broken":
            raise ConfigError("there is no vault at 'broken'")
        Vault.made += 1

    def get(self, path: str, keys: Collection[str] | None = None) -> ConfigData:
        Vault.asked += 1
        if path == "hangs":
            GATE.wait(30)
        if path == "raises":
            raise KeyError("a defect")
        if path == "exits":
            raise SystemExit(3)
        if path == "sealed":
            raise RetriableError("the vault is sealed", retry_after_ms=5)
        if path == "no-data":
            return {"k": "v"}  # type: ignore[return-value]
        if path == "numbers":
            return ConfigData({"k": 5})  # type: ignore[dict-item]
        if path == "odd-ttl":
            return ConfigData({"k": "v"}, ttl_ms="soon")  # type: ignore[arg-type]
        if path not in HELD:
            raise ConfigError(f"there is no path {path!r}")
        held = HELD[path]
        return ConfigData({k: held[k] for k in (held if keys is None else keys) if k in held}, TTL_MS.get(path))

    def close(self) -> None:
        Vault.closed += 1


class LeakyConfig(Config):
    """A connector that quotes its secrets wherever it can."""

    topic: str = config_key("Where to.", default="leaky", non_empty=True)
    login: Secret | None = config_key("A secret by its type.", default=None)
    port: int = config_key("A number.", default=1, ge=1)
    how: str = config_key("What to do.", default="")
    note: str = config_key("Anything.", default="")


class Leaky(SourceConnector[LeakyConfig]):
    """Starts `tasks.max` tasks, whose configs hold what it made of its own."""

    config_class = LeakyConfig
    seen: ClassVar[list[dict[str, Any]]] = []

    def start(self) -> None:
        if self.config.how == "fail-connector":
            raise ConfigError(f"no way with {self.config.originals['login']} and {self.config.note}")

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        own = {k: str(v) for k, v in self.config.originals.items()}
        made = {"derived": f"jdbc://h/?x={own.get('login', '')};", "task": ""}
        return [{**own, **made, "task": str(number)} for number in range(max_tasks)]

    def check(self) -> Any:
        raise ConfigError(f"{self.config.originals.get('login')} cannot log in; {self.config.note.split(',')[-1]}")


class LeakyTask(SourceTask[LeakyConfig]):
    """Emits one record with what it was given, and then nothing."""

    config_class = LeakyConfig
    _sent = False

    def start(self) -> None:
        Leaky.seen.append(dict(self.config.originals))
        if self.config.how == "fail-task":
            self.context.log.error("about to fail with %s", self.config.originals["login"])
            raise ValueError(f"{self.config.originals['login']} is refused")

    def poll(self) -> Any:
        if self._sent:
            return None
        self._sent = True
        return [Record(self.config.topic, str(self.config.originals.get("login")))]


Leaky.task_class = LeakyTask


class QuotingConfig(Config):
    """A transform that quotes its key."""

    pepper: str = config_key("A secret, by what it stands for.")


class Quoting(Transform[QuotingConfig]):
    """Refuses every record, with what it knows."""

    config_class = QuotingConfig

    def apply(self, record: Record) -> Record:
        raise DataError(f"{record.value} does not go with {self.config.pepper}")


@hookimpl
def connect_connectors() -> list[type[Connector]]:
    return [Leaky]


@hookimpl
def connect_transforms() -> list[type[Transform]]:
    return [Quoting]


@hookimpl
def connect_config_providers() -> list[type[ConfigProvider]]:
    return [Vault]
