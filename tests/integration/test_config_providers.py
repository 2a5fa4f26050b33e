"""References to config providers in a real worker: where their values get to, and where they never do."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from connect.api import ConfigError, ConnectError, PluginError
from connect.app import open_worker
from connect.records import Columns
from connect.runtime.border.calls import PluginTimeoutError
from connect.runtime.model import State
from connect.runtime.plugins import PluginHost
from connect.runtime.worker_config import WorkerConfig
from tests.support import vaults
from tests.support.dead_letters import file_sink, lines, produce, replay, started
from tests.support.plain import NO_TLS
from tests.support.remembered import forgetting
from tests.support.vaults import HELD, TTL_MS, Leaky, Vault
from tests.support.worker import STRING, RunningWorker, WorkerProcess, running_worker, until

SECRET = "hunter2-and-more"
VALIDATE = "/connector-plugins/Leaky/config/validate"
REFERENCE = "${vault:db:password}"


@pytest.fixture(autouse=True)
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every worker finds the vault and the leaky connector, as if they were installed."""
    discover = PluginHost.discover

    def with_vaults(*args: Any, **kwargs: Any) -> PluginHost:
        host = discover(*args, **kwargs)
        host.register(vaults, "vaults")
        return host

    monkeypatch.setattr(PluginHost, "discover", with_vaults)
    vaults.empty()
    HELD["db"] = {"password": SECRET, "topic": "pears", "port": "7", "list": "alpha-beta,gamma-delta"}
    with forgetting():
        yield
    vaults.GATE.set()


@asynccontextmanager
async def worker_of(tmp_path: Path, **config: str) -> AsyncIterator[RunningWorker]:
    keys = {"config_providers": "vault", "config_providers_vault_class": "tests.support.vaults.Vault", **config}
    async with running_worker(tmp_path, value_converter=STRING, key_converter=STRING, **keys) as worker:
        yield worker


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with worker_of(tmp_path, plugin_check_timeout_ms="1500") as running:
        yield running


def leaky(**config: str) -> dict[str, str]:
    return {"connector.class": "Leaky", "login": REFERENCE, **{k.replace("_", "."): v for k, v in config.items()}}


async def everything_shown(worker: RunningWorker, name: str = "x") -> str:
    """All that REST tells of a connector."""
    paths = ["", "/status", "/config", "/tasks", "/tasks-config", "/offsets", "/topics"]
    answers = [await worker.client.get(f"/connectors/{name}{path}") for path in paths]
    answers += [await worker.client.get(p) for p in ("/connectors?expand=info&expand=status", "/v1/warnings")]
    return "\n".join(answer.text for answer in answers)


def everything_stored(tmp_path: Path) -> bytes:
    return b"".join(p.read_bytes() for p in (tmp_path / "data").glob("connect-*/*.log"))


