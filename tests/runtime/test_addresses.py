from __future__ import annotations

import pytest

from connect.runtime.addresses import is_loopback, parse_address


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.8.7", "::1", "[::1]", "::ffff:127.0.0.1", "localhost", "A.LocalHost."]
)
def test_what_is_this_machine_for_whoever_asks(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "10.0.0.1", "::", "fe80::1%eth0", "localhost.example.org", "notlocalhost", ""]
)
def test_what_others_may_reach(host: str) -> None:
    assert not is_loopback(host)


def test_a_zone_is_left_out_and_a_name_is_no_address() -> None:
    assert str(parse_address("[fe80::1%eth0]")) == "fe80::1"
    assert str(parse_address("::ffff:10.1.2.3")) == "10.1.2.3"
    assert parse_address("db.example.org") is None
