"""How long a record may wait for a log that cannot take it now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from connect.api import ConfigError, ConnectError

#: A Kafka cluster refuses who asks, or what is asked: Kafka Connect fails the task then.
REFUSALS: Final = frozenset(("kafka.authentication", "kafka.authorization"))
#: What Kafka Connect sets `delivery.timeout.ms` to where nobody does: a record waits for the log as long as it takes.
DELIVERY_TIMEOUT_MS: Final = (1 << 31) - 1
#: What waiting does not mend: an fsync that failed, until the worker is started again; and a cluster that does not let
#: in who asks, or does not allow it, until somebody changes that.
_LASTING: Final = frozenset(("log.sync_failed", *REFUSALS))
#: Of more digits Python makes no number.
_WHOLE: Final = re.compile(r"[0-9]{1,19}")


def delivery_timeout_s(configs: Mapping[str, Any]) -> float:
    """Return how long an append may wait for the log: `delivery.timeout.ms` of producer configs, in seconds.

    Raises:
        ConfigError: It is no number of ms.
    """
    text = str(configs.get("delivery.timeout.ms", DELIVERY_TIMEOUT_MS)).strip()
    if not _WHOLE.fullmatch(text):
        raise ConfigError(
            f"delivery.timeout.ms: {text!r} is not a whole number of ms", config_path="delivery.timeout.ms"
        )
    return int(text) / 1000


def may_pass(error: ConnectError) -> bool:
    """Whether the log may take by itself what it refused; else who waits for that waits for ever."""
    return error.code not in _LASTING
