"""The bundled source of generated data passes the certificate."""

from __future__ import annotations

from connect.testing.suites import SourceSuite
from connect_datagen import DatagenConnector


class TestDatagen(SourceSuite):
    connector = DatagenConnector
    config = {  # noqa: RUF012 - as an author writes it
        "kafka.topic": "users",
        "quickstart": "users",
        "iterations": "60",
        "max.interval": "1",
        "random.seed": "7",
    }
    kills = 3
    #: Each task makes up as many records as it is asked for, as Confluent's does.
    test_tasks_share_the_work = None
