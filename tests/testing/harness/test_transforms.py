from __future__ import annotations

from typing import Any

import pytest

from connect.api import Batch, ConfigError, PluginError, Record, Transform, transform
from connect.testing import record, records, transformed


@transform
def shout(record: Record, mark: str) -> Record | None:
    """Make text loud."""
    return record.replace(value=record.value.upper() + mark) if record.value else None


def test_values_and_records_are_transformed_in_their_order() -> None:
    found = transformed(shout, {"mark": "?"}, "a", "", record("b", topic="other", key=1))
    assert [(one.topic, one.key, one.value) for one in found] == [("topic", None, "A?"), ("other", 1, "B?")]


def test_a_config_that_is_wrong_is_refused() -> None:
    with pytest.raises(ConfigError, match="mark"):
        transformed(shout, None, "a")


def test_what_the_contract_forbids_is_refused() -> None:
    class Odd(Transform):
        def apply_batch(self, batch: Batch) -> Any:
            return batch.replace(keys=[1])

    with pytest.raises(PluginError, match="1 keys for 2 values"):
        transformed(Odd, {}, *records(["a", "b"]))
