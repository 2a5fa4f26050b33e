from __future__ import annotations

import pytest

from connect.api import ConfigError, EnvironmentFault
from connect.kafka.errors import AUTHENTICATION, AUTHORIZATION
from connect.runtime.tasks.delivery import REFUSALS, delivery_timeout_s, may_pass


def test_a_record_waits_for_the_log_as_long_as_it_takes_unless_a_config_says_how_long() -> None:
    assert delivery_timeout_s({}) == (2**31 - 1) / 1000
    assert delivery_timeout_s({"delivery.timeout.ms": " 1500 "}) == 1.5


@pytest.mark.parametrize("text", ["-1", "soon", "", "1.5", "²", "٣", "9" * 5000])
def test_a_time_that_is_no_number_of_ms_is_refused_with_its_key(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a whole number of ms") as raised:
        delivery_timeout_s({"delivery.timeout.ms": text})
    assert raised.value.config_path == "delivery.timeout.ms"


@pytest.mark.parametrize("code", [AUTHENTICATION, AUTHORIZATION])
def test_what_a_cluster_does_not_allow_does_not_pass_by_itself(code: str) -> None:
    assert not may_pass(EnvironmentFault("you may not", code=code))
    assert {AUTHENTICATION, AUTHORIZATION} == REFUSALS


def test_a_full_disk_may_pass_and_a_failed_fsync_does_not() -> None:
    assert may_pass(EnvironmentFault("no space", code="environment.disk"))
    assert not may_pass(EnvironmentFault("nobody can tell", code="log.sync_failed"))
