"""Confluent's client in Java asks our registry, and gets what it knows from its own."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.support.kafka import JVM_OPTIONS, TOOL_TIMEOUT_S, KafkaUnavailable, find_java, jars_of, lab
from tests.support.registries import served

POM = Path(__file__).parent / "pom.xml"
ANSWERS = """\
registered: 1
a second version: 2
once more: 2
an incompatible one: 409, 409
whether it fits: false
why not: true
its id: 1
its version: 2
versions: [1, 2]
latest: 2
by id: true
subjects of an id: [orders]
versions of an id: 2
all schemas: 2
no id: 404, 40403
no subject: 404, 40401
referred to: 3
refers: 4
resolved: Money
deletes what is referred to: 422, 42206
with rules: 5
the same rules: true
by metadata: 1
its level: 404, 40408
a new level: FULL
a config: true
the level again: NONE
mode: READWRITE
import: IMPORT
with an id: 5000
in a context: 1
deletes a version: 1
deletes a subject: [2]
for good: [1, 2]
subjects: [:.ctx:orders, bill, imported, money, ruled]
"""


def asked(url: str) -> str:
    """Return what Java says; the first time in a checkout this downloads 22 MB with Maven."""
    try:
        java, classpath = find_java(), str(jars_of(POM) / "*")
    except KafkaUnavailable as error:
        pytest.skip(f"no client in Java: {error}")
    ran = subprocess.run(
        [java, *JVM_OPTIONS, *lab("SchemaClientLab", classpath), url],
        capture_output=True,
        encoding="utf-8",
        timeout=TOOL_TIMEOUT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    return ran.stdout


@pytest.mark.slow
async def test_confluents_client_in_java_gets_what_it_knows_from_its_own_registry(tmp_path: Path) -> None:
    async with served(tmp_path / "data") as client:
        assert await asyncio.to_thread(asked, str(client.base_url)) == ANSWERS
