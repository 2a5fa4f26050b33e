from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect.runtime.processes.settings import IsolationConfig, Limits, ProcessSettings, memory_bytes, placing_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("-1", None),
        ("512m", 512 << 20),
        ("1G", 1 << 30),
        ("100000 KiB", 100_000 << 10),
        ("67108864", 64 << 20),
    ],
)
def test_a_limit_of_memory_is_bytes_with_a_unit_or_none(text: str, expected: int | None) -> None:
    assert memory_bytes(text) == expected


@pytest.mark.parametrize(
    ("text", "told"), [("lots", "with k, m or g behind it"), ("-5m", "with k, m or g"), ("10m", "needs at least 64m")]
)
def test_a_limit_that_is_none_or_too_little_is_refused_with_what_is_expected(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        IsolationConfig.parse({"plugin.memory.limit": text})


def test_what_a_connector_says_goes_before_what_the_worker_says() -> None:
    worker = ProcessSettings(memory_bytes=1 << 30)
    assert placing_of({}, worker) == ("", Limits(1 << 30, 300.0))
    own = {"plugin.isolation": "process", "plugin.memory.limit": "64m", "plugin.process.timeout.ms": "1500"}
    assert placing_of(own, worker) == ("process", Limits(64 << 20, 1.5))
    assert placing_of({"plugin.memory.limit": "-1"}, worker)[1].memory_bytes is None


def test_a_wrong_value_counts_as_none_where_it_is_not_checked() -> None:
    assert placing_of({"plugin.isolation": "moon"}, ProcessSettings()) == ("", Limits())