async def test_values_reach_the_plugin_and_references_are_what_is_stored_and_shown(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await worker.herder.create("x", leaky(topic="${vault:db:topic}-of-${vault:db:port}", tasks_max="2"))
    await worker.until_state("x", State.RUNNING, tasks=2)
    await until(lambda: worker.records("x") == 2)
    assert await worker.values("pears-of-7") == [SECRET.encode()] * 2
    assert Leaky.seen[0]["derived"] == f"jdbc://h/?x={SECRET};"
    assert SECRET not in await everything_shown(worker)
    assert SECRET.encode() not in everything_stored(tmp_path)
    tasks = (await worker.client.get("/connectors/x/tasks")).json()
    assert tasks[0]["config"]["login"] == REFERENCE
    assert tasks[0]["config"]["topic"] == "${vault:db:topic}-of-${vault:db:port}"
    assert tasks[0]["config"]["derived"] == f"jdbc://h/?x={REFERENCE};"
    assert (await worker.client.get("/connectors/x")).json()["config"]["login"] == REFERENCE


async def test_a_worker_that_comes_back_resolves_anew(tmp_path: Path) -> None:
    async with worker_of(tmp_path) as worker:
        await worker.herder.create("x", leaky())
        await worker.until_state("x", State.RUNNING, tasks=1)
    HELD["db"]["password"] = "another-secret"
    Leaky.seen.clear()
    async with worker_of(tmp_path) as worker:
        await worker.until_state("x", State.RUNNING, tasks=1)
        assert [seen["login"] for seen in Leaky.seen] == ["another-secret"]


@pytest.mark.parametrize("how", ["fail-connector", "fail-task"])
async def test_a_failure_that_quotes_a_value_is_shown_without_it(
    worker: RunningWorker, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    from connect.cli.logs.formats import formatter

    await worker.herder.create("x", leaky(how=how, note="${vault:db:list}"))
    trace = await worker.until_failed("x")
    logged = "\n".join(formatter().format(record) for record in caplog.records)
    for text in (trace, await everything_shown(worker), logged):
        assert SECRET not in text
        assert "gamma-delta" not in text
    assert "[hidden]" in trace


async def test_a_status_that_quotes_a_part_of_a_value_does_not_show_it(worker: RunningWorker) -> None:
    HELD["db"]["path"] = "/no-such/hunter2-folder/with\nlines-of-hunter2/file"
    config = {"connector.class": "FileStreamSink", "topics": "t", "file": "${vault:db:path}"}
    await worker.herder.create("s", config)
    trace = await worker.until_failed("s")
    assert "is not there" in trace.splitlines()[0]
    assert "hunter2" not in trace + await everything_shown(worker, "s")


async def test_dead_letters_and_skipped_records_tell_no_value(
    worker: RunningWorker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from connect.cli.logs.formats import formatter

    await worker.herder.cluster.admin.create_topic("t")
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append("t", Columns([b"a record"]))
    await producer.aclose()
    config = {
        "connector.class": "FileStreamSink",
        "topics": "t",
        "file": str(tmp_path / "out"),
        "transforms": "q",
        "transforms.q.type": "Quoting",
        "transforms.q.pepper": REFERENCE,
        "errors.tolerance": "all",
        "errors.log.enable": "true",
        "errors.log.include.messages": "true",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    await worker.herder.create("s", config)
    await until(lambda: any(progress.skipped for progress in worker.herder.progress()))
    await worker.herder.stop("s")
    await until(lambda: worker.herder.status("s").connector.state is State.STOPPED)
    assert await worker.values("dead") == [b"a record"]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data" / "dead-0").glob("*.log"))
    assert b"a record does not go with [hidden]" in stored
    assert SECRET.encode() not in stored
    assert SECRET not in "\n".join(formatter().format(record) for record in caplog.records)


async def test_what_a_task_makes_of_data_is_not_resolved(worker: RunningWorker) -> None:
    HELD["db"]["password"] = REFERENCE.replace("password", "topic")  # what a value holds is no reference
    await worker.herder.create("x", leaky())
    await until(lambda: worker.records("x") == 1)
    assert await worker.values("leaky") == [b"${vault:db:topic}"]


async def test_an_unknown_provider_is_text_as_in_kafka_and_warned_of(
    worker: RunningWorker, caplog: pytest.LogCaptureFixture
) -> None:
    given = leaky(login="${vualt:db:password}")
    answer = (await worker.client.put(f"/v1{VALIDATE}", json=given)).json()
    [warning] = [one for one in answer["warnings"] if one["code"] == "unknown_provider"]
    assert warning["key"] == "login"
    assert "did you mean vault?" in warning["message"]
    await worker.herder.create("x", given)
    await until(lambda: worker.records("x") == 1)
    assert await worker.values("leaky") == [b"${vualt:db:password}"]
    assert "did you mean vault?" in caplog.text


# -- validation ------------------------------------------------------------------------------------------------------


def infos(answer: dict[str, Any]) -> dict[str, Any]:
    return {info["value"]["name"]: info["value"] for info in answer["configs"]}


async def test_validation_checks_the_values_and_answers_with_the_references(worker: RunningWorker) -> None:
    answer = (await worker.client.put(VALIDATE, json=leaky(port="${vault:db:port}", name="x"))).json()
    assert answer["error_count"] == 0
    assert infos(answer)["login"]["value"] == REFERENCE
    assert infos(answer)["port"]["value"] == "${vault:db:port}"


async def test_an_error_about_a_value_does_not_quote_it(worker: RunningWorker) -> None:
    HELD["db"]["port"] = "hunter2-as-a-port"
    given = leaky(port="${vault:db:port}", tasks_max="${vault:db:port}", note="${vault:db:list}", name="x")
    for path in (VALIDATE, f"/v1{VALIDATE}?check=true"):
        answer = await worker.client.put(path, json=given)
        assert infos(answer.json())["port"]["errors"], "it is no number"
        assert infos(answer.json())["tasks.max"]["value"] == "${vault:db:port}"
        for secret in ("hunter2", "as-a-port", "alpha-beta", "gamma"):
            assert secret not in answer.text
    answer = await worker.client.post("/connectors", json={"name": "x", "config": given})
    assert answer.status_code == 400
    assert "hunter2" not in answer.text


async def test_a_look_outside_tells_no_value(worker: RunningWorker) -> None:
    given = leaky(name="x", note="${vault:db:list}")
    answer = await worker.client.put(f"/v1{VALIDATE}?check=true", json=given)
    assert any("cannot log in" in one["message"] for one in answer.json()["warnings"]), answer.text
    for secret in (SECRET, "hunter2", "gamma-delta"):
        assert secret not in answer.text


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("${vault:db:none}", "config provider 'vault' has no key 'none' at 'db'"),
        ("${vault:nowhere:k}", "config provider 'vault': there is no path 'nowhere'"),
        ("${vault:raises:k}", "a defect"),
        ("${vault:exits:k}", "SystemExit"),
        ("${vault:sealed:k}", "the vault is sealed"),
        ("${vault:no-data:k}", "Vault.get returned dict; expected ConfigData"),
        ("${vault:numbers:k}", "Vault.get returned 'k': int; expected text"),
        ("${vault:odd-ttl:k}", "Vault.get returned ttl_ms 'soon'"),
    ],
)
async def test_a_reference_that_leads_nowhere_is_an_error_of_its_key(
    worker: RunningWorker, reference: str, told: str
) -> None:
    answer = (await worker.client.put(VALIDATE, json=leaky(login=reference, port=reference, name="x"))).json()
    for key in ("login", "port"):
        [error] = infos(answer)[key]["errors"]
        assert told in error
        assert f"Invalid value {reference} for configuration {key}" in error
        assert infos(answer)[key]["value"] == reference
    with pytest.raises(ConfigError, match="contains the following 1 error"):
        await worker.herder.create("x", leaky(login=reference))
    assert worker.herder.connectors() == []


@pytest.mark.timeout(60)
async def test_a_provider_that_hangs_ends_a_request_in_time_and_is_asked_again_on_another_thread(
    tmp_path: Path,
) -> None:
    async with worker_of(tmp_path, plugin_check_timeout_ms="200") as worker:
        answer = await worker.client.put(VALIDATE, json=leaky(login="${vault:hangs:k}", name="x"))
        assert answer.status_code == 503
        assert "config provider 'vault' (tests.support.vaults.Vault) did not answer within 0.2 s" in answer.text
        answer = await worker.client.put(VALIDATE, json=leaky(name="x"))
        assert answer.json()["error_count"] == 0, "the next call has an instance of its own"
        for _ in range(4):
            with pytest.raises(PluginTimeoutError):
                await worker.herder.create("x", leaky(login="${vault:hangs:k}"))
        with pytest.raises(PluginTimeoutError, match="is not asked: 4 calls of it have not come back"):
            await worker.herder.create("x", leaky())
        vaults.GATE.set()
        await until(lambda: not any(one.is_busy for one in worker.herder.providers._providers["vault"]._hanging))
        await worker.herder.create("x", leaky())
        await worker.until_state("x", State.RUNNING, tasks=1)


@pytest.mark.parametrize("key", ["name", "connector.class", "transforms", "predicates", "topic.creation.groups"])
async def test_what_is_in_paths_and_names_of_keys_cannot_be_a_reference(worker: RunningWorker, key: str) -> None:
    given = {**leaky(note="${vault:db:list}"), key: "${vault:db:list}"}
    for path in ("/connectors/x/config", VALIDATE, f"/v1{VALIDATE}"):
        answer = await worker.client.put(path, json=given)
        assert answer.status_code == 400 or answer.json()["error_count"] > 0
        assert "alpha-beta" not in answer.text
    assert worker.herder.connectors() == []


async def test_masks_and_references_together_come_back_as_they_were(worker: RunningWorker) -> None:
    given = leaky(note="jdbc://u:${vault:db:password}@h/d?password=plain-secret")
    await worker.herder.create("x", given)
    shown = (await worker.client.get("/connectors/x/config")).json()
    assert shown["note"] == "jdbc://u:${vault:db:password}@h/d?password=[hidden]"
    answer = await worker.client.put("/connectors/x/config", json={**shown, "tasks.max": "2"})
    assert answer.status_code == 200
    assert worker.herder.info("x").config["note"] == given["note"]
    assert worker.herder.info("x").config["login"] == REFERENCE
    assert SECRET not in answer.text
    checked = (await worker.client.put(VALIDATE, json=shown)).json()
    assert infos(checked)["note"]["errors"] == []
    assert infos(checked)["note"]["value"] == shown["note"]


async def test_keys_of_a_class_that_is_a_reference_are_all_taken_for_secrets(worker: RunningWorker) -> None:
    HELD["db"]["class"] = STRING
    await worker.herder.create("x", leaky(value_converter="${vault:db:class}", value_converter_odd="shh-quiet"))
    await worker.until_state("x", State.RUNNING, tasks=1)
    shown = (await worker.client.get("/connectors/x/config")).json()
    assert shown["value.converter"] == "${vault:db:class}"
    assert shown["value.converter.odd"] == "[hidden]"


# -- starting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("raises", "KeyError: 'a defect' (get of tests.support.vaults.Vault)"),
        ("sealed", "config provider 'vault': the vault is sealed [retriable]"),
        ("numbers", "Vault.get returned 'k': int; expected text [plugin.broken]"),
        ("gone", "config provider 'vault': there is no path 'gone' [config.invalid]"),
    ],
)
async def test_a_provider_that_fails_at_a_restart_fails_the_connector_with_the_whole_story(
    worker: RunningWorker, path: str, told: str
) -> None:
    await worker.herder.create("x", leaky())
    await worker.until_state("x", State.RUNNING, tasks=1)
    await worker.herder._configs.put_connector("x", leaky(login=f"${{vault:{path}:k}}", name="x"))
    await worker.herder.restart("x", include_tasks=True)
    trace = await worker.until_failed("x")
    assert trace.startswith(f"Invalid value ${{vault:{path}:k}} for configuration login: ")
    assert told in trace.splitlines()[0]
    assert worker.herder.status("x").tasks[0].state is State.RUNNING, "with the values that it has"
    HELD["db"] = {"password": "back-again"}
    await worker.herder._configs.put_connector("x", leaky(name="x"))
    Leaky.seen.clear()
    await worker.herder.restart("x", include_tasks=True, only_failed=True)
    await until(lambda: Leaky.seen)  # the task did not fail, and runs with other values than its connector
    await worker.until_state("x", State.RUNNING, tasks=1)
    assert Leaky.seen[-1]["login"] == "back-again"


