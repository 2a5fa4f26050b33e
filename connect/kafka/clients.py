"""Makes librdkafka's clients: their logs go to ours, what they were told last is kept, and no message has a secret."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException

from connect.api.errors import ConfigError
from connect.kafka.client_config import secrets_of

#: How long a client is silent about what it has just logged.
_SILENCE_S: Final = 60.0
_REMEMBERED_MAX: Final = 1000


class Calm(logging.Filter):
    """Lets a line of librdkafka through once a minute for each client and kind. Most are about brokers that come and
    go, which it mends by itself, so none but a fatal one is more than a warning.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[Any, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is to be logged."""
        kind = record.args[:2] if isinstance(record.args, tuple) else record.msg  # facility and client
        now = time.monotonic()
        if now - self._said.get(kind, -_SILENCE_S) < _SILENCE_S:
            return False
        if len(self._said) >= _REMEMBERED_MAX:
            self._said.clear()
        self._said[kind] = now
        if record.levelno == logging.ERROR:
            record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return True


#: Of librdkafka itself.
library_log = logging.getLogger("connect.kafka.librdkafka")
library_log.addFilter(Calm())

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
