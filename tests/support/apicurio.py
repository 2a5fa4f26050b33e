"""Apicurio's registry as a child process, on a free loopback port: a registry that is not ours.

It keeps what it has in memory, and answers Confluent's API below /apis/ccompat/v7, its own below /apis/registry/v2.
"""

from __future__ import annotations

import contextlib
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from bench.embedded_postgres import free_port
from tests.support.kafka import JVM_OPTIONS, find_java, jars_of

POM = Path(__file__).parents[1] / "schemas" / "apicurio" / "pom.xml"
START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 30


def _unpacked() -> Path:
    """Return the jar that is run, beside those that it needs; the first time in a checkout this downloads 142 MB."""
    (archive,) = jars_of(POM).glob("*.tar.gz")
    folder = archive.parent / "unpacked"
    if not folder.is_dir():
        # As with the jars: it appears whole or not at all, whoever else is unpacking.
        with tempfile.TemporaryDirectory(prefix="unpacking-", dir=archive.parent) as unpacking:
            made = Path(unpacking) / "unpacked"
            with tarfile.open(archive) as packed:
                packed.extractall(made, filter="data")
            with contextlib.suppress(OSError):  # where someone else was quicker
                made.rename(folder)
    (jar,) = folder.glob("*-runner.jar")
    return jar


@contextlib.contextmanager
def apicurio(folder: Path) -> Iterator[str]:
    """Run a registry, with its log in a folder, and give its address.

    Raises:
        KafkaUnavailable: There is no JDK, or Maven cannot bring it.
    """
    java, jar = find_java(), _unpacked()
    url = f"http://127.0.0.1:{(port := free_port())}"
    log = folder / "apicurio.log"
    command = [java, *JVM_OPTIONS, "-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}", "-jar", str(jar)]
    with log.open("wb") as output, httpx.Client(base_url=url, timeout=10) as client:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder)
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not _is_up(client):
                said = log.read_text(errors="replace")[-4000:]
                assert process.poll() is None, f"Apicurio's registry exits with {process.returncode}:\n{said}"
                assert time.monotonic() < deadline, f"Apicurio's registry is not up within {START_TIMEOUT_S} s:\n{said}"
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _is_up(client: httpx.Client) -> bool:
    try:
        return client.get("/apis/ccompat/v7/subjects").status_code == 200
    except httpx.TransportError:
        return False
