"""Workers on a broker that asks who they are, and allows them what ACLs allow."""

from __future__ import annotations

import asyncio
import re
import shlex
import time
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConnectError
from connect.runtime.model import State
from tests.support.forks import ForkedWorker
from tests.support.kafka_workers import until
from tests.support.secured_kafka import Secured, scram
from tests.support.worker import DEADLINE_S, STRING, RunningWorker, running_worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "run-on-a-kafka-cluster.md"
PASSWORD = "pw-s3cret"
WRONG = "pw-wr0ng"
STATE = "CREATE DESCRIBE_CONFIGS READ WRITE"


def worker_config(name: str, client: dict[str, str], **more: str) -> dict[str, str]:
    """Return the config of a worker whose group and topics have one name."""
    return {
        **client,
        "group.id": name,
        "config.storage.topic": f"{name}-configs",
        "offset.storage.topic": f"{name}-offsets",
        "status.storage.topic": f"{name}-status",
        "workers.storage.topic": f"{name}-workers",
        **{f"{kind}.storage.replication.factor": "1" for kind in ("config", "offset", "status")},
        "offset.flush.interval.ms": "200",
        "key.converter": STRING,
        "value.converter": STRING,
        **more,
    }


def with_user(broker: Secured, name: str, **more: str) -> dict[str, str]:
    """Return the config of a worker whose user has its name too; the user is made."""
    broker.user(name, PASSWORD)
    return worker_config(name, scram(broker, name, PASSWORD), **more)


def allow_state(broker: Secured, name: str, *, history: bool = True) -> None:
    """Allow a worker's user what it needs for itself."""
    kinds = ("configs", "offsets", "status", "workers", *(("configs-history",) if history else ()))
    topics = [(STATE, "topic", f"{name}-{kind}") for kind in kinds]
    broker.allow(
        f"User:{name}", *topics, ("READ", "group", name), ("WRITE", "transactional-id", f"connect-cluster-{name}")
    )


def source(folder: Path, topic: str, **more: str) -> dict[str, str]:
    (folder / "in.txt").write_text("a\nb\n")
    creation = {f"topic.creation.default.{key}": "1" for key in ("partitions", "replication.factor")}
    own = {"connector.class": "FileStreamSource", "file": str(folder / "in.txt"), "topic": topic}
    return {**own, **creation, **more}


def sink(folder: Path, topic: str, **more: str) -> dict[str, str]:
    return {"connector.class": "FileStreamSink", "file": str(folder / "out.txt"), "topics": topic, **more}


async def create(worker: RunningWorker, name: str, config: dict[str, str]) -> None:
    answer = await worker.client.post("/connectors", json={"name": name, "config": config})
    assert answer.status_code == 201, answer.text


def arrived(folder: Path) -> bool:
    out = folder / "out.txt"
    return out.exists() and out.read_text() == "a\nb\n"


def documented(name: str, principal: str) -> list[str]:
    """Return the commands of the howto, for another worker and another user."""
    lines = re.findall(r"^\$ (kafka-acls (?:[^\n\\]|\\\n)*)", HOWTO.read_text(), re.MULTILINE)
    joined = [" ".join(shlex.split(line.replace("\\\n", " "))) for line in lines]
    renamed = [line.replace("connect-orders", name).replace("User:connect", principal) for line in joined]
    return [re.sub(r" orders\b", f" {name}-data", line) for line in renamed]


