"""Transforms in a real worker: bad records go the way of errors.tolerance, and code runs only where it may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError
from connect.runtime.model import State
from tests.support.worker import JSON, STRING, RunningWorker, running_worker

SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}
LINES = ['{"id": 1, "city": {"name": "Lyon"}}', '{"id": "x"}', '{"id": 2, "city": {"name": "Oslo"}}']
SINK = {
    "connector.class": "FileStreamSink",
    "topics": "orders",
    "value.converter": JSON,
    "value.converter.schemas.enable": "false",
    "key.converter": STRING,
}
VALIDATE = {"transforms.check.type": "ValidateJsonSchema$Value", "transforms.check.schema": json.dumps(SCHEMA)}


async def _fill(worker: RunningWorker, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("".join(line + "\n" for line in LINES))
    source = {
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in.txt"),
        "topic": "orders",
        "value.converter": STRING,
    }
    await worker.herder.put_config("in", source)
    await worker.until(lambda: worker.records("in") == len(LINES))


def _read(path: Path) -> list[Any]:
    return path.read_text().splitlines() if path.exists() else []


async def test_records_that_do_not_meet_their_schema_are_skipped_where_errors_are_tolerated(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await _fill(worker, tmp_path)
        out = tmp_path / "out.txt"
        config = {
            **SINK,
            **VALIDATE,
            "file": str(out),
            "transforms": "check,city",
            "errors.tolerance": "all",
            "transforms.city.type": "ExtractField$Value",
            "transforms.city.field": "city.name",
            "transforms.city.field.syntax.version": "V2",
        }
        await worker.herder.put_config("out", config)
        await worker.until(lambda: len(_read(out)) == 2)
        assert _read(out) == ["Lyon", "Oslo"]


async def test_elsewhere_the_first_of_them_ends_the_task_with_alias_field_and_offset(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await _fill(worker, tmp_path)
        await worker.herder.put_config(
            "out", {**SINK, **VALIDATE, "file": str(tmp_path / "out.txt"), "transforms": "check"}
        )
        trace = await worker.until_failed("out")
    assert "$.id: 'x' is not of type 'integer'" in trace
    assert "transform 'check'" in trace
    assert "offset 1" in trace


async def test_a_function_in_python_runs_where_the_worker_allows_it(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(
        "def shout(record):\n    return record.replace(value=str(record.value['id']) + '!')\n"
    )
    config = {
        **SINK,
        "file": str(tmp_path / "out.txt"),
        "transforms": "p",
        "transforms.p.type": "Python",
        "transforms.p.function": f"{tmp_path}/f.py:shout",
    }
    async with running_worker(tmp_path) as worker:
        with pytest.raises(ConfigError, match=r"transforms\.python\.enabled=true"):
            await worker.herder.put_config("out", config)
    async with running_worker(tmp_path, transforms_python_enabled="true") as worker:
        await _fill(worker, tmp_path)
        await worker.herder.put_config("out", config)
        await worker.until_state("out", State.RUNNING, tasks=1)
        await worker.until(lambda: len(_read(tmp_path / "out.txt")) == 3)
    assert _read(tmp_path / "out.txt") == ["1!", "x!", "2!"]


async def test_a_router_that_leaves_no_name_is_a_config_error_of_a_source_and_nothing_to_a_sink(tmp_path: Path) -> None:
    route = {
        "transforms": "r",
        "transforms.r.type": "RegexRouter",
        "transforms.r.regex": ".*",
        "transforms.r.replacement": "",
    }
    async with running_worker(tmp_path) as worker:
        await _fill(worker, tmp_path)
        out = tmp_path / "out.txt"
        await worker.herder.put_config("out", {**SINK, **route, "value.converter": STRING, "file": str(out)})
        await worker.until(lambda: _read(out) == LINES)
        source = {
            "connector.class": "FileStreamSource",
            "file": str(tmp_path / "in.txt"),
            "topic": "t",
            "value.converter": STRING,
        }
        await worker.herder.put_config("routed", {**source, **route})
        trace = await worker.until_failed("routed")
    assert "topic name '' is illegal: the empty string is not allowed" in trace
    assert "[log.invalid_topic]" in trace
