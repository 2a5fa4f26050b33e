"""What the bundled log heeds of Kafka's producer configs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connect.api.errors import ConfigError, LogError
from connect.codec.compression import Codec, codec_of_configs
from connect.log.topic_config import WHOLE

#: Where `batch.size` is not given: large batches are cheap to write and to read, and compress well.
BATCH_BYTES: Final = 256 * 1024
#: Kafka's `transaction.timeout.ms`.
_TRANSACTION_TIMEOUT_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class ProducerConfig:
    """What the bundled log heeds of Kafka's producer configs; the rest is about a network that is not there."""

    codec: Codec
    batch_bytes: int
    is_idempotent: bool
    transactional_id: str | None
    transaction_timeout_ms: int

    @classmethod
    def parse(cls, raw: Mapping[str, str]) -> ProducerConfig:
        """Raises `ConfigError` for a codec, a size or a time that cannot be."""
        try:
            codec = codec_of_configs(raw, raw.get("compression.type", "none"))
        except LogError as error:
            raise ConfigError(str(error), code=error.code, config_path="compression.type") from error
        transactional_id = raw.get("transactional.id")
        idempotence = raw.get("enable.idempotence", "true" if transactional_id is not None else "false")
        if idempotence not in ("true", "false"):
            raise ConfigError(
                f"enable.idempotence: {idempotence!r} is not true or false", config_path="enable.idempotence"
            )
        if transactional_id is not None and idempotence == "false":
            raise ConfigError(
                "enable.idempotence=false goes with no transactional.id: transactions need it",
                config_path="enable.idempotence",
            )
        return cls(
            codec,
            max(1, _whole(raw, "batch.size", BATCH_BYTES, "bytes")),
            idempotence == "true",
            transactional_id,
            _whole(raw, "transaction.timeout.ms", _TRANSACTION_TIMEOUT_MS, "ms"),
        )


def _whole(raw: Mapping[str, str], name: str, default: int, unit: str) -> int:
    text = raw.get(name, str(default))
    if not WHOLE.fullmatch(text):
        raise ConfigError(f"{name}: {text!r} is not a whole number of {unit}", config_path=name)
    return int(text)
