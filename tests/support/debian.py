"""Programs for tests that are the system's own, or come from Debian's packages, unpacked and not installed.

It needs no rights: packages are downloaded as apt is set up to, once into `.cache`.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CACHE: Final = Path(__file__).parents[2] / ".cache"
_TIMEOUT_S: Final = 300
_PLACES: Final = "/usr/sbin:/usr/bin:/usr/local/bin"


class PackageUnavailable(Exception):
    """It is not there and cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and what its environment needs."""

    path: Path
    environment: dict[str, str]


def find_program(name: str, packages: Sequence[str], libraries: str) -> Program | str:
    """Return a program; or why there is none.

    Args:
        packages: Those that bring it; the program is in one of them.
        libraries: A pattern of the packages, among those that these depend on, that a system may lack.
    """
    known = shutil.which(name, path=_PLACES)
    if known is not None:
        return Program(Path(known), dict(os.environ))
    cache = CACHE / name
    try:
        if not cache.is_dir():
            _unpack(name, packages, libraries, cache)
    except PackageUnavailable as error:
        return str(error)
    folders = sorted({str(path.parent) for path in cache.glob("usr/lib/*/lib*.so*")})
    found = next(path for path in (cache / "usr/sbin" / name, cache / "usr/bin" / name) if path.is_file())
    return Program(found, {**os.environ, "LD_LIBRARY_PATH": ":".join(folders)})


def find_package(name: str, packages: Sequence[str], program: str) -> Program | str:
    """Return a program whose needs are many: all packages that its own depend on, however far, and that are not
    installed are unpacked with them; or why there is none.

    Args:
        packages: What lies in one folder, and is therefore unpacked even where it is installed.
        program: Its path within the packages.
    """
    cache = CACHE / name
    try:
        if not cache.is_dir():
            _unpack(name, packages, None, cache, program)
    except PackageUnavailable as error:
        return str(error)
    folders = sorted({str(path.parent) for path in cache.glob("usr/lib/**/lib*.so*")})
    return Program(cache / program, {**os.environ, "LD_LIBRARY_PATH": ":".join(folders)})


def _needs(name: str, folder: Path, packages: Sequence[str]) -> list[str]:
    """Return what packages need, however far, and is not installed."""
    what = ["--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces"]
    told = _run(name, folder, "apt-cache", "depends", *what, "--no-enhances", *packages)
    needed = set(re.findall(r"^([a-z0-9][a-z0-9.+-]+)", told, re.M)) - set(packages)
    status = _run(name, folder, "dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n")
    installed = {line.split()[0] for line in status.splitlines() if line.endswith(" installed")}
    return sorted(needed - installed)


def _unpack(name: str, packages: Sequence[str], libraries: str | None, cache: Path, program: str | None = None) -> None:
    for command in ("apt-get", "apt-cache", "dpkg-deb", "dpkg-query"):
        if shutil.which(command) is None:
            raise PackageUnavailable(f"{name} is not installed, and there is no {command} to fetch it with")
    cache.parent.mkdir(parents=True, exist_ok=True)
    with _alone(name), _fetching(cache) as folder:
        if folder is not None:
            _unpack_in(folder, name, packages, libraries, cache, program)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """One process of tests fetches a program; the others wait for it."""
    with (CACHE / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _fetching(cache: Path) -> Iterator[Path | None]:
    """Give a folder to fetch into; None where another process has fetched it meanwhile."""
    if cache.is_dir():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=cache.parent) as folder:
        yield Path(folder)


def _unpack_in(
    folder: Path, name: str, packages: Sequence[str], libraries: str | None, cache: Path, program: str | None
) -> None:
    """Unpack packages; what they make appears whole or not at all."""
    if libraries is None:
        wanted = _needs(name, folder, packages)
    else:
        wanted = re.findall(rf"Depends: ({libraries})", _run(name, folder, "apt-cache", "depends", *packages))
    _run(name, folder, "apt-get", "download", *packages, *dict.fromkeys(wanted))
    for package in folder.glob("*.deb"):
        _run(name, folder, "dpkg-deb", "-x", package.name, "root")
    places = [f"usr/sbin/{name}", f"usr/bin/{name}"] if program is None else [program]
    if not any((folder / "root" / place).is_file() for place in places):
        raise PackageUnavailable(f"{name} is not installed, and its package has no program")
    (folder / "root").rename(cache)


def _run(name: str, folder: Path, *command: str) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, env=_plain()
        )
    except subprocess.TimeoutExpired:
        raise PackageUnavailable(f"{name} is not installed, and {command[0]} did not end in {_TIMEOUT_S} s") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise PackageUnavailable(f"{name} is not installed, and {' '.join(command[:3])} fails: {said}")
    return done.stdout


def _plain() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}  # the words are looked at
