from __future__ import annotations

import resource
import socket
import time

from connect.cli.doctor.machine import HANDLES_MIN, clock, handles, memory, ports
from connect.runtime.validation.findings import Level


def test_a_clock_that_is_behind_its_own_files_or_in_the_past_is_told() -> None:
    now_s = time.time()
    assert clock(now_s - 5).level is Level.OK
    assert clock(None).level is Level.OK
    behind = clock(now_s + 7200, now_s)
    assert (behind.level, behind.code) == (Level.WARNING, "doctor.clock")
    assert "7,200 s later" in behind.message
    past = clock(None, 0)
    assert (past.level, past.message) == (Level.ERROR, "it shows 1970-01-01 00:00:00 UTC, which is past")


def test_few_handles_are_told_with_the_way_to_more() -> None:
    few = handles(HANDLES_MIN - 1)
    assert (few.level, few.code) == (Level.WARNING, "doctor.handles")
    assert "LimitNOFILE" in few.fix
    assert handles(HANDLES_MIN).level is Level.OK
    assert handles(resource.RLIM_INFINITY).message == "no limit"


def test_little_memory_is_told() -> None:
    assert memory(64 << 20).level is Level.WARNING
    assert "64 MiB are there" in memory(64 << 20).message
    assert memory().level in (Level.OK, Level.WARNING)


def test_a_port_is_free_taken_or_the_workers_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        (found,) = ports([address], [])
        assert (found.level, found.message) == (Level.ERROR, f"{address}: something else listens there")
        (found,) = ports([address], [address])
        assert found.level is Level.OK
        assert "the worker of data.dir" in found.message
    (found,) = ports([address], [])
    assert (found.level, found.message) == (Level.OK, f"{address} is free")


def test_an_address_of_another_machine_is_an_error() -> None:
    (found,) = ports(["http://192.0.2.1:0"], [])
    assert (found.level, found.message) == (Level.ERROR, "http://192.0.2.1:0: it is no address of this machine")
    (found,) = ports(["http://no-such-host.invalid:8083"], [])
    assert found.level is Level.ERROR
    assert "no-such-host.invalid is no name here" in found.message