@pytest.mark.slow
@pytest.mark.parametrize("support", [pytest.param("disabled", marks=pytest.mark.night), "enabled"])
async def test_a_worker_does_its_work_with_the_acls_of_the_howto_and_no_more(
    secured: Secured, tmp_path: Path, name: str, support: str
) -> None:
    commands = documented(name, f"User:{name}")
    assert len(commands) >= 5
    for command in commands:
        if support == "enabled" or f"transactional-id {name}" not in command:
            secured.allow_by(command)
    named = {"workers.storage.topic": f"connect-workers-{name}"}
    config = with_user(secured, name, **named, **{"exactly.once.source.support": support})
    queue = {
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": f"{name}-data-bad",
        "errors.deadletterqueue.topic.replication.factor": "1",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
    }
    async with running_worker(tmp_path, **config) as worker:
        await create(worker, "orders-source", source(tmp_path, f"{name}-data"))
        own_group = {"consumer.override.group.id": f"{name}-sink"}
        await create(worker, "orders-sink", sink(tmp_path, f"{name}-data", **own_group))
        await worker.until(lambda: arrived(tmp_path))
        await worker.client.delete("/connectors/orders-sink")

        with (tmp_path / "in.txt").open("a") as file:
            file.write("no JSON\n")
        config = sink(tmp_path, f"{name}-data", **own_group, **queue)
        await create(worker, "bad", config)
        await worker.until(lambda: sum(p.skipped for p in worker.herder.progress() if p.id.connector == "bad"))
        again = await worker.client.put("/connectors/bad/config", json={**config, "errors.retry.timeout": "1"})
        assert again.status_code == 200, "what the queue's configs are, nobody needs to see"
        await worker.until_state("bad", State.RUNNING, tasks=1)
        await worker.client.put("/connectors/bad/stop")
        await worker.until_state("bad", State.STOPPED, tasks=0)
        at = {"partition": {"kafka_topic": f"{name}-data", "kafka_partition": 0}, "offset": {"kafka_offset": 0}}
        deadline = time.monotonic() + DEADLINE_S
        while (
            altered := await worker.client.patch("/connectors/bad/offsets", json={"offsets": [at]})
        ).status_code == 409:
            assert time.monotonic() < deadline, altered.text  # brokers let its member go in their own time
            await asyncio.sleep(0.1)
        assert altered.status_code == 200, altered.text
        deleted = await worker.client.delete("/connectors/bad/offsets")
        assert f"--operation Delete --group {name}-sink" in deleted.json()["message"]
        status = await worker.client.get("/connectors/orders-source/status")
        assert [task["state"] for task in status.json()["tasks"]] == ["RUNNING"]


