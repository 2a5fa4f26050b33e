from __future__ import annotations

from pathlib import Path

from tests.support.worker import running_worker

PLUGIN = "from connect.api import sink\n@sink\ndef restfresh(records): pass\n"


async def test_a_refresh_tells_what_has_come_and_the_listing_has_it(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    watch = {"plugin_path": str(tmp_path / "plugins"), "plugin_path_watch": "false"}
    async with running_worker(tmp_path, **watch) as worker:
        (tmp_path / "plugins" / "restfresh.py").write_text(PLUGIN)
        (tmp_path / "plugins" / "restbad.py").write_text("raise OSError('postgres://u:pw-1@h/d')\n")
        answer = await worker.client.post("/v1/plugins/refresh")
        assert answer.status_code == 200
        told = answer.json()
        assert (told["added"], told["changed"], told["removed"], told["outdated"]) == (["restfresh"], [], [], [])
        (broken,) = told["broken"]
        assert (broken["name"], "pw-1" in broken["cause"]) == ("restbad", False)
        listed = (await worker.client.get("/connector-plugins")).json()
        assert "restfresh.restfresh" in [plugin["class"] for plugin in listed]
        warned = (await worker.client.get("/v1/warnings")).json()["warnings"]
        assert [w["subject"] for w in warned if w["code"] == "plugin.broken"] == ["restbad"]


async def test_every_kind_is_listed_and_what_is_broken_with_its_cause_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "listfresh.py").write_text(PLUGIN.replace("restfresh", "listfresh"))
    (tmp_path / "plugins" / "listbad.py").write_text("raise OSError('postgres://u:pw-1@h/d')\n")
    async with running_worker(tmp_path, plugin_path=str(tmp_path / "plugins")) as worker:
        told = (await worker.client.get("/v1/plugins")).json()
    found = {one["class"]: one for one in told["plugins"]}
    assert {one["type"] for one in told["plugins"]} == {
        "source", "sink", "transformation", "predicate", "converter", "header_converter", "configprovider"
    }  # fmt: skip
    file = found["org.apache.kafka.connect.file.FileStreamSinkConnector"]
    assert file["exactly_once"] is True
    assert file["doc"]
    assert found["listfresh.listfresh"]["exactly_once"] is False
    assert found["org.apache.kafka.connect.json.JsonConverter"]["exactly_once"] is None
    (broken,) = told["broken"]
    assert (broken["name"], "pw-1" in broken["cause"]) == ("listbad", False)


async def test_a_user_who_may_only_read_may_not_refresh(tmp_path: Path) -> None:
    from connect.credentials import hash_password

    users = tmp_path / "users.conf"
    users.write_text(f"reader:read:{hash_password('pw')}\nwriter:write:{hash_password('pw')}\n")
    users.chmod(0o600)
    async with running_worker(tmp_path, rest_authentication_file=str(users)) as worker:
        for name, status in ((None, 401), ("reader", 403), ("writer", 200)):
            answer = await worker.client.post("/v1/plugins/refresh", auth=(name, "pw") if name else None)
            assert answer.status_code == status
