from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.worker import JSON, STRING, RunningWorker, running_worker

TRANSFORMS = "org.apache.kafka.connect.transforms."


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


def source(tmp_path: Path, **keys: str) -> dict[str, str]:
    (tmp_path / "in.txt").touch()
    return {"name": "s", "connector.class": "FileStreamSource", "topic": "t", "file": str(tmp_path / "in.txt"), **keys}


def sink(tmp_path: Path, **keys: str) -> dict[str, str]:
    return {"name": "s", "connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "out.txt"), **keys}


async def answer(worker: RunningWorker, config: dict[str, str], **query: str) -> dict[str, Any]:
    name = config["connector.class"]
    response = await worker.client.put(f"/v1/connector-plugins/{name}/config/validate", json=config, params=query)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def warned(worker: RunningWorker, config: dict[str, str], **query: str) -> list[tuple[str, str, str]]:
    body = await answer(worker, config, **query)
    return [(w["key"], w["code"], w["message"]) for w in body["warnings"]]


async def test_the_answer_is_kafkas_with_warnings(worker: RunningWorker, tmp_path: Path) -> None:
    config = source(tmp_path)
    kafkas = (await worker.client.put("/connector-plugins/FileStreamSource/config/validate", json=config)).json()
    assert await answer(worker, config) == {**kafkas, "warnings": [], "checked": False}


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("batch.sizes", "batch.size"),
        ("error.tolerance", "errors.tolerance"),
        ("producer.override.linger", "producer.override.linger.ms"),
        ("transforms.h.fields", "transforms.h.field"),
        ("value.converter.schema.enable", "value.converter.schemas.enable"),
    ],
)
async def test_an_unknown_key_is_named_with_the_nearest_one(
    worker: RunningWorker, tmp_path: Path, key: str, near: str
) -> None:
    hoist = {"transforms": "h", "transforms.h.type": f"{TRANSFORMS}HoistField$Value", "transforms.h.field": "line"}
    config = source(tmp_path, **hoist, **{"value.converter": JSON, key: "1"})
    [(found, code, message)] = await warned(worker, config)
    assert (found, code) == (key, "unknown_key")
    assert f"did you mean {near}?" in message


@pytest.mark.parametrize(
    ("keys", "about"),
    [
        ({"value.converter.schemas.enable": "false"}, "value.converter is not given"),
        ({"transforms.h.type": f"{TRANSFORMS}Flatten$Value"}, "'h' is not in transforms"),
        ({"consumer.override.max.poll.records": "1"}, "has no consumer"),
        ({"topic.creation.hot.partitions": "3"}, "'hot' is not in topic.creation.groups"),
        ({"connector.plugin.version": "[99,)"}, "is installed, and taken"),
        ({"errors.log.include.messages": "true"}, "errors.log.enable is false"),
        ({"predicates": "p", "predicates.p.type": f"{TRANSFORMS}predicates.RecordIsTombstone"}, "no transform uses"),
    ],
)
async def test_keys_without_effect_are_told(
    worker: RunningWorker, tmp_path: Path, keys: dict[str, str], about: str
) -> None:
    [(_, code, message)] = await warned(worker, source(tmp_path, **keys))
    assert code == "no_effect"
    assert about in message


@pytest.mark.parametrize(
    ("keys", "key", "about"),
    [
        ({"errors.tolerance": "all"}, "errors.tolerance", "dropped without a trace"),
        ({"schema.contract.fields": "discard.value"}, "schema.contract.fields", "kept nowhere"),
        ({"errors.retry.timeout": "-1"}, "errors.retry.timeout", "for ever"),
        ({"tasks.max": "4"}, "tasks.max", "tasks.max=4, but the topics have 1 partition: 3 tasks"),
        ({"topics": "t,tt"}, "topics", "topic tt does not exist yet"),
        ({"errors.deadletterqueue.topic.name": "dead", "errors.deadletterqueue.context.headers.enable": "true"},
         "errors.deadletterqueue.topic.name", "still ends the task"),
        ({"errors.deadletterqueue.topic.name": "dead", "errors.tolerance": "all"},
         "errors.deadletterqueue.context.headers.enable", "will not tell why"),
    ],
)  # fmt: skip
async def test_risky_combinations_are_told(
    worker: RunningWorker, tmp_path: Path, keys: dict[str, str], key: str, about: str
) -> None:
    await worker.herder.cluster.admin.create_topic("t")
    [(found, code, message)] = await warned(worker, sink(tmp_path, **keys))
    assert (found, code) == (key, "risky")
    assert about in message


