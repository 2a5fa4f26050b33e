from __future__ import annotations

from connect.rest import attempts
from connect.rest.attempts import Attempts, source_of


class MovingClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_waits_double_up_to_a_minute_and_are_forgotten_in_quiet() -> None:
    clock = MovingClock()
    found = Attempts(clock)
    waits = []
    for _ in range(14):
        waits.append(found.failed("a"))
        clock.now += waits[-1]
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    clock.now += attempts.FORGET_S + 1
    assert found.failed("a") == 0


def test_the_table_is_bounded() -> None:
    found = Attempts(MovingClock())
    for number in range(attempts._KEPT_COUNT + 50):
        found.failed(number)
    assert len(found._failures) == attempts._KEPT_COUNT


def test_an_ipv6_network_is_one_source() -> None:
    assert source_of("2001:db8::1") == source_of("2001:db8::ffff:2") != source_of("2001:db8:0:1::1")
    assert source_of("::ffff:10.0.0.1") == "10.0.0.1" == source_of("10.0.0.1")
    assert source_of("fe80::1%eth0") == source_of("fe80::2")
    assert source_of("") == ""
