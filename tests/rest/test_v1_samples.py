from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx

from connect.runtime.model import State
from tests.support.groups import generated, group
from tests.support.plain import NO_TLS
from tests.support.worker import JSON, STRING, RunningWorker, running_worker, until

SMT = "org.apache.kafka.connect.transforms"
HOIST = {
    "transforms": "hoist,mask,drop",
    "transforms.hoist.type": f"{SMT}.HoistField$Value",
    "transforms.hoist.field": "line",
    "transforms.mask.type": f"{SMT}.MaskField$Value",
    "transforms.mask.fields": "line",
    "transforms.mask.replacement": "***",
    "transforms.mask.predicate": "never",
    "transforms.drop.type": f"{SMT}.Filter",
    "transforms.drop.predicate": "never",
    "predicates": "never",
    "predicates.never.type": f"{SMT}.predicates.TopicNameMatches",
    "predicates.never.pattern": "other",
    "value.converter": JSON,
    "value.converter.schemas.enable": "false",
}


def source(tmp_path: Path, **more: str) -> dict[str, str]:
    (tmp_path / "in.txt").touch()
    return {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t", **more}


async def samples(worker: RunningWorker, name: str, records: int = 5) -> Any:
    answer = await worker.client.get(f"/v1/connectors/{name}/samples?records={records}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def sampled(worker: RunningWorker, name: str, least: int = 1, records: int = 5) -> Any:
    for _ in range(3000):
        found = await samples(worker, name, records)
        if len(found["walks"]) >= least:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(found)


def append(tmp_path: Path, *lines: str) -> None:
    with (tmp_path / "in.txt").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


async def test_records_of_a_source_are_shown_before_and_after_each_step(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=source(tmp_path, **HOIST))
        await worker.until_state("c", State.RUNNING, tasks=1)
        first = await samples(worker, "c")
        assert (first["sampling"], first["walks"], first["not_sampled"]) == (True, [], [])
        append(tmp_path, *(f"line {number}" for number in range(100)))
        found = await sampled(worker, "c", 2)
        walk = found["walks"][0]
        steps = [(step["stage"], step["alias"], step["applied"], step["dropped"]) for step in walk["steps"]]
        assert steps == [
            ("source", None, None, False),
            ("transform", "hoist", None, False),
            ("transform", "mask", False, False),
            ("transform", "drop", False, False),
            ("converters", None, None, False),
        ]
        values = [step["records"][0]["value"] for step in walk["steps"]]
        assert values == ["line 0", *[{"line": "line 0"}] * 3, '{"line":"line 0"}']
        assert walk["steps"][1]["changed"] and not walk["steps"][2]["changed"]
        await worker.until(lambda: worker.records("c") == 100)
        counts = [
            (row["stage"], row["seen"], row["dropped"], row["failed"]) for row in (await samples(worker, "c"))["stages"]
        ]
        assert counts == [
            ("source", 100, 0, 0),
            ("transform", 100, 0, 0),
            ("transform", 100, 0, 0),
            ("transform", 100, 0, 0),
            ("converters", 100, 0, 0),
            ("topic", 100, 0, 0),
        ]
        lines = [json.loads(value or b"")["line"] for value in await worker.values("t")]
        assert lines == [f"line {number}" for number in range(100)], "what is looked at stays where it is"


async def test_what_is_dropped_and_what_fails_is_shown_as_that(tmp_path: Path) -> None:
    config = source(
        tmp_path,
        **{
            "transforms": "cast,drop",
            "transforms.cast.type": f"{SMT}.Cast$Value",
            "transforms.cast.spec": "int32",
            "transforms.drop.type": f"{SMT}.Filter",
            "errors.tolerance": "all",
            "value.converter": STRING,
        },
    )
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=config)
        await worker.until_state("c", State.RUNNING, tasks=1)
        await samples(worker, "c")
        append(tmp_path, "seven", "8", "9")
        found = await sampled(worker, "c", 2)
        bad, good = found["walks"][:2]
        assert bad["steps"][-1]["alias"] == "cast" and "seven" in bad["steps"][-1]["error"]["message"]
        assert (good["steps"][-1]["alias"], good["steps"][-1]["dropped"]) == ("drop", True)
        assert good["steps"][1]["records"][0]["value"] == 8
        counts = {row["alias"]: (row["seen"], row["dropped"], row["failed"]) for row in found["stages"]}
        assert (counts["cast"], counts["drop"]) == ((3, 0, 1), (2, 2, 0))


async def test_a_record_that_ends_the_task_is_shown_and_those_in_front_of_it_went_on(tmp_path: Path) -> None:
    config = source(
        tmp_path,
        **{
            "transforms": "cast",
            "transforms.cast.type": f"{SMT}.Cast$Value",
            "transforms.cast.spec": "int32",
            "value.converter": JSON,
            "value.converter.schemas.enable": "false",
        },
    )
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=config)
        await worker.until_state("c", State.RUNNING, tasks=1)
        await samples(worker, "c")
        append(tmp_path, "7", "eight", "9")
        trace = await worker.until_failed("c")
        assert "eight" in trace and await worker.values("t") == [b"7"]
        found = await samples(worker, "c")
        assert found["not_sampled"] == [{"task": 0, "why": "it is FAILED"}] and found["sampling"] is False