async def test_tolerance_with_a_log_or_a_queue_is_no_risk(worker: RunningWorker, tmp_path: Path) -> None:
    await worker.herder.cluster.admin.create_topic("t")
    queue = {"errors.deadletterqueue.topic.name": "d", "errors.deadletterqueue.context.headers.enable": "true"}
    for keys in ({"errors.log.enable": "true"}, queue):
        assert await warned(worker, sink(tmp_path, **{"errors.tolerance": "all"}, **keys)) == []


async def test_a_class_that_is_not_installed_has_its_nearest_named(worker: RunningWorker, tmp_path: Path) -> None:
    config = source(tmp_path, **{"value.converter": "org.apache.kafka.connect.json.JsonConvertor"})
    assert (await answer(worker, config))["error_count"] == 1
    [(key, code, message)] = await warned(worker, config)
    assert (key, code) == ("value.converter", "unknown_class")
    assert f"did you mean {JSON}?" in message
    made = await worker.client.put("/connectors/s/config", json=config)
    assert f"(Did you mean {JSON} for value.converter?)" in made.json()["message"]


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"transforms.x.type": f"{TRANSFORMS}InsertField$Value"}, "transforms.x.topic.field"),
        (
            {
                "transforms.x.type": f"{TRANSFORMS}HoistField$Value",
                "transforms.x.field": "f",
                "transforms.x.predicate": "p",
            },
            "transforms.x.predicate",
        ),
    ],
)
async def test_what_will_fail_is_told_before_it_does(
    worker: RunningWorker, tmp_path: Path, keys: dict[str, str], key: str
) -> None:
    config = source(tmp_path, transforms="x", **keys)
    assert (await answer(worker, config))["error_count"] == 0
    [(found, code, message)] = await warned(worker, config)
    assert (found, code) == (key, "will_fail")
    assert (await worker.client.put("/connectors/s/config", json=config)).status_code == 201
    assert message in await worker.until_failed("s")


@pytest.mark.parametrize("keys", [{"default.partitions": "x"}, {"groups": "g", "g.include": "["}])
async def test_topics_that_cannot_be_made_are_told(worker: RunningWorker, tmp_path: Path, keys: dict[str, str]) -> None:
    config = source(tmp_path, **{f"topic.creation.{name}": value for name, value in keys.items()})
    [(key, code, _)] = await warned(worker, config)
    assert (key, code) == (f"topic.creation.{list(keys)[-1]}", "will_fail")


async def test_check_looks_outside(worker: RunningWorker, tmp_path: Path) -> None:
    config = source(tmp_path, file=str(tmp_path / "absent.txt"))
    assert await warned(worker, config) == []
    [(key, code, message)] = await warned(worker, config, check="true")
    assert (key, code) == ("file", "check")
    assert "absent.txt' is not there" in message
    assert (await answer(worker, source(tmp_path), check="true"))["checked"] is True


async def test_check_waits_until_the_config_has_no_errors(worker: RunningWorker, tmp_path: Path) -> None:
    config = source(tmp_path, file=str(tmp_path / "absent.txt"), topic="")
    body = await answer(worker, config, check="true")
    assert (body["checked"], body["warnings"], body["error_count"]) == (False, [], 1)


async def test_a_server_that_does_not_answer_is_a_warning(worker: RunningWorker, unused_tcp_port: int) -> None:
    config = {
        "name": "s",
        "connector.class": "JdbcSinkConnector",
        "topics": "t",
        "value.converter": STRING,
        "connection.url": f"jdbc:postgresql://127.0.0.1:{unused_tcp_port}/db",
        "connection.password": "hush",
    }
    await worker.herder.cluster.admin.create_topic("t")
    [(_, code, message)] = await warned(worker, config, check="true")
    assert code == "environment.unreachable"
    assert "cannot be reached" in message
    assert "hush" not in message


async def test_places_that_a_plugin_fills_itself_are_no_references_and_unknown_providers_are_told(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await worker.herder.cluster.admin.create_topic("t")
    config = {
        "name": "s",
        "connector.class": "FolderSink",
        "topics": "t",
        "folder": str(tmp_path),
        "value.converter": STRING,
        "path.template": "${topic}/${field:x}/${time:yyyy}/${start_offset}",
    }
    assert await warned(worker, config) == []
    told = await warned(worker, {**config, "timezone": "${vault:zone}", "csv.null": "${field:x}"})
    assert sorted((key, code) for key, code, _ in told) == [
        ("csv.null", "unknown_provider"),
        ("timezone", "unknown_provider"),
    ]
