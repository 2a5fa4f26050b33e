from __future__ import annotations

import logging
import threading

import pytest

from tests.support.logs import WATCHDOG, begin_test, logged


def test_a_watchdog_of_a_test_before_is_not_heard_and_one_of_this_test_is(caplog: pytest.LogCaptureFixture) -> None:
    says, said = threading.Event(), []

    def watch(name: str) -> threading.Thread:
        def tell() -> None:
            says.wait(30)
            logging.getLogger(WATCHDOG).warning("%s", name)
            said.append(name)

        thread = threading.Thread(target=tell, name="connect-watchdog")
        thread.start()
        return thread

    before = watch("before")
    begin_test()
    own = watch("own")
    says.set()
    for thread in (before, own):
        thread.join(30)
    assert sorted(said) == ["before", "own"] and logged(caplog) == ["own"]
