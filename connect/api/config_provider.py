"""Config providers: where `${provider:path:key}` in a config takes its values from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from connect.api.plugin import ConfigT, Plugin


@dataclass(frozen=True, slots=True)
class ConfigData:
    """What a provider found at a path. Kafka's ConfigData.

    Attributes:
        values: By key; a key that is not there is left out.
        ttl_ms: How long the values hold, in ms; None: until the connector is restarted.
    """

    values: Mapping[str, str]
    ttl_ms: int | None = None


class ConfigProvider(Plugin[ConfigT]):
    """Looks values up by path and key: secrets in a file, a vault, the environment. Kafka's ConfigProvider.

    Order of calls: configure, get…, close. All are plain `def` and run on a thread, one at a time, so they may block;
    each has to return within the worker's `plugin.call.timeout.ms`. Nothing is cancelled: a call that is late goes on,
    and nobody waits for it. The same path may be asked for again at any time, also after a call that failed.
    """

    def get(self, path: str, keys: Collection[str] | None = None) -> ConfigData:
        """Return the values at a path: of these keys, or of all that there are where `keys` is None.

        Raises:
            RetriableError: It may work later.
            ConfigError: There is no such path.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define get")
