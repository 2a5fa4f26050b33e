"""Answers of the shapes that the REST API declares, for what a real worker does not do on demand: hostile texts, a
figure for each minute, a failure of each kind."""

from __future__ import annotations

import json
import time
from typing import Any


def record(value: Any, *, topic: str = "orders", key: Any = None, offset: int | None = None) -> dict[str, Any]:
    """Return a record as walks show it."""
    return {
        "topic": topic, "partition": 0, "timestamp": int(time.time() * 1000), "key": key, "key_schema": None,
        "value": value, "value_schema": None, "headers": [{"name": "trace", "value": "a1"}], "offset": offset,
    }  # fmt: skip


def step(stage: str, *records: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a step of a walk."""
    plain = {"alias": None, "plugin": None, "predicate": None, "applied": None, "changed": [], "dropped": False}
    return {"stage": stage, **plain, "records": list(records), "error": None, **more}


def samples(text: str = "Ann") -> dict[str, Any]:
    """Return the samples of a source with two transforms: one changes a field, one drops or fails."""
    before = record({"id": 1, "name": text, "address": {"zip": "1234", "city": "Bern"}})
    after = record({"id": 1, "name": text, "address": {"zip": "****", "city": "Bern"}, "at": 17})
    fault = {"code": "data.invalid", "message": f"field {text!r} is no number", "hint": "Mend it.", "exception": "X"}
    stages = [
        ("source", None, "FileStreamSource"), ("transform", "mask", "org.apache.kafka.MaskField$Value"),
        ("transform", "cast", "Cast$Value"), ("converters", None, "JsonConverter"), ("topic", None, None),
    ]  # fmt: skip
    changed = [{"path": "value.address.zip", "kind": "changed"}, {"path": "value.at", "kind": "added"}]
    steps = [
        step("source", before),
        step("transform", after, alias="mask", plugin="MaskField", applied=True, changed=changed),
        step("transform", alias="cast", plugin="Cast", error=fault),
    ]
    now = int(time.time() * 1000)
    walk = {"index": 0, "topic": "orders", "partition": 0, "offset": None, "steps": steps, "task": 0, "at": now}
    return {
        "sampling": True,
        "until": now + 10_000,
        "stages": [
            {"stage": stage, "alias": alias, "plugin": plugin, "seen": 12431, "dropped": 3 * i, "failed": i // 2}
            for i, (stage, alias, plugin) in enumerate(stages)
        ],
        "walks": [{**walk, "index": i} for i in range(5)],
    }


def failures(text: str, *, trace: str | None = None) -> dict[str, Any]:
    """Return three failures, the newest with all that is told of one."""
    now = int(time.time() * 1000)
    details = {"topic": "orders", "partition": 3, "offset": 991, "transform": "mask", "field": "address.zip"}
    return {
        "failures": [
            {
                "at": now - 60_000 * i, "task": i if i < 2 else None, "code": "data.invalid", "message": text,
                "hint": "Mend the record or its config.", "details": details,
                "java_trace": trace or f"org.apache.kafka.DataException: {text}\n\tat Task.run(Task.java)",
                "python_trace": trace or "Traceback (most recent call last):\n  File \"x.py\", line 1\nValueError",
                "restarted": i > 0,
            }
            for i in range(3)
        ],
        "next_restart": None,
    }  # fmt: skip


def series(points: int = 90) -> dict[str, Any]:
    """Return figures of the last 15 minutes, with a gap."""
    step_ms = 10_000
    values = [None if 40 < i < 46 else 100 + (i * 37) % 50 for i in range(points)]
    return {
        "step_ms": step_ms, "from": int(time.time() * 1000) - points * step_ms, "records_per_second": values,
        "lag": values, "batch_ms": values, "commit_ms": values, "errors": [0] * points,
    }  # fmt: skip


def logs(text: str) -> dict[str, Any]:
    """Return 300 lines, one of them an error with a trace."""
    now = int(time.time() * 1000)
    lines = [
        {
            "at": now - 1000 * (300 - i), "level": "INFO", "logger": "connect.connector.orders", "task": i % 3,
            "text": f"{text} {i}", "trace": None,
        }
        for i in range(300)
    ]  # fmt: skip
    lines[-2] |= {"level": "ERROR", "trace": f"Traceback\n{text}"}
    lines[-5] |= {"level": "WARN"}
    return {"lines": lines, "dropped": 12}


def answer(page: Any, pattern: Any, body: Any, status: int = 200, *, times: int | None = None) -> None:
    """Let requests of a page whose address fits a pattern of playwright be answered: a text as it is, else as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)

    def fulfill(route: Any) -> None:
        route.fulfill(status=status, content_type="application/json", body=text)

    page.route(pattern, fulfill, times=times)


def answer_all(page: Any, text: str = "no number") -> None:
    """Answer all that a connector's page asks for beside its status, with something to see."""
    plan = {"topic": "bad", "partition": 0, "from": 9, "to": 0, "end": 9, "again": 9}
    for pattern, body in {
        "**/samples?*": samples(text),
        "**/failures": failures(text),
        "**/logs?*": logs(text),
        "**/series?*": series(),
        "**/rewind": {"partitions": [plan], "again": 9, "state_before": "RUNNING", "applied": False},
    }.items():
        answer(page, pattern, body)
