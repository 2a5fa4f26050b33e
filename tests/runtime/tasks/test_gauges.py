from __future__ import annotations

import logging
import math

import pytest

from connect.runtime.tasks.gauges import GAUGES_MAX, Gauges

LOG = logging.getLogger("connect.connector.c")


def test_gauges_are_read_in_the_order_of_their_names() -> None:
    given = {"slot.lag.bytes": 4096.0, "queue": 3}
    assert list(Gauges(LOG).read(given).items()) == [("queue", 3), ("slot.lag.bytes", 4096.0)]


@pytest.mark.parametrize("name", ["", "Slot", "slot lag", "slot..lag", ".lag", "lag.", "lag\n", "l" * 101, "läg", 7])
def test_a_gauge_of_another_kind_of_name_is_left_out_with_one_warning(
    name: object, caplog: pytest.LogCaptureFixture
) -> None:
    gauges = Gauges(LOG)
    for _ in range(3):
        assert gauges.read({name: 1.0, "kept": 2.0}) == {"kept": 2.0}
    assert len(caplog.messages) == 1
    assert "lower-case words" in caplog.text


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, "s3cret", None, True, [1.0]])
def test_a_gauge_that_is_no_finite_number_is_left_out_with_one_warning_and_its_value_is_not_shown(
    value: object, caplog: pytest.LogCaptureFixture
) -> None:
    gauges = Gauges(LOG)
    for _ in range(3):
        assert gauges.read({"bad": value, "kept": 2.0}) == {"kept": 2.0}
    assert len(caplog.messages) == 1
    assert "'bad'" in caplog.text
    assert "s3cret" not in caplog.text


def test_no_more_gauges_are_read_than_a_task_may_have(caplog: pytest.LogCaptureFixture) -> None:
    assert len(Gauges(LOG).read({f"g{i}": float(i) for i in range(GAUGES_MAX + 5)})) == GAUGES_MAX
    assert f"{GAUGES_MAX} at most" in caplog.text


def test_gauges_that_were_replaced_by_something_else_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert Gauges(LOG).read(None) == {}
    assert "expected a dict" in caplog.text