async def test_records_of_a_sink_are_shown_from_their_bytes_on(tmp_path: Path) -> None:
    sink = {
        "connector.class": "FileStreamSink",
        "file": str(tmp_path / "out.txt"),
        "topics": "t",
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "transforms": "take",
        "transforms.take.type": f"{SMT}.ExtractField$Value",
        "transforms.take.field": "line",
    }
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=source(tmp_path, **HOIST))
        await worker.client.put("/connectors/s/config", json=sink)
        await worker.until_state("s", State.RUNNING, tasks=1)
        await samples(worker, "s")
        append(tmp_path, *(f"line {number}" for number in range(50)))
        await worker.until(lambda: worker.records("s") == 50)
        found = await sampled(worker, "s", 1)
        walk = found["walks"][0]
        assert [step["stage"] for step in walk["steps"]] == ["topic", "converters", "transform"]
        assert [step["records"][0]["value"] for step in walk["steps"]] == [
            '{"line":"line 0"}',
            {"line": "line 0"},
            "line 0",
        ]
        assert (walk["topic"], walk["partition"], walk["offset"], walk["task"]) == ("t", 0, 0, 0)
        assert [row["stage"] for row in found["stages"]] == ["topic", "converters", "transform", "task"]
        assert (tmp_path / "out.txt").read_text().splitlines() == [f"line {number}" for number in range(50)]


async def test_huge_records_and_many_of_them_give_a_bounded_answer(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=source(tmp_path, **HOIST))
        await worker.until_state("c", State.RUNNING, tasks=1)
        await samples(worker, "c")
        append(tmp_path, "x" * 900_000, "y" * 900_000)
        await sampled(worker, "c", 1, records=20)
        answer = await worker.client.get("/v1/connectors/c/samples?records=20")
        assert len(answer.content) < 200_000
        for wrong in ("0", "21", "x"):
            assert (await worker.client.get(f"/v1/connectors/c/samples?records={wrong}")).status_code == 400
        assert (await worker.client.get("/v1/connectors/none/samples")).status_code == 404


async def test_a_connector_that_stands_still_says_so(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=source(tmp_path, **{"value.converter": STRING}))
        await worker.until_state("c", State.RUNNING, tasks=1)
        await worker.client.put("/connectors/c/stop")
        await worker.until_state("c", State.STOPPED)
        found = await samples(worker, "c")
        assert (found["sampling"], found["stages"], found["walks"], found["not_sampled"]) == (False, [], [], [])


async def test_a_plugin_in_a_process_of_its_own_is_looked_at_too(tmp_path: Path) -> None:
    config = source(tmp_path, **{"plugin.isolation": "process", "value.converter": STRING})
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=config)
        await worker.until_state("c", State.RUNNING, tasks=1)
        await samples(worker, "c")
        append(tmp_path, "a")
        found = await sampled(worker, "c", 1)
        assert [step["stage"] for step in found["walks"][0]["steps"]] == ["source", "converters"]


async def test_tasks_on_all_workers_of_a_group_are_looked_at(tmp_path: Path) -> None:
    async with group(tmp_path) as workers:
        nodes = [await workers.start(name, served=True) for name in ("a", "b")]
        herder = await workers.leader()
        await herder.create("c", {**generated("c", 2), "max.interval": "20", "value.converter": JSON})
        await until(lambda: sum(workers.load().values()) == 2)
        async with httpx.AsyncClient(base_url=nodes[1].base.url, trust_env=False, timeout=30, verify=NO_TLS) as client:
            for _ in range(500):
                found = (await client.get("/v1/connectors/c/samples?records=20")).json()
                if {walk["task"] for walk in found["walks"]} == {0, 1}:
                    break
                await asyncio.sleep(0.05)
            else:
                raise AssertionError(found)
        assert found["not_sampled"] == [] and found["stages"][0]["seen"] >= len(found["walks"])
