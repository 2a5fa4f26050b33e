"""A pod as kubelet runs it, without Kubernetes: from a manifest of configs/, with our own entry point.

The environment, the probes with their thresholds and the grace time are the manifest's. What the entry point runs in is
a namespace of processes of its own where the machine allows that, so that it is process 1 as in a container.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import httpx

from tests.support.plain import NO_TLS

UNSHARE: Final = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
#: Probes come so many times as often as the manifest says: a round of a test is over in seconds.
FASTER: Final = 20


@cache
def why_not_process_1() -> str | None:
    """Say why no namespace of processes is to be had; None where it is."""
    if shutil.which("unshare") is None:
        return "unshare is not installed"
    done = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False, timeout=30)
    return None if done.returncode == 0 else f"no namespace of processes is to be had: {done.stderr.strip()}"


@dataclass
class Pod:
    """One container. As a context manager: started and probed within, killed at the end if it still runs.

    Args:
        spec: The pod's, of a manifest.
        volume: Its data, as a working directory; the container's own files beside it.
    """

    spec: Mapping[str, Any]
    volume: Path
    environment: Mapping[str, str]
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.volume.mkdir(exist_ok=True)
        self.told.unlink(missing_ok=True)  # of a life that was killed
        namespace = UNSHARE if why_not_process_1() is None else ()
        command = [*namespace, sys.executable, "-P", "-m", "connect.container", "worker"]
        with self.log_path.open("ab") as log:
            environment = {**os.environ, **self.environment}
            self.outer = subprocess.Popen(command, cwd=self.volume, env=environment, stdout=log, stderr=log)
        self._ended = threading.Event()
        self._probing = threading.Thread(target=self._probe)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        if self._probing.ident is not None:
            self._probing.join(30)
        if self.outer.poll() is None:
            self.outer.kill()
            self.outer.wait(30)

    @property
    def log_path(self) -> Path:
        return self.volume.parent / "pod.log"

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def told(self) -> Path:
        return self.volume / "connect-data" / "worker.json"

    def until_ready(self) -> httpx.Client:
        """Probe as the startup probe does, as often as it may fail; then begin with the others."""
        probe = self._container["startupProbe"]
        deadline = time.monotonic() + probe["periodSeconds"] * probe["failureThreshold"]
        while not self._passes(probe):
            assert self.outer.poll() is None, f"it ended by itself:\n{self.log[-3000:]}"
            assert time.monotonic() < deadline, f"the startup probe gave up:\n{self.log[-3000:]}"
            time.sleep(probe["periodSeconds"] / FASTER / 2)
        self._probing.start()
        return httpx.Client(base_url=self.url(), timeout=30, verify=NO_TLS)

    def url(self) -> str:
        return str(json.loads(self.told.read_bytes())["url"])

    def terminate(self) -> tuple[int, float]:
        """Send SIGTERM, as kubelet does to process 1; return the exit code and how long it took, in seconds.

        SIGKILL follows after the grace time, and fails.
        """
        self._ended.set()  # kubelet probes no container that it ends
        self._probing.join(30)
        began = time.monotonic()
        os.kill(self._first(), signal.SIGTERM)
        code = self.outer.wait(self.spec["terminationGracePeriodSeconds"])
        return code, time.monotonic() - began

    @property
    def _container(self) -> Mapping[str, Any]:
        [container] = self.spec["containers"]
        return dict(container)

    def _first(self) -> int:
        if why_not_process_1() is not None:
            return self.outer.pid
        return int(Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children").read_text().split()[0])

    def _probe(self) -> None:
        kinds = {kind: self._container[kind] for kind in ("livenessProbe", "readinessProbe")}
        in_turn = Counter[str]()
        while not self._ended.wait(min(probe["periodSeconds"] for probe in kinds.values()) / FASTER):
            for kind, probe in kinds.items():
                passes = self._passes(probe)
                self.answers[kind] += passes
                in_turn[kind] = 0 if passes else in_turn[kind] + 1
                if in_turn[kind] >= probe["failureThreshold"]:
                    self.failures.append(f"{kind} failed {in_turn[kind]} times in turn")

    def _passes(self, probe: Mapping[str, Any]) -> bool:
        try:
            url = self.url()
        except (OSError, ValueError):  # it does not listen yet
            return False
        try:
            answer = httpx.get(url + probe["httpGet"]["path"], timeout=probe["timeoutSeconds"], verify=NO_TLS)
        except httpx.TransportError:
            return False
        return 200 <= answer.status_code < 400
