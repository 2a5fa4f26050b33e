"""PgBouncer for the tests that go through a pooler: the system's own, or Debian's package, unpacked and not installed.

`find_pgbouncer` needs no rights: the package and the two libraries that a system may lack are downloaded as apt is set
up to, once into `.cache/pgbouncer`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_CACHE: Final = Path(__file__).parents[2] / ".cache" / "pgbouncer"
_TIMEOUT_S: Final = 60
#: Of what the package depends on, what no other package brings.
_LIBRARIES: Final = re.compile(r"Depends: (libevent-\S+|libc-?ares\S*)")


class PgBouncerUnavailable(Exception):
    """It is not there and cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class PgBouncer:
    """The program, and what its environment needs."""

    program: Path
    environment: dict[str, str]


@cache
def find_pgbouncer() -> PgBouncer | str:
    """Return the program; or why there is none, which does not change while the tests run."""
    known = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if known is not None:
        return PgBouncer(Path(known), dict(os.environ))
    try:
        if not _CACHE.is_dir():
            _unpack()
    except PgBouncerUnavailable as error:
        return str(error)
    libraries = sorted({str(path.parent) for path in _CACHE.glob("usr/lib/*/lib*.so.*")})
    return PgBouncer(_CACHE / "usr/sbin/pgbouncer", {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)})


def _unpack() -> None:
    for command in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(command) is None:
            raise PgBouncerUnavailable(f"pgbouncer is not installed, and there is no {command} to fetch it with")
    _CACHE.parent.mkdir(parents=True, exist_ok=True)
    # It appears whole or not at all, whoever else is fetching it.
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=_CACHE.parent) as fetching:
        folder = Path(fetching)
        libraries = _LIBRARIES.findall(_run(folder, "apt-cache", "depends", "pgbouncer"))
        _run(folder, "apt-get", "download", "pgbouncer", *libraries)
        for package in folder.glob("*.deb"):
            _run(folder, "dpkg-deb", "-x", package.name, "root")
        if not (folder / "root/usr/sbin/pgbouncer").is_file():
            raise PgBouncerUnavailable("pgbouncer is not installed, and its package has no program")
        try:
            (folder / "root").rename(_CACHE)
        except OSError:  # someone else was quicker
            if not _CACHE.is_dir():
                raise


def _run(folder: Path, *command: str) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, env=_plain()
        )
    except subprocess.TimeoutExpired:
        raise PgBouncerUnavailable(
            f"pgbouncer is not installed, and {command[0]} did not end in {_TIMEOUT_S} s"
        ) from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise PgBouncerUnavailable(f"pgbouncer is not installed, and {' '.join(command[:3])} fails: {said}")
    return done.stdout


def _plain() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}  # the words are looked at