async def test_a_task_alone_restarts_with_the_values_of_now(worker: RunningWorker) -> None:
    await worker.herder.create("x", leaky(tasks_max="2"))
    await worker.until_state("x", State.RUNNING, tasks=2)
    HELD["db"]["password"] = "rotated-secret"
    await worker.herder.restart_task("x", 0)
    await until(lambda: Leaky.seen[-1]["login"] == "rotated-secret")
    assert Leaky.seen[-1]["derived"] == "jdbc://h/?x=rotated-secret;"
    assert len(Leaky.seen) == 3
    await worker.until_state("x", State.RUNNING, tasks=2)
    await worker.herder.restart_task("x", 1)
    await until(lambda: len(Leaky.seen) == 4)
    await worker.until_state("x", State.RUNNING, tasks=2)
    assert [seen["task"] for seen in Leaky.seen[2:]] == ["0", "1"], "each alone"


async def test_a_retriable_failure_of_a_provider_is_an_outage_that_restarts_by_itself(worker: RunningWorker) -> None:
    HELD["sealed2"] = {"k": "value-of-k"}
    await worker.herder.create("x", leaky(login="${vault:sealed2:k}", errors_restart_delay_ms="5"))
    await worker.until_state("x", State.RUNNING, tasks=1)
    config = {**worker.herder.info("x").config, "login": "${vault:sealed:k}"}
    await worker.herder._configs.put_connector("x", config)
    await worker.herder.restart("x", include_tasks=True)
    await until(lambda: worker.herder.status("x").connector.restart is not None)
    restart = worker.herder.status("x").connector.restart
    assert restart is not None
    assert restart.cause == "outage"


