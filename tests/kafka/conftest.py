"""A real Kafka for these tests, or a skip that says what is missing."""

from __future__ import annotations

import pytest

from tests.support.jdk import look_for_jdk
from tests.support.kafka import KafkaUnavailable, find_kafka


@pytest.fixture(scope="session")
def kafka() -> None:
    """Kafka's jars and a JDK are there. The first time in a checkout this downloads them."""
    try:
        find_kafka()
    except KafkaUnavailable as error:
        pytest.skip(f"no Kafka here: {error}")


@pytest.fixture(scope="session")
def jdk() -> None:
    """A JDK is there; Kafka's jars are not asked for."""
    if reason := look_for_jdk():
        pytest.skip(f"no JDK here: {reason}")
