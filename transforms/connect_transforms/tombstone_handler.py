"""TombstoneHandler: records with a null value are dropped, or are an error. Confluent's."""

from __future__ import annotations

import logging

from connect.api import Batch, Config, DataError, Transform, config_key
from connect_transforms.fields.columns import VERSION
from connect_transforms.filter_by_path import CONFLUENT

logger = logging.getLogger(__name__)


class TombstoneHandlerConfig(Config):
    """What becomes of tombstones."""

    behavior: str = config_key(
        "ignore drops a tombstone with a DEBUG line in the log, warn drops it with a WARN line, fail raises an error.",
        default="warn",
        one_of=("ignore", "warn", "fail"),
    )


class TombstoneHandler(Transform[TombstoneHandlerConfig]):
    """Drop or refuse records whose value is null, with or without schema."""

    class_name = CONFLUENT + "TombstoneHandler"
    version = VERSION

    def apply_batch(self, batch: Batch) -> Batch | None:
        if None not in batch.values:
            return batch
        kept = [value is not None for value in batch.values]
        if self.config.behavior == "fail":
            raise DataError("Tombstone record encountered and behavior is set to fail")
        level = logging.WARNING if self.config.behavior == "warn" else logging.DEBUG
        logger.log(
            level,
            "transform %s dropped %d tombstone(s) of topic %s",
            self.alias or "TombstoneHandler",
            kept.count(False),
            batch.topic,
        )
        return batch.select(kept) if True in kept else None