async def test_overrides_of_clients_and_restart_keys_take_values(worker: RunningWorker) -> None:
    HELD["db"] |= {"codec": "gzip", "policy": "none", "class": STRING}
    keys = {
        "producer.override.compression.type": "${vault:db:codec}",
        "errors.restart.policy": "${vault:db:policy}",
        "value.converter": "${vault:db:class}",
    }
    await worker.herder.create("x", {**leaky(), **keys})
    await until(lambda: worker.records("x") == 1)


async def test_the_group_of_a_sink_may_be_a_reference(worker: RunningWorker, tmp_path: Path) -> None:
    HELD["db"]["group"] = "my-own-group"
    config = {"connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "out")}
    await worker.herder.cluster.admin.create_topic("t")
    await worker.herder.create("s", {**config, "consumer.override.group.id": "${vault:db:group}"})
    await worker.until_state("s", State.RUNNING, tasks=1)
    assert (await worker.herder.lags())["s"].group == "my-own-group"
    await worker.herder.stop("s")
    await until(lambda: worker.herder.status("s").connector.state is State.STOPPED)
    at = {"kafka_topic": "t", "kafka_partition": 0}
    await worker.herder.alter_offsets("s", [(at, {"kafka_offset": 0})])
    assert await worker.herder.offsets("s") == [(at, {"kafka_offset": 0})]
    assert "my-own-group" in await worker.herder.cluster.groups.list()


# -- the worker's own ------------------------------------------------------------------------------------------------


async def test_a_workers_config_takes_values_of_any_type_before_anything_uses_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_DATA", str(tmp_path / "there"))
    monkeypatch.setenv("MY_FLUSH", "1234")
    HELD["db"]["class"] = STRING
    texts = {
        "data.dir": "${env:MY_DATA}",
        "offset.flush.interval.ms": "${env:MY_FLUSH}",
        "value.converter": "${vault:db:class}",
        "producer.compression.type": "gzip",
        "config.providers": "vault, env",
        "config.providers.vault.class": "tests.support.vaults.Vault",
        "config.providers.vault.param.url": "http://v",
        "config.providers.env.class": "EnvVarConfigProvider",
    }
    async with open_worker(WorkerConfig.read(texts)) as herder:
        assert herder.worker_config.offset_flush_interval_ms == 1234
        assert herder.worker_config.value_converter == STRING
        assert (tmp_path / "there" / "meta.properties").exists()
    assert Vault.made == Vault.closed == 2, "one for the start, and one that stays"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"config.providers.vault.class": "tests.support.vaults.Vualt"}, "did you mean tests.support.vaults.Vault?"),
        ({"config.providers.vault.class": ""}, "key config.providers.vault.class is missing"),
        ({"config.providers.vault.param.port": "x"}, "config.providers.vault.param.port"),
        ({"config.providers.vault.param.url": "broken"}, "there is no vault at 'broken'"),
        ({"plugin.path": "${vault:db:topic}"}, "it is needed before there are config providers"),
        ({"config.providers.vault.param.url": "${vault:db:topic}"}, "it is needed before there are config providers"),
        ({"offset.flush.interval.ms": "${vault:db:password}"}, "offset.flush.interval.ms"),
        ({"value.converter.x": "${vault:db:nope}"}, "config provider 'vault' has no key 'nope' at 'db'"),
    ],
)
async def test_a_worker_whose_providers_are_wrong_does_not_start(
    tmp_path: Path, keys: dict[str, str], told: str
) -> None:
    texts = {
        "data.dir": str(tmp_path / "data"),
        "config.providers": "vault",
        "config.providers.vault.class": "tests.support.vaults.Vault",
        **keys,
    }
    with pytest.raises((ConfigError, PluginError)) as caught:
        async with open_worker(WorkerConfig.read(texts)):
            pass
    assert told in f"{caught.value.message} {caught.value.hint}"
    assert SECRET not in caught.value.message


