"""Clients written for Kafka Connect, from PyPI, each in a folder of its own under .cache/clients.

    installed("kafka-connect-py==1.0.0")     the folder, filled once

Raises `ClientUnavailable`, which tests print as they skip, where the package index cannot be reached.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "clients"
INSTALL_TIMEOUT_S = 150
RUN_TIMEOUT_S = 60
_NO_INDEX = re.compile(r"connection|retrying|timed out|resolve|unreachable|proxy|no index", re.IGNORECASE)


class ClientUnavailable(Exception):
    """The client cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Client:
    """An installed client."""

    folder: Path

    def run(self, *arguments: str, **environment: str) -> str:
        """Run Python with the client on its path; return what it printed, and fail if it does."""
        # No proxies: the worker is on this machine.
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        done = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
            env={**kept, **environment, "PYTHONPATH": str(self.folder)},
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@cache
def installed(requirement: str) -> Client:
    """Install a client once, and return it."""
    folder = CACHE / requirement
    if not folder.exists():
        partial = CACHE / f".{requirement}.{os.getpid()}"
        _install(requirement, partial)
        try:
            partial.rename(folder)
        except OSError:  # another run was quicker
            shutil.rmtree(partial)
    return Client(folder)


def _install(requirement: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1",
               "--timeout", "15", "--target", str(folder), requirement]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise ClientUnavailable(f"{requirement} was not installed within {INSTALL_TIMEOUT_S} s") from None
    if done.returncode == 0:
        return
    shutil.rmtree(folder, ignore_errors=True)
    reason = done.stderr.strip().splitlines()
    if _NO_INDEX.search(done.stderr):
        raise ClientUnavailable(f"{requirement} cannot be installed, the package index is out of reach: {reason[-1]}")
    raise AssertionError(done.stderr)
