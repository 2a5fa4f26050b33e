"""`connect perf`: on a directory, and through the worker that owns it."""

from __future__ import annotations

import json

from tests.support.command import lines


def test_perf_prints_kafka_s_figures(data: list[str]) -> None:
    lines("topic", "create", "t", *data)
    [line] = lines("perf", "produce", "--topic", "t", "--num-records", "2000", "--batch-records", "500", *data)
    for figure in ("2000 records sent", "records/sec", "MB/sec", "avg latency", "max latency", "50th", "99.9th"):
        assert figure in line
    [line] = lines("perf", "consume", "--topic", "t", *data)
    assert "2000 records read" in line
    options = ("--num-records", "1000", "--transaction-records", "500", "--throughput", "100000", "--acks", "all")
    done = json.loads("\n".join(lines("perf", "produce", "--topic", "t", *options, "--json", *data)))
    assert done["records"] == 1000
    assert done["p999_ms"] >= done["p50_ms"] > 0