@pytest.mark.slow
def test_a_worker_process_takes_its_config_and_its_log_level_from_its_environment(tmp_path: Path) -> None:
    path = tmp_path / "worker.properties"
    path.write_text(
        "config.providers=env\nconfig.providers.env.class=EnvVarConfigProvider\n"
        "log.level=${env:MY_LEVEL}\nvalue.converter=${env:MY_CONVERTER}\ngroup.id=g\n"
    )
    with WorkerProcess(tmp_path / "data", "--config", path, MY_LEVEL="WARN", MY_CONVERTER=STRING) as process:
        assert httpx.get(process.url(), verify=NO_TLS).status_code == 200
        assert process.stop() == 0
    assert "REST is ready" not in process.log, "which is INFO"
    with WorkerProcess(tmp_path / "data", "--config", path, MY_CONVERTER=STRING) as process:
        assert process.process.wait(30) == 2
    assert "config provider 'env' has no key 'MY_LEVEL'" in process.log


# -- time to live ----------------------------------------------------------------------------------------------------


async def test_a_value_that_changed_restarts_the_connector_when_its_time_is_over(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect.runtime.providers.reloads.TTL_MS_MIN", 10)
    TTL_MS["db"] = 10
    await worker.herder.create("x", leaky())
    await worker.until_state("x", State.RUNNING, tasks=1)
    asked = Vault.asked
    await until(lambda: Vault.asked > asked + 3)
    assert len(Leaky.seen) == 1, "nothing has changed, so nothing was restarted"
    HELD["db"]["password"] = "rotated-secret"
    await until(lambda: Leaky.seen[-1]["login"] == "rotated-secret")
    await worker.until_state("x", State.RUNNING, tasks=1)
    await worker.herder.stop("x")
    await until(lambda: worker.herder.status("x").connector.state is State.STOPPED)
    assert worker.herder._lifecycle.reloads.watched() == []


async def test_with_reload_none_nothing_is_watched(worker: RunningWorker) -> None:
    TTL_MS["db"] = 10
    await worker.herder.create("x", leaky(config_action_reload="none"))
    await worker.until_state("x", State.RUNNING, tasks=1)
    assert worker.herder._lifecycle.reloads.watched() == []
    await worker.herder.put_config("x", leaky())
    assert worker.herder._lifecycle.reloads.watched() == ["x"]
    await worker.herder.delete("x")
    await until(lambda: worker.herder._lifecycle.reloads.watched() == [])


# -- bundled ---------------------------------------------------------------------------------------------------------

FILES = {
    "config.providers": "file,dir",
    "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
    "config.providers.dir.class": "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
}


async def test_a_file_connector_runs_from_the_secrets_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "places.properties").write_text(f"in={tmp_path / 'in.txt'}\n")
    (folder / "topic").write_text("lines")
    (tmp_path / "in.txt").write_text("one\n")
    (tmp_path / "out").write_text("k=hunter2")
    allowed = {f"config.providers.{name}.param.allowed.paths": str(folder) for name in ("file", "dir")}
    async with running_worker(tmp_path, value_converter=STRING, **FILES, **allowed) as worker:
        config = {
            "connector.class": "FileStreamSource",
            "file": f"${{file:{folder}/places.properties:in}}",
            "topic": f"${{dir:{folder}:topic}}",
        }
        await worker.herder.create("f", config)
        await until(lambda: worker.records("f") == 1)
        assert await worker.values("lines") == [b"one"]
        for path in (f"{tmp_path}/out", f"{folder}/../out"):
            with pytest.raises(ConfigError, match="is not allowed"):
                await worker.herder.create("g", {**config, "topic": f"${{file:{path}:k}}"})
        asked = json.loads((await worker.client.get("/v1/warnings")).text)["warnings"]
        assert [one for one in asked if one["code"] == "provider.open"] == []