@pytest.mark.night
async def test_a_worker_that_may_not_keep_a_history_does_its_work_without(
    secured: Secured, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As after an upgrade, with the ACLs of before."""
    config = with_user(secured, name)
    allow_state(secured, name, history=False)
    secured.allow(f"User:{name}", ("CREATE WRITE", "topic", f"{name}-data"))
    async with running_worker(tmp_path, **config) as worker:
        await create(worker, "source", source(tmp_path, f"{name}-data"))
        await worker.until_state("source", State.RUNNING, tasks=1)
        answer = await worker.client.get("/v1/connectors/source/history")
        assert (answer.status_code, answer.headers["x-connect-error-code"]) == (409, "history.off")
    [warning] = [record.getMessage() for record in caplog.records if "no history" in record.getMessage()]
    assert f"--topic {name}-configs-history" in warning


@pytest.mark.slow
async def test_what_a_connector_may_not_do_fails_its_task_and_says_the_acl_that_is_missing(
    secured: Secured, tmp_path: Path, name: str
) -> None:
    topic, who = f"{name}-data", f"User:{name}"
    allow_state(secured, name)
    secured.allow(who, ("CREATE DESCRIBE", "topic", topic))
    async with running_worker(tmp_path, **with_user(secured, name)) as worker:
        await create(worker, "source", source(tmp_path, topic))
        trace = await worker.until_failed("source")
        add = f"kafka-acls --bootstrap-server BROKER --add --allow-principal {who}"
        assert f"{who} may not Write topic '{topic}'" in trace
        assert f"{add} --operation Write --topic {topic}" in trace
        await create(worker, "sink", sink(tmp_path, topic))
        trace = await worker.until_failed("sink")
        assert f"{add} --operation Read --group connect-sink" in trace
        secured.allow(who, ("WRITE", "topic", topic), ("READ", "group", "connect-sink"))
        for each in ("source", "sink"):
            await worker.client.post(f"/connectors/{each}/restart?includeTasks=true&onlyFailed=true")
        trace = await worker.until_failed("sink")
        assert f"{who} may not Read topic '{topic}'" in trace
        assert (await worker.client.get("/connectors/sink/status")).json()["connector"]["state"] == "RUNNING"
        assert worker.herder.status("sink").tasks[0].restart is None, "nobody mends this by waiting"
        secured.allow(who, ("READ", "topic", topic))
        await worker.client.post("/connectors/sink/restart?includeTasks=true&onlyFailed=true")
        await worker.until(lambda: arrived(tmp_path))
        await create(worker, "other", sink(tmp_path, f"{name}-unseen"))
        assert f"may not Describe topic '{name}-unseen'" in await worker.until_failed("other")


@pytest.mark.night
async def test_a_transactional_id_that_is_not_allowed_fails_the_connector_with_its_acl(
    secured: Secured, tmp_path: Path, name: str
) -> None:
    allow_state(secured, name)
    secured.allow(f"User:{name}", ("CREATE WRITE", "topic", f"{name}-data"))
    config = with_user(secured, name, **{"exactly.once.source.support": "enabled"})
    async with running_worker(tmp_path, **config) as worker:
        await create(worker, "source", source(tmp_path, f"{name}-data"))
        trace = await worker.until_failed("source")
        assert f"--operation Write --transactional-id {name}-source-0" in trace


@pytest.mark.night
async def test_where_somebody_else_makes_the_topics_nobody_here_needs_create(
    secured: Secured, tmp_path: Path, name: str
) -> None:
    state = [f"{name}-{kind}" for kind in ("configs", "offsets", "status", "workers")]
    for topic in (*state, f"{name}-data"):
        secured.make_topic(topic, {"cleanup.policy": "compact"} if topic in state else {})
    own = [("DESCRIBE_CONFIGS READ WRITE", "topic", topic) for topic in state]
    own.append(("WRITE", "transactional-id", f"connect-cluster-{name}"))
    secured.allow(f"User:{name}", *own, ("READ", "group", name), ("WRITE", "topic", f"{name}-data"))
    async with running_worker(tmp_path, **with_user(secured, name)) as worker:
        await create(worker, "source", source(tmp_path, f"{name}-data"))
        await worker.until(lambda: worker.records("source") == 2)


@pytest.mark.parametrize(
    ("allowed", "mentions"),
    [
        ([], "may not Describe topic 'NAME-configs'"),
        ([(STATE, "topic", "NAME-configs"), ("READ", "group", "NAME")], "may not Describe topic 'NAME-offsets'"),
        ([("CREATE DESCRIBE_CONFIGS READ", "topic", "NAME-*"), ("READ", "group", "NAME")], "may not Write topic"),
        ([(STATE, "topic", "NAME-*")], "--operation Read --group NAME"),
        ([("DESCRIBE READ WRITE", "topic", "NAME-*"), ("READ", "group", "NAME")], "may not Create topic"),
    ],
)
async def test_a_worker_that_may_not_use_its_topics_or_its_group_does_not_start_and_says_what_it_needs(
    secured: Secured, tmp_path: Path, name: str, allowed: list[tuple[str, str, str]], mentions: str
) -> None:
    if allowed:
        rules = [(operations, kind, resource.replace("NAME", name)) for operations, kind, resource in allowed]
        secured.allow(f"User:{name}", *rules)
    began = time.monotonic()
    with pytest.raises(ConnectError) as raised:
        async with running_worker(tmp_path, **with_user(secured, name)):
            pass
    assert (raised.value.code, raised.value.exit_code) == ("kafka.authorization", 3)
    assert time.monotonic() - began < DEADLINE_S
    message = raised.value.message
    assert mentions.replace("NAME", name) in message
    if "may not Read group" not in message:
        needed = "--operation Create --operation DescribeConfigs --operation Read --operation Write"
        topics = " ".join(f"--topic {name}-{kind}" for kind in ("configs", "offsets", "status", "workers"))
        assert f"{needed} {topics} && kafka-acls" in message


def login(broker: Secured, user: str, password: str) -> str:
    return scram(broker, user, password)["sasl.jaas.config"]


@pytest.mark.slow
async def test_a_connector_logs_in_as_somebody_else_and_one_that_is_not_let_in_fails_without_its_secret(
    secured: Secured,
    tmp_path: Path,
    name: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connect.kafka.producer.ANSWER_S", 4.0)
    monkeypatch.setattr("connect.kafka.clients._LOOK_AFTER_S", 2.0)
    allow_state(secured, name)
    topic, other = f"{name}-data", f"{name}-other"
    secured.user(other, PASSWORD, 256)
    secured.allow(f"User:{name}", ("CREATE DESCRIBE", "topic", topic))
    secured.allow(f"User:{other}", ("WRITE READ", "topic", topic), ("READ", "group", "connect-*"))

    def override(client: str, password: str = PASSWORD) -> dict[str, str]:
        keys = {"sasl.jaas.config": login(secured, other, password), "sasl.mechanism": "SCRAM-SHA-256"}
        return {f"{client}.override.{key}": value for key, value in keys.items()}

    async with running_worker(tmp_path, **with_user(secured, name)) as worker:
        await create(worker, "source", source(tmp_path, topic, **override("producer")))
        await create(worker, "sink", sink(tmp_path, topic, **override("consumer")))
        await worker.until(lambda: arrived(tmp_path))
        bad = {
            "bad-source": source(tmp_path, topic, **override("producer", WRONG)),
            "bad-sink": sink(tmp_path, topic, **override("consumer", WRONG)),
            "plain-sink": sink(tmp_path, topic, **{"consumer.override.security.protocol": "PLAINTEXT"}),
        }
        for each, config in bad.items():
            await create(worker, each, config)
        traces = {each: await worker.until_failed(each) for each in bad}
        assert "sasl.jaas.config: " in traces["bad-source"]
        assert "sasl.jaas.config: " in traces["bad-sink"]
        assert "security.protocol: it is PLAINTEXT" in traces["plain-sink"]
        assert all("[kafka.authentication]" in trace for trace in traces.values())
        shown = [caplog.text, *traces.values()]
        for path in ("status", "config", "tasks"):
            shown += [(await worker.client.get(f"/v1/connectors/bad-source/{path}")).text]
        shown += [(await worker.client.get("/v1/warnings")).text]
        assert not [text for text in shown if WRONG in text or PASSWORD in text]


def test_the_command_ends_with_the_reason_and_without_a_secret(secured: Secured, tmp_path: Path, name: str) -> None:
    config = {**with_user(secured, name), "sasl.jaas.config": login(secured, name, WRONG)}
    (tmp_path / "worker.properties").write_text("".join(f"{key}={value}\n" for key, value in config.items()))
    with ForkedWorker(tmp_path / "data", "--config", tmp_path / "worker.properties") as worker:
        assert worker.process.wait(DEADLINE_S) == 3
    assert "sasl.jaas.config: " in worker.log
    assert "code: kafka.authentication" in worker.log
    assert WRONG not in worker.log


def test_a_worker_whose_certificate_is_its_login_runs_from_a_properties_file(
    secured: Secured, tmp_path: Path, name: str
) -> None:
    """As public worker files have it: the PEM in the file itself, its lines joined, and each kind of client's own."""
    text = secured.file("client").read_text()
    key, chain = text[: text.index("-----BEGIN CERT")], text[text.index("-----BEGIN CERT") :]
    own = {
        "security.protocol": "SSL",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": secured.file("ca").read_text(),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": chain,
        "ssl.keystore.key": key,
        "ssl.endpoint.identification.algorithm": "",
    }
    config: dict[str, Any] = {
        **worker_config(name, {"bootstrap.servers": secured.address("MTLS")}),
        "bootstrap.servers": secured.address("MTLS"),
        **{
            f"{prefix}{key}": value for prefix in ("", "producer.", "consumer.", "admin.") for key, value in own.items()
        },
    }
    secured.allow("User:ann", (STATE, "topic", f"{name}-*"), ("READ", "group", name), ("READ", "group", "connect-sink"))
    secured.allow("User:ann", ("WRITE", "transactional-id", f"connect-cluster-{name}"))
    lines = [f"{key}={value.strip()}".replace("\n", "\\\n") for key, value in config.items()]
    (tmp_path / "worker.properties").write_text("\n".join(lines))
    arguments: list[str | Path] = ["--config", tmp_path / "worker.properties"]
    for each, made in {"source": source(tmp_path, f"{name}-data"), "sink": sink(tmp_path, f"{name}-data")}.items():
        file = tmp_path / f"{each}.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in {"name": each, **made}.items()))
        arguments.append(file)
    with ForkedWorker(tmp_path / "data", *arguments) as worker:
        until(lambda: arrived(tmp_path), worker)
        assert worker.stop() == 0, worker.log
    assert "PRIVATE KEY" not in worker.log
