"""Threads made on demand, in order, and ended or named when their pool is closed."""

from __future__ import annotations

import threading
import time

import pytest

from connect.api import LogError
from connect.pool import Pool


def test_threads_are_made_only_when_none_is_idle():
    pool = Pool(8, "test")
    for _ in range(20):
        assert pool.submit(threading.get_ident).result(5)
        deadline = time.monotonic() + 5
        while not pool._idle and time.monotonic() < deadline:
            time.sleep(0.001)
    assert len(pool._threads) == 1
    pool.close()
    assert pool.join() == []


def test_work_that_hangs_leaves_the_other_threads_to_the_rest_and_is_named_at_the_end():
    pool, going, go = Pool(2, "test"), threading.Event(), threading.Event()
    pool.start(lambda: going.set() or (go.wait(30) and None))
    assert going.wait(30)  # or another thread, made for what follows, takes it
    assert [pool.submit(lambda n=n: n).result(5) for n in range(50)] == list(range(50))
    pool.close()
    assert pool.join(time.monotonic() + 0.1) == ["test-0"]
    go.set()
    assert pool.join() == []
    with pytest.raises(LogError, match="closed"):
        pool.start(lambda: None)


def test_work_waits_in_order_where_all_threads_are_busy():
    pool, go, done = Pool(1, "test"), threading.Event(), []
    pool.start(lambda: go.wait(10) and None)
    for number in range(10):
        pool.start(lambda number=number: done.append(number))
    go.set()
    pool.close()
    assert pool.join() == []
    assert done == list(range(10))


def test_a_thread_that_the_system_refuses_costs_no_work(monkeypatch):
    pool, go = Pool(4, "test"), threading.Event()
    pool.start(lambda: go.wait(10) and None)

    def refused(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        second = pool.submit(lambda: 5)
        none = Pool(1, "none")
        with pytest.raises(RuntimeError):
            none.start(go.set)
    go.set()
    assert second.result(5) == 5
    for each in (pool, none):
        each.close()
        assert each.join() == []