async def test_a_task_that_is_restarted_beside_a_connector_without_its_values_goes_on_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "places.properties").write_text(f"in={tmp_path / 'in'}\n")
    (tmp_path / "in").write_text("one\n")
    allowed = {f"config.providers.{name}.param.allowed.paths": str(folder) for name in ("file", "dir")}
    async with running_worker(tmp_path, **FILES, **allowed) as worker:
        config = {"connector.class": "FileStreamSource", "topic": "t", "value.converter": STRING}
        await worker.herder.create("c", {**config, "file": f"${{file:{folder}/places.properties:in}}"})
        await worker.until(lambda: worker.records("c") == 1)
        (folder / "places.properties").rename(tmp_path / "elsewhere")
        await worker.herder.restart("c", include_tasks=False, only_failed=False)
        await worker.until(lambda: worker.herder.status("c").connector.state is State.FAILED)
        await worker.herder.restart_task("c", 0)
        await worker.until(lambda: worker.herder.status("c").tasks[0].state is not State.RESTARTING)
        assert "places.properties" in (worker.herder.status("c").connector.trace or "")
        with (tmp_path / "in").open("a") as file:
            file.write("two\n")
        await worker.until(lambda: worker.records("c") == 2)


@pytest.mark.parametrize(("listener", "opens"), [("http://0.0.0.0:0", 2), ("http://127.0.0.1:0", 0)])
async def test_providers_that_open_every_file_are_warned_of_where_others_reach_rest(
    tmp_path: Path, listener: str, opens: int
) -> None:
    async with running_worker(tmp_path, listeners=listener, **FILES) as worker:
        found = json.loads((await worker.client.get("/v1/warnings")).text)["warnings"]
        assert [one["subject"] for one in found if one["code"] == "provider.open"] == ["file", "dir"][:opens]


