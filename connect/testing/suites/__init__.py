"""The certificate: free tests of the whole contract of a plugin, by one class in its author's tests.

    class TestTicks(SourceSuite):
        connector = ticks
        config = {"topic": "t", "count": "100"}

    Suite (base.py)  what is asked of every plugin: its config, its names, its docs
      └─ SourceSuite, SinkSuite, TransformSuite, ConverterSuite: their lives, offsets, order, schemas; and crashes

Each test is one check. One that fails says what broke in words about the plugin, and where to read on:
docs/reference/certificate.md has a paragraph for each.

Elsewhere: tests of one's own (`connect.testing.harness`), and crashes of more than one plugin
(`connect.testing.crash`).
"""

from connect.testing.suites.converters import ConverterSuite
from connect.testing.suites.sinks import SinkSuite
from connect.testing.suites.sources import SourceSuite
from connect.testing.suites.transforms import TransformSuite

__all__ = ["ConverterSuite", "SinkSuite", "SourceSuite", "TransformSuite"]
