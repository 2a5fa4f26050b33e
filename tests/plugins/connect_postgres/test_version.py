"""Both connectors show one version."""

from __future__ import annotations

from importlib.metadata import version

from connect_postgres import JdbcSinkConnector, JdbcSourceConnector
from connect_postgres.version import VERSION


def test_both_connectors_show_the_version_of_the_distribution_that_they_come_with() -> None:
    assert JdbcSourceConnector.version == JdbcSinkConnector.version == VERSION == version("connect-runtime")
