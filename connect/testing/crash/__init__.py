"""PUBLIC. The crash kit: runs connectors in a worker that is killed, cut off and refused, and counts what that did.

    from connect.testing.crash import CrashTest, FileTarget, PruningServer

    def test_nothing_is_lost(tmp_path):
        with PruningServer() as upstream:
            crash = CrashTest(
                tmp_path,
                connectors={"in": {...}, "out": {...}},
                upstream=upstream,
                target=FileTarget(tmp_path / "out.txt"),
            )
            crash.run().assert_at_least_once()

A record is known by its key and its number, which counts up from 0 for each key. What the upstream wrote is the model;
what the target holds is compared with it. The upstream prunes what was acknowledged, so that a record which was
acknowledged too early is gone for good, and shows as lost. Nothing waits for a time and hopes: a worker is killed at a
mark of its progress, which a seed chooses.

Elsewhere: what is public of the kit beside these names, and for how long (docs/reference/crash-kit.md); kills of a log
without a worker (`tests/log`).
"""

from connect.testing.crash.cancelling import Scenario, cancel_at_every_await
from connect.testing.crash.driver import CrashTest
from connect.testing.crash.faults import Fault
from connect.testing.crash.marks import (
    DEFAULT_MARKS,
    Mark,
    arrived,
    at_await,
    at_call,
    clean_stop,
    every_await,
    log_line,
)
from connect.testing.crash.proxy import Proxy
from connect.testing.crash.report import Report, Seen, judge
from connect.testing.crash.server import PruningServer
from connect.testing.crash.targets import CallTarget, FileTarget, LogTarget, Target, parse_text
from connect.testing.crash.upstreams import EndlessSource, FileUpstream, Upstream

__all__ = [
    "DEFAULT_MARKS",
    "CallTarget",
    "CrashTest",
    "EndlessSource",
    "Fault",
    "FileTarget",
    "FileUpstream",
    "LogTarget",
    "Mark",
    "Proxy",
    "PruningServer",
    "Report",
    "Scenario",
    "Seen",
    "Target",
    "Upstream",
    "arrived",
    "at_await",
    "at_call",
    "cancel_at_every_await",
    "clean_stop",
    "every_await",
    "judge",
    "log_line",
    "parse_text",
]
