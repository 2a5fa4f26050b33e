"""Clients written for Kafka Connect, from PyPI, each in a folder of its own under .cache/clients.

    installed("kafka-connect-py==1.0.0")     the folder, filled once

Raises `ClientUnavailable`, which tests print as they skip, where the package index cannot be reached.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "clients"
INSTALL_TIMEOUT_S = 150
RUN_TIMEOUT_S = 60
_NO_INDEX = re.compile(r"connection|retrying|timed out|resolve|unreachable|proxy|no index", re.IGNORECASE)


#: Imports a client's command once, and forks for each command line: each runs as in a process of its own, without the
#: second that starting Python and importing the client takes.
_COMMANDS = """
import json, os, signal, sys, tempfile, traceback
statement, timeout_s = sys.argv[1:]
signal.alarm(int(timeout_s))
exec(statement)
signal.alarm(0)
for line in sys.stdin:
    with tempfile.TemporaryFile() as out:
        if not (child := os.fork()):
            signal.alarm(int(timeout_s))
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
            sys.argv = ["command", *json.loads(line)]
            code = 1
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        out.seek(0)
        print(json.dumps([status, out.read().decode()]), flush=True)
"""


class ClientUnavailable(Exception):
    """The client cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Client:
    """An installed client."""

    folder: Path

    def run(self, *arguments: str, **environment: str) -> str:
        """Run Python with the client on its path; return what it printed, and fail if it does."""
        done = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
            env=self._environment(environment),
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def command(self, statement: str, **environment: str) -> Iterator[Callable[..., str]]:
        """Give a function that runs one command line, returns what it printed, and fails if it does.

        The statement binds `main`, which reads `sys.argv`, such as `from client.cli import main`.
        """
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMANDS, statement, str(RUN_TIMEOUT_S)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment(environment),
        )
        assert process.stdin is not None and process.stdout is not None
        commands, results = process.stdin, process.stdout

        def run(*arguments: str) -> str:
            commands.write(json.dumps(arguments) + "\n")
            commands.flush()
            answer = results.readline()
            assert answer, f"{statement}: ended with {process.wait(RUN_TIMEOUT_S)}"
            status, printed = json.loads(answer)
            assert status == 0, f"{arguments}\n{printed}"
            return str(printed)

        with process:
            try:
                yield run
            finally:
                commands.close()

    def _environment(self, environment: dict[str, str]) -> dict[str, str]:
        # No proxies: the worker is on this machine.
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return {**kept, **environment, "PYTHONPATH": str(self.folder)}


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
