from __future__ import annotations

import resource
import socket
import time

from connect.cli.doctor.machine import HANDLES_MIN, clock, handles, memory, ports
from connect.runtime.validation.findings import Finding, Level


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


def found_of(*listeners: str, registry: tuple[str, ...] = (), own: tuple[str, ...] = ()) -> list[Finding]:
    return list(ports({"listeners": listeners, "registry.listeners": registry}, own))


def test_a_port_is_free_taken_or_the_workers_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        (found,) = found_of(address)
        assert (found.level, found.message) == (Level.ERROR, f"{address}: something else listens there")
        (found,) = found_of(address, own=(address,))
        assert found.level is Level.OK
        assert "the worker of data.dir" in found.message
    (found,) = found_of(address)
    assert (found.level, found.message) == (Level.OK, f"{address} is free")


def test_the_ports_of_the_schema_registry_are_looked_at_too_and_with_those_of_rest() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        _, found = found_of("http://127.0.0.1:0", registry=(address,))
        assert (found.level, found.fix) == (Level.ERROR, "Stop it, or give registry.listeners another port.")
    _, found = found_of(address, registry=(address,))
    assert (found.level, found.code) == (Level.ERROR, "doctor.port")
    assert "name it twice" in found.message
    assert [one.level for one in found_of("http://127.0.0.1:0", registry=("http://127.0.0.1:0",))] == [Level.OK] * 2


def test_an_address_of_another_machine_is_an_error() -> None:
    (found,) = found_of("http://192.0.2.1:0")
    assert (found.level, found.message) == (Level.ERROR, "http://192.0.2.1:0: it is no address of this machine")
    (found,) = found_of("http://no-such-host.invalid:8083")
    assert found.level is Level.ERROR
    assert "no-such-host.invalid is no name here" in found.message
