"""Makes librdkafka's clients: their logs go to ours, what they were told last is kept, and no message has a secret."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from connect.api.errors import ConfigError
from connect.kafka.client_config import secrets_of

#: Of librdkafka itself. Its warnings are about brokers that come and go, which it mends by itself.
library_log = logging.getLogger("connect.kafka.librdkafka")

C = TypeVar("C")


class Told:
    """What a client was told last of the brokers, as that none of them answers. Set on any thread."""

    def __init__(self) -> None:
        self.last: KafkaError | None = None

    def take(self, error: KafkaError) -> None:
        """Keep it; an authentication that failed says more than what follows from it."""
        if self.last is None or self.last.code() not in _TELLING or error.code() in _TELLING:
            self.last = error


_TELLING = frozenset((KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RESOLVE))


def make_client(cls: Callable[..., C], configs: Mapping[str, Any], told: Told, *, path: str = "") -> C:
    """Make a producer, a consumer or an administrator.

    Raises:
        ConfigError: librdkafka does not take a key or a value. The message has no secret.
    """
    try:
        return cls({**configs, "error_cb": told.take, "log_level": 4}, logger=library_log)
    except (KafkaException, ValueError, TypeError) as error:
        text = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        for secret in secrets_of(configs):
            text = text.replace(secret, "[hidden]")
        raise ConfigError(f"a client for Kafka cannot be made: {text}", config_path=path or None) from None
