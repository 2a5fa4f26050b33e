"""A transform at work: configured as a connector's config does it, and applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connect.api import Batch, Record, Transform
from connect.api.contract import batches_of
from connect.testing.harness.factories import record


def transformed(transform: type[Transform], config: Mapping[str, str] | None, *items: Any) -> list[Record]:
    """Return what a transform makes of records, in one call as the runtime makes it.

        assert [r.value for r in transformed(shout, {"mark": "?"}, "a", "b")] == ["A?", "B?"]

    Args:
        transform: The class, or what `@transform` made.
        config: Its keys, without the prefix that they have in a connector's config.
        items: Records, or values for records of one topic. Those that go together come in one batch.

    Raises:
        ConfigError: The config is wrong; has every problem.
        DataError: What the transform raised.
        PluginError: plugin.broken: it returned what it may not.
    """
    made = transform()
    made.configure(transform.config_class.parse(config or {}))
    try:
        found: list[Record] = []
        for batch in Batch.group(item if isinstance(item, Record) else record(item) for item in items):
            for changed in batches_of(made, "apply_batch", made.apply_batch(batch), given=batch):
                found += changed.records()
        return found
    finally:
        made.close()
