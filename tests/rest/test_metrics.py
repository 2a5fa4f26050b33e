from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from connect.api import ConfigError
from connect.rest.metrics import takes_gzip
from connect.runtime.worker_config import WorkerConfig
from tests.support.worker import running_worker

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "kind", "end"),
    [
        (PROMETHEUS, "application/openmetrics-text; version=1.0.0; charset=utf-8", "# EOF\n"),
        ("text/plain", "text/plain; version=0.0.4; charset=utf-8", "\n"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", "\n"),
    ],
)
async def test_the_answer_is_in_the_format_that_is_asked_for(tmp_path: Path, accept: str, kind: str, end: str) -> None:
    async with running_worker(tmp_path) as worker:
        answer = await worker.client.get("/metrics", headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.text.endswith(end)
    assert "connect_worker_info{" in answer.text


async def test_it_is_packed_for_who_asks_for_that(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:

        async def asked(encoding: str) -> tuple[str | None, bytes]:
            request = worker.client.stream("GET", "/metrics", headers={"accept-encoding": encoding})
            async with request as answer:
                raw = b"".join([part async for part in answer.aiter_raw()])
            assert "Accept-Encoding" in answer.headers["vary"]
            assert int(answer.headers["content-length"]) == len(raw)
            return answer.headers.get("content-encoding"), raw

        coding, packed = await asked("gzip")
        assert coding == "gzip"
        assert b"connect_worker_info{" in gzip.decompress(packed)
        coding, plain = await asked("identity")
        assert coding is None
        assert b"connect_worker_info{" in plain
        assert len(packed) < len(plain) / 4


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("deflate, *;q=0.1", True),
        ("", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("gzip;q=often", False),
        ("xgzip, gzipped", False),
    ],
)
def test_packing_is_for_who_takes_it(accepted: str, takes: bool) -> None:
    assert takes_gzip(accepted) is takes


async def test_text_is_accepted_at_metrics_alone(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        assert (await worker.client.get("/connectors", headers={"accept": "text/plain"})).status_code == 406
        assert (await worker.client.head("/metrics")).status_code == 200
        assert (await worker.client.post("/metrics")).status_code == 405


async def test_families_are_those_of_the_config(tmp_path: Path) -> None:
    async with running_worker(tmp_path, metrics_families="strimzi") as worker:
        text = (await worker.client.get("/metrics")).text
    assert "kafka_connect_worker_task_count 0\n" in text
    assert "\nconnect_" not in text
    assert "process_resident_memory_bytes" in text, "the process is told of in any case"


@pytest.mark.parametrize("families", ["", "strimzi,prometheus"])
def test_a_family_that_is_not_known_is_refused(families: str) -> None:
    with pytest.raises(ConfigError, match=r"metrics\.families.*known are connect, confluent, strimzi"):
        WorkerConfig.parse({"metrics.families": families})


@pytest.mark.slow
def test_a_worker_starts_without_what_a_scrape_needs() -> None:
    script = """
import sys, connect.rest.app, connect.runtime.herder
print([name for name in sys.modules if name.startswith(("connect.metrics", "prometheus_client"))])
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
