"""The archive of Kafka's classes, with which JVMs start in half of the time."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.kafka import JVM_OPTIONS, class_archive, find_kafka
from tests.support.kafka_broker import SharedBroker

pytestmark = pytest.mark.kafka


def test_the_archive_that_a_broker_starts_with_fits_the_jars_of_this_checkout(broker: SharedBroker) -> None:
    assert broker.bootstrap
    kafka = find_kafka()
    # A JVM that is not told so leaves an archive that does not fit aside without a word, and starts slowly for ever.
    must = ["-Xshare:on", f"-XX:SharedArchiveFile={class_archive()}"]
    ran = subprocess.run(
        [kafka.java, *JVM_OPTIONS, *must, "-cp", kafka.classpath, "kafka.tools.StorageTool", "random-uuid"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
