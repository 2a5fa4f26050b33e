"""PUBLIC. What plugin authors test with: harnesses, and a kit that kills and counts.

    from connect.testing import SourceHarness, SinkHarness, Worker, transformed

`connect.testing.crash` kills, cuts and refuses, and counts what was lost. Tests import this package; nothing that runs
in production does. How long it stays as it is: docs/reference/testing.md.

Elsewhere: what a plugin itself imports (`connect.api`).
"""

from connect.testing.harness import (
    Clock,
    SinkHarness,
    SourceHarness,
    Worker,
    batch,
    headers,
    record,
    records,
    transformed,
)

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
