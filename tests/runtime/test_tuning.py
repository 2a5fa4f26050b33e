from __future__ import annotations

import gc

from connect.runtime.tuning import give_back_memory, tune_process


def test_cycles_are_looked_for_less_often_in_a_worker() -> None:
    before = gc.get_threshold()
    try:
        tune_process()
        assert gc.get_threshold()[0] == 50_000
    finally:
        gc.set_threshold(*before)


def test_memory_can_be_given_back_at_any_time() -> None:
    give_back_memory()
    give_back_memory()
