"""Makes librdkafka's clients: their logs go to ours, what they were told last is kept, and no message has a secret."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException

from connect.api.errors import ConfigError, ConnectError
from connect.kafka.client_config import java_words, principal_of, secrets_of
from connect.kafka.diagnosis import why_not_in
from connect.kafka.errors import ANONYMOUS, Principal, is_refused_login, login_refused, ours

#: How long a client is silent about what it has just logged.
_SILENCE_S: Final = 60.0
#: How long a client may try to get in before its brokers' listeners are looked at, and how soon again.
_LOOK_AFTER_S: Final = 10.0
_NO_PROVIDER: Final = "No provider for SASL mechanism"
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
        #: Who the client is to the cluster; known once it is made.
        self.principal = Principal(ANONYMOUS)
        self._configs: Mapping[str, Any] = {}
        self._was_in = False
        self._look_at = time.monotonic() + _LOOK_AFTER_S

    def is_of(self, configs: Mapping[str, Any]) -> None:
        """Take note of the client's configs."""
        self._configs, self.principal = configs, Principal(principal_of(configs))

    def got_in(self) -> None:
        """Take note that the brokers do what the client asks for: what it was told before is past."""
        self.last, self._was_in = None, True

    def refusal(self, doing: str) -> ConnectError | None:
        """Return why the brokers do not let the client in; None where it is in, or only nobody answers.

        Once for each thing that it was told. May block for some seconds: of a client that was never in, the listeners
        are asked what does not fit.
        """
        last, now = self.last, time.monotonic()
        if last is None:
            return None
        is_refused = is_refused_login(last)
        if not is_refused and (self._was_in or now < self._look_at):
            return None
        self.last, self._look_at = None, now + _LOOK_AFTER_S
        finding = why_not_in(str(self._configs.get("bootstrap.servers", "")), self._configs)
        if finding is not None:
            return login_refused(doing, finding.text, key=finding.key)
        return ours(last, doing) if is_refused else None

    def take(self, error: KafkaError) -> None:
        """Keep it; an authentication that failed says more than what follows from it, and anything more than that no
        broker is left."""
        if self.last is None or (
            error.code() != KafkaError._ALL_BROKERS_DOWN
            and (self.last.code() not in _TELLING or error.code() in _TELLING)
        ):
            self.last = error


_TELLING = frozenset((KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RESOLVE))


def make_client(cls: Callable[..., C], configs: Mapping[str, Any], told: Told, *, path: str = "") -> C:
    """Make a producer, a consumer or an administrator.

    Raises:
        ConfigError: librdkafka does not take a key or a value. The message has no secret.
    """
    told.is_of(configs)
    try:
        return cls({**configs, "error_cb": told.take, "log_level": 4}, logger=library_log)
    except (KafkaException, ValueError, TypeError) as error:
        text = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        for secret in secrets_of(configs):
            text = text.replace(secret, "[hidden]")
        key, text = java_words(text)
        if _NO_PROVIDER in text:
            key = "sasl.mechanism"
            text = (
                f"{text.partition(': recompile')[0]}: the installed client was built without Kerberos; "
                "set sasl.mechanism to PLAIN or SCRAM-SHA-512, or install a confluent-kafka built with libsasl2"
            )
        raise ConfigError(f"a client for Kafka cannot be made: {text}", config_path=key or path or None) from None
