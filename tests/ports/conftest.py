"""The one implementation that there is for now: the bundled log."""

from tests.log.conftest import cluster, open_log

__all__ = ["cluster", "open_log"]
