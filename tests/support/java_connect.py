"""A real Kafka Connect: a distributed worker of Kafka's own, in a JVM, on the broker of the tests."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from tests.support.engines import SOON_S
from tests.support.kafka import JVM_OPTIONS, class_archive, find_kafka
from tests.support.plain import NO_TLS

STOP_TIMEOUT_S = 60
_WORKER = "org.apache.kafka.connect.cli.ConnectDistributed"


class JavaWorker:
    """A worker of Kafka Connect, `ConnectDistributed`, alone in its group.

    A context manager: entering starts the process, leaving stops it by its own process id, cleanly if it can.

    Args:
        folder: Its properties and its log go there; of several one after another, each appends to the log.
        config: A worker's config, as ours takes it: storage topics, converters, `group.id`.
    """

    def __init__(self, folder: Path, config: Mapping[str, str]) -> None:
        self._log_path = folder / "java-connect.log"
        self._properties = folder / "java-connect.properties"
        self._archive = folder / "java-connect.jsa"
        self._config = {
            **config,
            "plugin.discovery": "service_load",
            # A group of one is whole at once, and the place of one that has left is free.
            "scheduled.rebalance.max.delay.ms": "0",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._begins_at = 0
        self.url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process; who needs its REST waits for it by `until`."""
        kafka, archive = find_kafka(), connect_archive()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self._properties.write_text(
            "".join(f"{key}={value}\n" for key, value in {**self._config, "listeners": self.url}.items())
        )
        classes = f"SharedArchiveFile={archive}" if archive.exists() else f"ArchiveClassesAtExit={self._archive}"
        logger = "-Dorg.slf4j.simpleLogger."
        command = [kafka.java, *JVM_OPTIONS, f"-XX:{classes}", f"{logger}defaultLogLevel=info"]
        command += [f"{logger}showDateTime=true", f"{logger}dateTimeFormat=HH:mm:ss.SSS"]
        command += [f"{logger}log.org.apache.kafka.connect.runtime.rest.RestServer=warn"]  # a line for each request
        command += ["-cp", kafka.classpath, _WORKER, str(self._properties)]
        self._begins_at = self._log_path.stat().st_size if self._log_path.exists() else 0
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self) -> int:
        """End the process, cleanly if it can; return its exit code. What has ended is left alone."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if code in (0, 128 + signal.SIGTERM) and self._archive.exists() and not connect_archive().exists():
            partial = connect_archive().with_suffix(f".{os.getpid()}")
            shutil.copyfile(self._archive, partial)
            partial.replace(connect_archive())
        return code

    def kill(self) -> None:
        """End the process as a crash does."""
        process, self._process = self._process, None
        assert process is not None, "the worker is not running"
        process.kill()
        process.wait()

    @property
    def log(self) -> str:
        """What this worker logged since it was last started."""
        with self._log_path.open("rb") as log:
            log.seek(self._begins_at)
            return log.read().decode(errors="replace")

    def errors(self) -> list[str]:
        """Return the lines of the log that say ERROR."""
        return [line for line in self.log.splitlines() if " ERROR " in line]

    def until(self, is_so: Callable[[], Any]) -> None:
        """Wait for a condition, with a deadline; the end of the log says why it did not come."""
        deadline = time.monotonic() + SOON_S
        while not is_so():
            assert self._process is not None, "the worker is not running"
            assert self._process.poll() is None, f"Kafka Connect ended:\n{self.log[-6000:]}"
            assert time.monotonic() < deadline, f"not within {SOON_S} s:\n{self.log[-6000:]}"
            time.sleep(0.05)

    @property
    def rest(self) -> Rest:
        """Its REST."""
        return Rest(self.url)

    def is_up(self) -> bool:
        """Whether it answers, with its stores read."""
        try:
            return client().get(f"{self.url}/connectors").status_code == 200
        except httpx.TransportError:
            return False


class Rest:
    """Connect's REST at a URL, of either kind of worker."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Make a request and return its answer. While the group is at work on itself (409), it is made again."""
        deadline = time.monotonic() + SOON_S
        while True:
            answer = client().request(method, self.url + path, json=body)
            if answer.status_code != 409 or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def states(self, name: str) -> str:
        """Return the states of a connector and its tasks in one text; empty while it is not known."""
        answer = client().get(f"{self.url}{path_of(name)}/status")
        if answer.status_code != 200:
            return ""
        status = answer.json()
        return " ".join([status["connector"]["state"], *(task["state"] for task in status["tasks"])])

    def offsets(self, name: str) -> list[Any]:
        """Return a connector's offsets, each as partition and offset."""
        found = self.ask("GET", f"{path_of(name)}/offsets")["offsets"]
        return sorted(([entry["partition"], entry["offset"]] for entry in found), key=str)


@cache
def client() -> httpx.Client:
    """Return one client for all requests: to make one takes longer than most of these."""
    made = httpx.Client(timeout=SOON_S, verify=NO_TLS)
    atexit.register(made.close)
    return made


def path_of(name: str) -> str:
    """Return the path of a connector in REST."""
    return f"/connectors/{quote(name, safe='')}"


def connect_archive() -> Path:
    """Return where the classes of Kafka Connect are, as `class_archive` has those of a broker."""
    return class_archive().with_name(class_archive().name.replace("classes-", "connect-classes-"))
