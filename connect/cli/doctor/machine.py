"""Checks of the machine: clock, handles, memory, ports."""

from __future__ import annotations

import errno
import os
import resource
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from connect.runtime.validation.findings import Finding, Level

#: No clock of today shows less: this was written then.
_NOT_BEFORE_S: Final = 1_760_000_000
#: So much later than now the files of a directory may be: file systems of other machines have clocks of their own.
_AHEAD_S: Final = 60.0
HANDLES_MIN: Final = 4096
MEMORY_MIN_BYTES: Final = 256 << 20


def clock(newest_s: float | None, now_s: float | None = None) -> Finding:
    """Look whether the clock is right, as far as the files of the worker's directory tell.

    Args:
        newest_s: When the newest of them was written, in seconds since the epoch; None without files.
    """
    now_s = time.time() if now_s is None else now_s
    told = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s))
    fix = "Set the clock, and have a time service keep it: retention and timestamps go by it."
    if now_s < _NOT_BEFORE_S:
        return Finding("clock", Level.ERROR, f"it shows {told}, which is past", "doctor.clock", fix)
    if newest_s is not None and newest_s - now_s > _AHEAD_S:
        ahead = newest_s - now_s
        message = f"it shows {told}, and a file of data.dir was written {ahead:,.0f} s later"
        return Finding("clock", Level.WARNING, message, "doctor.clock", fix)
    return Finding("clock", Level.OK, told)


def handles(soft: int | None = None) -> Finding:
    """Look how many files and connections a process may have open."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if soft is None else soft
    if soft != resource.RLIM_INFINITY and soft < HANDLES_MIN:
        return Finding(
            "handles",
            Level.WARNING,
            f"a process may have {soft:,} files open; {HANDLES_MIN:,} or more are expected",
            "doctor.handles",
            "Set 'ulimit -n 65536' before the worker, or LimitNOFILE=65536 in its service.",
        )
    told = "no limit" if soft == resource.RLIM_INFINITY else f"{soft:,} files"
    return Finding("handles", Level.OK, told)


def memory(limit: int | None = None) -> Finding:
    """Look how much memory the worker may have: what the container allows, or what the machine has left."""
    found = _memory_bytes() if limit is None else limit
    if found is None:
        return Finding("memory", Level.SKIPPED, f"it is not known how to ask {sys.platform}")
    told = f"{found / (1 << 20):,.0f} MiB"
    if found < MEMORY_MIN_BYTES:
        return Finding(
            "memory",
            Level.WARNING,
            f"{told} are there; {MEMORY_MIN_BYTES >> 20} MiB or more are expected",
            "doctor.memory",
            "Give the container, or the machine, more; or bound buffers with producer.batch.size and tasks.max.",
        )
    return Finding("memory", Level.OK, told)


def _memory_bytes() -> int | None:
    found = []
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text().strip()
        except OSError:  # not of this kind of machine
            continue
        if text.isdigit():
            found.append(int(text))
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) << 10)
    except OSError:  # no Linux
        return None
    return min(found, default=None)


#: The port of an address that names none, by the key of the addresses.
_PORTS: Final = {"listeners": 8083, "registry.listeners": 8081}


def ports(addresses: Mapping[str, Sequence[str]], own_urls: Sequence[str]) -> Iterator[Finding]:
    """Look whether the worker can listen.

    Args:
        addresses: Those of `listeners` and of `registry.listeners`, by the key.
        own_urls: Where the worker of this directory answers, and its schema registry, if one runs.
    """
    own = {urlsplit(url).port for url in own_urls}
    seen: set[tuple[str, int]] = set()
    for key, texts in addresses.items():
        for address in texts:
            try:
                parts = urlsplit(address)
                port = _PORTS[key] if parts.port is None else parts.port
            except ValueError:  # what is no address is told of with the worker's config
                continue
            host = parts.hostname or "0.0.0.0"  # noqa: S104 - as the worker takes it
            if port and (host, port) in seen:
                message = f"{address}: listeners and registry.listeners name it twice"
                yield Finding("port", Level.ERROR, message, "doctor.port", f"Give {key} another port.")
            elif port in own:
                yield Finding("port", Level.OK, f"{address}: the worker of data.dir answers there")
            else:
                yield _port(key, address, host, port)
            seen.add((host, port))


def _port(key: str, address: str, host: str, port: int) -> Finding:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        fix = f"Give {key} an address of this machine."
        return Finding("port", Level.ERROR, f"{address}: {host} is no name here: {error}", "doctor.port", fix)
    family, kind, protocol, _, place = found[0]
    with socket.socket(family, kind, protocol) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(place)
        except OSError as error:
            why = {
                errno.EADDRINUSE: ("something else listens there", f"Stop it, or give {key} another port."),
                errno.EACCES: ("this user may not listen there", f"Take a port above 1023, such as {_PORTS[key]}."),
                errno.EADDRNOTAVAIL: ("it is no address of this machine", f"Give {key} an address of this machine."),
            }.get(error.errno or 0, (os.strerror(error.errno or 0), f"Give {key} another address."))
            return Finding("port", Level.ERROR, f"{address}: {why[0]}", "doctor.port", why[1])
    return Finding("port", Level.OK, f"{address} is free")
