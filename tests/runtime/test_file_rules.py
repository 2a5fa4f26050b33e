from __future__ import annotations

import os
from pathlib import Path

import pytest

import connect
from connect.api import files
from connect.api.files import FileRules
from connect.runtime.file_rules import file_rules
from connect.runtime.model import State
from connect.runtime.worker_config import WorkerConfig
from tests.support.worker import STRING, running_worker


def rules(**keys: str) -> FileRules:
    return file_rules(WorkerConfig.parse({name.replace("_", "."): value for name, value in keys.items()}))


@pytest.mark.parametrize(
    ("listeners", "everywhere"),
    [
        ("http://127.0.0.1:8083", True),
        ("http://localhost:8083,http://[::1]:8083", True),
        ("http://0.0.0.0:8083", False),
        ("http://:8083", False),
        ("http://127.0.0.1:8083,https://10.0.0.5:8443", False),
        ("http://connect.internal:8083", False),
    ],
)
def test_all_files_are_allowed_while_every_listener_is_on_loopback(listeners: str, everywhere: bool) -> None:
    assert rules(listeners=listeners).allowed == (None if everywhere else (os.path.realpath("."),))


def test_the_key_says_which_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert rules(file_allowed_paths="in,/srv").allowed == (str(tmp_path / "in"), "/srv")
    assert rules(file_allowed_paths="*", listeners="http://0.0.0.0:1").allowed is None


def test_what_the_worker_lives_by_is_for_no_connector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECT_CONTEXTS_FILE", str(tmp_path / "contexts.json"))
    monkeypatch.syspath_prepend(tmp_path / "installed" / "site-packages")
    found = rules(
        data_dir=str(tmp_path / "data"),
        connectors_dir=str(tmp_path / "connectors"),
        rest_authentication_file=str(tmp_path / "users"),
        plugin_path=str(tmp_path / "plugins"),
        listeners_https_ssl_keystore_location=str(tmp_path / "server.pem"),
        ssl_keystore_key_location=str(tmp_path / "key.pem"),
    )
    for name in ("data/connect-configs-0/0.log", "users", "plugins/p.py", "server.pem", "key.pem", "contexts.json"):
        assert found.refusal(str(tmp_path / name), "read") is not None, name
        assert found.refusal(str(tmp_path / name), "write") is not None, name
    assert found.refusal(str(tmp_path / "connectors" / "more.json"), "write") is not None
    assert found.refusal(str(tmp_path / "installed" / "site-packages" / "evil.py"), "write") is not None
    assert found.refusal(str(tmp_path / "other"), "write") is None
    assert found.refusal(str(Path(connect.__file__)), "read") is None
    assert found.refusal(str(Path(connect.__file__)), "write") is not None
    assert found.refusal(str(Path(os.__file__)), "write") is not None


def test_a_comma_at_the_end_of_plugin_path_shuts_nobody_out_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert rules(plugin_path="/opt/plugins,").refusal(str(tmp_path / "in.txt"), "read") is None


async def test_the_rules_end_with_the_worker(tmp_path: Path) -> None:
    async with running_worker(tmp_path):
        assert files.refusal(str(tmp_path / "data" / "x"), "read") is not None
    assert files.refusal(str(tmp_path / "data" / "x"), "read") is None


def configs_of(path: str) -> dict[str, dict[str, str]]:
    own = {"connector.class": "FileStreamSource", "topic": "t", "file": "in", "value.converter": STRING}
    check = "connect.transforms.ValidateJsonSchema$Value"
    return {
        "file": {**own, "file": path},
        "sink": {"connector.class": "FileStreamSink", "topics": "t", "file": path},
        "schema.filename": {"connector.class": "DatagenConnector", "kafka.topic": "t", "schema.filename": path},
        "transforms.v.schema.file": {
            **own,
            "transforms": "v",
            "transforms.v.type": check,
            "transforms.v.schema.file": path,
        },
    }


async def test_whatever_names_a_file_is_refused_when_it_is_validated_and_nothing_of_the_file_is_told(
    tmp_path: Path,
) -> None:
    closed = tmp_path / "data" / "secret"
    async with running_worker(tmp_path) as worker:
        closed.write_text("hunter2")
        for name, config in configs_of(str(closed)).items():
            answer = await worker.client.put("/connectors/c/config", json=config)
            assert answer.status_code == 400, name
            assert "file.allowed.paths" in answer.json()["message"]
            assert "hunter2" not in answer.text
            plugin = config["connector.class"]
            infos = (
                await worker.client.put(f"/connector-plugins/{plugin}/config/validate", json={"name": "c", **config})
            ).json()
            wrong = {info["value"]["name"] for info in infos["configs"] if info["value"]["errors"]}
            assert wrong == {name.replace("sink", "file")}


async def test_a_config_that_was_stored_before_fails_as_it_starts(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("line\n")
    config = {
        "connector.class": "FileStreamSource",
        "topic": "t",
        "file": str(tmp_path / "in"),
        "value.converter": STRING,
    }
    async with running_worker(tmp_path) as worker:
        assert (await worker.client.put("/connectors/c/config", json=config)).status_code == 201
    async with running_worker(tmp_path, file_allowed_paths=str(tmp_path / "elsewhere")) as worker:
        trace = await worker.until_failed("c")
        assert "file.allowed.paths" in trace
        assert str(tmp_path / "in") in trace


async def test_a_link_that_leads_out_later_fails_the_task_that_opens_it(tmp_path: Path) -> None:
    folder = tmp_path / "allowed"
    folder.mkdir()
    config = {
        "connector.class": "FileStreamSource",
        "topic": "t",
        "file": str(folder / "in"),
        "value.converter": STRING,
    }
    (tmp_path / "secret").write_text("hunter2\n")
    async with running_worker(tmp_path, file_allowed_paths=str(folder)) as worker:
        assert (await worker.client.put("/connectors/c/config", json=config)).status_code == 201
        await worker.until_state("c", State.RUNNING, tasks=1)  # it waits for its file
        (folder / "in").symlink_to(tmp_path / "secret")
        assert "is not allowed" in await worker.until_failed("c")
        assert await worker.values("t") == [] if "t" in await worker.herder.cluster.admin.list_topics() else True