async def test_providers_do_not_keep_a_worker_from_ending(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def close(self: Vault) -> None:
        raise ConnectError("it does not close")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Vault, "close", close)
        async with asyncio.timeout(20):
            async with worker_of(tmp_path):
                pass
    assert "config provider vault failed to close" in caplog.text
    assert not [r for r in caplog.records if r.levelno >= logging.CRITICAL]


@pytest.mark.slow
@pytest.mark.parametrize("stopped", [False, True])
async def test_dead_letters_are_worked_on_with_the_values_of_references(
    worker: RunningWorker, tmp_path: Path, stopped: bool
) -> None:
    HELD["db"] |= {"queue": "dead", "no": "false", "topic": "orders"}
    references = {
        "topics": "${vault:db:topic}",
        "errors.deadletterqueue.topic.name": "${vault:db:queue}",
        "value.converter.schemas.enable": "${vault:db:no}",
    }
    await produce(worker, b'{"n": 1}', b"{", b'{"n": 2}')
    await started(worker, file_sink(tmp_path) | references, records=3)
    bench = worker.herder.dead_letters
    assert [(queue.name, queue.connectors, queue.size) for queue in await bench.queues()] == [("dead", ("s",), 1)]
    if stopped:
        await worker.herder.stop("s")
    detail = await bench.letter("dead", 0, 0)
    assert detail.undecoded is not None and "serialization error" in detail.undecoded, (
        "JSON without schemas was expected"
    )
    done = await replay(worker, patch=[{"op": "replace", "path": "/value", "value": {"n": 7}}])
    assert (done.done, done.problems) == (1, [])
    if not stopped:
        await until(lambda: len(lines(tmp_path)) == 3)


async def test_a_limit_that_comes_from_a_provider_is_told_as_it_is_in_force(worker: RunningWorker) -> None:
    HELD["db"] |= {"rate": "7.5", "bytes": "5000"}
    plain = {"rate.limit.records.per.second": "3", "task.max.inflight.bytes": "${vault:db:bytes}"}
    await worker.herder.create("y", leaky(**plain))
    await worker.until_state("y", State.RUNNING, tasks=1)
    assert worker.herder.rate("y").records_per_s == 3
    await worker.herder.create("x", leaky(**{"rate.limit.records.per.second": "${vault:db:rate}"}))
    await worker.until_state("x", State.RUNNING, tasks=1)
    assert (await worker.client.get("/v1/connectors/x")).json()["rate"]["records_per_second"] == 7.5
    changed = leaky(**{"rate.limit.records.per.second": "${vault:db:rate}", "rate.limit.bytes.per.second": "1000"})
    answer = await worker.client.put("/connectors/x/config", json=changed)
    assert answer.status_code == 200, answer.text
    await until(lambda: (rate := worker.herder.rate("x")).bytes_per_s == 1000 and rate.records_per_s == 7.5)


async def test_a_restart_of_the_connector_alone_restarts_no_task_for_another_rate(worker: RunningWorker) -> None:
    HELD["db"] |= {"rate": "7.5"}
    rate = "rate.limit.records.per.second"
    configs = {"plain": leaky(**{rate: "3"}), "held": leaky(**{rate: "${vault:db:rate}"})}
    for name, config in configs.items():
        await worker.herder.create(name, config)
        await worker.until_state(name, State.RUNNING, tasks=1)
    HELD["db"] |= {"rate": "9"}
    await worker.herder.put_config("plain", {**configs["plain"], rate: "4"})
    seen = len(Leaky.seen)
    for name in configs:
        await worker.herder._lifecycle.restart(name, instance=True, tasks=[])
        await worker.until_state(name, State.RUNNING, tasks=1)
    assert (worker.herder.rate("plain").records_per_s, worker.herder.rate("held").records_per_s) == (4, 9)
    assert worker.herder.tasks("plain")[0].config[rate] == "4"
    assert len(Leaky.seen) == seen
    HELD["db"]["password"] = "rotated-secret"
    await worker.herder._lifecycle.restart("held", instance=True, tasks=[])
    await until(lambda: Leaky.seen[-1]["login"] == "rotated-secret")
