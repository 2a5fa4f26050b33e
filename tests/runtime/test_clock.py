from __future__ import annotations

import time

from connect.runtime.clock import now_ms


def test_the_present_time_is_in_ms_since_the_epoch() -> None:
    before = int(time.time() * 1000)
    assert before <= now_ms() <= int(time.time() * 1000) + 1
