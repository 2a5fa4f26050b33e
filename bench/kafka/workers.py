"""The two workers that are measured, each a process that is spoken to by REST, which both have in common."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final, Self

from bench.embedded_postgres import free_port
from tests.support.kafka import KafkaUnavailable, find_kafka, jars_of

STRING: Final = "org.apache.kafka.connect.storage.StringConverter"
POM: Final = Path(__file__).with_name("pom.xml")
START_TIMEOUT_S: Final = 90
STOP_TIMEOUT_S: Final = 60
REST_TIMEOUT_S: Final = 30
#: As Kafka's own start script sets them, and a heap that does not grow while it is measured.
JAVA_OPTIONS: Final = (
    *("-Xms1g", "-Xmx1g", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
    *("-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true"),
)
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Refused(RuntimeError):
    """A worker answered that it does not do something."""

    def __init__(self, method: str, path: str, status: int, body: str) -> None:
        super().__init__(f"{method} {path} answers {status}: {body}")
        self.status = status


class Worker:
    """One worker's process; entering waits until it answers, leaving ends it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._log = directory / "worker.log"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """Return what starts it."""
        raise NotImplementedError

    def url(self) -> str | None:
        """Return where it answers, once that is known."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not self._answers():
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"a worker did not come up:\n{self.log[-4000:]}")
                time.sleep(0.1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def log(self) -> str:
        """Return what it has logged."""
        return self._log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """Return its process id."""
        assert self._process is not None, "the worker is not running"
        return self._process.pid

    def create(self, config: dict[str, str]) -> None:
        """Create a connector."""
        self._ask("POST", "/connectors", {"name": config["name"], "config": config})

    def delete(self, name: str) -> None:
        """Delete a connector."""
        self._ask("DELETE", f"/connectors/{name}")

    def check(self, name: str) -> None:
        """Raise `RuntimeError` where a connector or a task of it has failed."""
        try:
            status = self._ask("GET", f"/connectors/{name}/status")
        except Refused as error:
            if error.status == 404:  # it was made just now
                return
            raise
        traces = [part["trace"] for part in (status["connector"], *status["tasks"]) if part["state"] == "FAILED"]
        if traces:
            raise RuntimeError(f"{name} failed: {traces[0]}")

    def _answers(self) -> bool:
        try:
            return self.url() is not None and self._ask("GET", "/connectors") == []
        except (OSError, ValueError, Refused):  # Java's listens before it has its routes
            return False

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url()}{path}", data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=REST_TIMEOUT_S) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(method, path, error.code, error.read().decode(errors="replace")) from error
        return json.loads(text) if text else None


class Ours(Worker):
    """`connect worker` on the broker, with its defaults."""

    def __init__(self, directory: Path, bootstrap: str) -> None:
        super().__init__(directory)
        self._data = directory / "data"
        self._config = directory / "worker.json"
        config = {
            "bootstrap.servers": bootstrap,
            "group.id": "bench",
            **{f"{kind}.storage.topic": f"bench-{kind}" for kind in ("config", "offset", "status")},
            **{f"{kind}.storage.replication.factor": "1" for kind in ("config", "offset", "status")},
            "key.converter": STRING,
            "value.converter": STRING,
        }
        self._config.write_text(json.dumps(config))

    def command(self) -> list[str]:
        connect = str(Path(sys.executable).with_name("connect"))
        listens = ["--data-dir", str(self._data), "--listeners", "http://127.0.0.1:0"]
        return [connect, "worker", *listens, "--config", str(self._config)]

    def url(self) -> str | None:
        try:
            found = json.loads((self._data / "worker.json").read_text())
        except (OSError, ValueError):
            return None
        return str(found["url"])


class Java(Worker):
    """Kafka's `ConnectStandalone` with its defaults, and a heap of 1 GiB.

    Raises:
        KafkaUnavailable: There is no Java, or its jars are not to be had.
    """

    def __init__(self, directory: Path, bootstrap: str) -> None:
        self._kafka, self._connectors = find_kafka(), jars_of(POM)
        super().__init__(directory)
        self._url = f"http://127.0.0.1:{free_port()}"
        self._properties = directory / "worker.properties"
        properties = {
            "bootstrap.servers": bootstrap,
            "key.converter": STRING,
            "value.converter": STRING,
            "offset.storage.file.filename": str(directory / "offsets"),
            "listeners": self._url,
        }
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))

    def command(self) -> list[str]:
        classpath = os.pathsep.join((self._kafka.classpath, str(self._connectors / "*")))
        log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        main = "org.apache.kafka.connect.cli.ConnectStandalone"
        return [self._kafka.java, *JAVA_OPTIONS, log, "-cp", classpath, main, str(self._properties)]

    def url(self) -> str | None:
        return self._url


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has taken, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


__all__ = ["JAVA_OPTIONS", "STRING", "Java", "KafkaUnavailable", "Ours", "Worker", "cpu_s"]
