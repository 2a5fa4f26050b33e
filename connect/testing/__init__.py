"""PUBLIC. What plugin authors test with: harnesses, and a kit that kills and counts.

    from connect.testing import SourceHarness, SinkHarness, Worker, transformed

`connect.testing.crash` kills, cuts and refuses, and counts what was lost. Tests import this package; nothing that runs
in production does. How long it stays as it is: docs/reference/testing.md.

Elsewhere: what a plugin itself imports (`connect.api`).
"""

from connect.testing.harness.clocks import Clock
from connect.testing.harness.factories import batch, headers, record, records
from connect.testing.harness.sinks import SinkHarness
from connect.testing.harness.sources import SourceHarness
from connect.testing.harness.transforms import transformed
from connect.testing.harness.workers import Worker

__all__ = [
    "Clock",
    "SinkHarness",
    "SourceHarness",
    "Worker",
    "batch",
    "headers",
    "record",
    "records",
    "transformed",
]
