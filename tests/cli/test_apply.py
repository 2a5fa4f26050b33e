from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from connect.cli.apply import _pruned
from connect.cli.rest import RestClient
from tests.cli.conftest import Cli, Done, config
from tests.support.answers import answering


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in.txt").write_text("a\n")
    made = tmp_path / "connectors"
    made.mkdir()
    return made


def write(folder: Path, name: str, **more: str) -> Path:
    """Have a connector's config in a file of the folder."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps(config(folder.parent, name, **more)))
    return path


def plan_hash(done: Done) -> str:
    found = re.search(r"^hash: ([0-9a-f]+)$", done.out, re.MULTILINE)
    assert found is not None, done
    return found[1]


def test_a_folder_is_applied_and_a_second_time_changes_nothing(
    cli: Cli, worker_url: str, folder: Path, name: str
) -> None:
    url = ["--url", worker_url]
    one, two, three = (f"{name}-{number}" for number in (1, 2, 3))
    write(folder, one, **{"my.password": "hunter2-hunter2"})
    (folder / "two.json").write_text(
        json.dumps({"name": two, "config": config(folder.parent, two), "initial_state": "PAUSED"})
    )
    (folder / "three.properties").write_text(
        "".join(f"{key}={value}\n" for key, value in config(folder.parent, three).items())
    )
    (folder / "README.md").write_text("not a config")
    (folder / ".hidden.json").write_text("not a config")
    first = cli("apply", folder, *url, "--wait")
    assert (first.code, first.out.splitlines()) == (0, [f"created {each}" for each in (one, two, three)]), first
    assert "3 to create" in first.err
    assert "hunter2" not in first.err + first.out
    assert cli("connector", "status", two, "--json", *url).json["connector"]["state"] == "PAUSED"
    versions = {each: len(cli("connector", "history", each, "--json", *url).json["versions"]) for each in (one, two)}
    second = cli("apply", folder, *url)
    assert (second.code, second.out) == (0, "")
    assert second.err == "3 unchanged\n"
    told = cli("apply", folder, "--json", *url).json
    assert [row["done"] for row in told["connectors"]] == ["unchanged"] * 3
    again = {each: len(cli("connector", "history", each, "--json", *url).json["versions"]) for each in (one, two)}
    assert again == versions == {one: 1, two: 1}


def test_a_plan_shows_keys_restarts_and_no_secret_and_changes_nothing(
    cli: Cli, worker_url: str, folder: Path, name: str
) -> None:
    url = ["--url", worker_url]
    write(folder, name, **{"my.password": "hunter2-hunter2", "batch.size": "1", "gone": "x"})
    cli("apply", folder, "--wait", *url)
    write(folder, name, **{"my.password": "other-hunter2", "batch.size": "2", "token": "${env:TOKEN}"})
    write(folder, f"{name}-new")
    before = cli("connector", "config", name, *url).json
    done = cli("apply", folder, "--plan", *url)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[:5] == [
        f"~ change {name} (restarts it and 1 task)",
        "  ~ batch.size: 1 -> 2",
        "  - gone = x",
        "  ~ my.password: [hidden] (another secret)",
        "  + token = ${env:TOKEN}",
    ]
    assert lines[5] == f"+ create {name}-new"
    assert lines[-2] == "1 to create, 1 to change"
    assert "hunter2" not in done.out + done.err
    assert cli("connector", "config", name, *url).json == before
    told = cli("apply", folder, "--plan", "--json", *url).json
    assert told["hash"] == plan_hash(done)
    assert [step["action"] for step in told["steps"]] == ["change", "create"]


def test_a_hash_refuses_a_world_that_changed_since(cli: Cli, worker_url: str, folder: Path, name: str) -> None:
    url = ["--url", worker_url]
    write(folder, name)
    cli("apply", folder, *url)
    write(folder, name, **{"batch.size": "2"})
    agreed = plan_hash(cli("apply", folder, "--plan", *url))
    assert plan_hash(cli("apply", folder, "--plan", *url)) == agreed
    # Somebody else changes a key of which the plan says nothing.
    cli("connector", "patch", name, "--set", "tasks.max=1", *url)
    cli.refused(1, "apply.world_changed", "apply", folder, "--hash", agreed, *url)
    assert "batch.size" not in cli("connector", "config", name, *url).json
    agreed = plan_hash(cli("apply", folder, "--plan", *url))
    write(folder, name, **{"batch.size": "3"})
    cli.refused(1, "apply.world_changed", "apply", folder, "--hash", agreed, *url)
    agreed = plan_hash(cli("apply", folder, "--plan", *url))
    assert cli("apply", folder, "--hash", agreed, *url).out == f"changed {name}\n"
    assert cli("connector", "config", name, *url).json["batch.size"] == "3"


def test_a_hash_refuses_a_secret_that_changed_since(cli: Cli, worker_url: str, folder: Path, name: str) -> None:
    url = ["--url", worker_url]
    write(folder, name, **{"my.password": "hunter2-hunter2"})
    created = plan_hash(cli("apply", folder, "--plan", *url))
    write(folder, name, **{"my.password": "hunter3-hunter3"})
    cli.refused(1, "apply.world_changed", "apply", folder, "--hash", created, *url)
    cli("apply", folder, *url)
    write(folder, name, **{"my.password": "hunter4-hunter4"})
    changed = cli("apply", folder, "--plan", *url)
    write(folder, name, **{"my.password": "hunter5-hunter5"})
    assert cli("apply", folder, "--plan", *url).out.splitlines()[:-1] == changed.out.splitlines()[:-1]
    cli.refused(1, "apply.world_changed", "apply", folder, "--hash", plan_hash(changed), *url)
    write(folder, name, **{"my.password": "hunter4-hunter4"})
    assert cli("apply", folder, "--hash", plan_hash(changed), *url).out == f"changed {name}\n"


def test_nothing_is_changed_where_one_config_is_wrong_and_each_is_told(
    cli: Cli, worker_url: str, folder: Path, name: str
) -> None:
    url = ["--url", worker_url]
    write(folder, f"{name}-good")
    write(folder, f"{name}-bad", **{"batch.size": "many"})
    write(folder, f"{name}-none", **{"connector.class": "not.There"})
    done = cli("apply", folder, *url)
    assert done.code == 2
    assert "nothing was applied" in done.err
    assert f"{name}-bad" in done.err
    assert "not.There" in done.err
    assert not [each for each in cli("connector", "list", "--json", *url).json if each.startswith(name)]


def test_files_that_cannot_be_read_are_all_told(cli: Cli, worker_url: str, folder: Path, name: str) -> None:
    url = ["--url", worker_url]
    cli.refused(2, "config.unreadable", "apply", folder, *url, mentions="holds no connector")
    (folder / "a.json").write_text("{")
    (folder / "b.properties").write_text("x=1\n")
    done = cli("apply", folder, *url)
    assert done.code == 2
    assert "a.json" in done.err and "b.properties" in done.err
    write(folder, name)
    (folder / "a.json").write_text((folder / f"{name}.json").read_text())
    (folder / "b.properties").unlink()
    done = cli("apply", folder, *url)
    assert (done.code, "a.json" in done.err, f"{name}.json" in done.err) == (2, True, True)


def test_what_is_wrong_with_files_and_with_configs_is_told_at_once(
    cli: Cli, worker_url: str, folder: Path, name: str
) -> None:
    (folder / "a.json").write_text("{")
    (folder / "gone.json").symlink_to(folder / "nowhere")
    (folder / "b.json").mkdir()
    write(folder, f"{name}-bad", **{"batch.size": "many"})
    done = cli("apply", folder, "--url", worker_url)
    assert done.code == 2
    assert "3 of the configs are wrong, and nothing was applied" in done.err
    assert "a.json" in done.err and "gone.json" in done.err and "batch.size" in done.err
    # A worker that is away hides nothing of it.
    with answering({}) as server:
        url = server.url
    done = cli("apply", folder, "--url", url)
    assert (done.code, "a.json" in done.err, "could not be checked" in done.err) == (2, True, True), done


def test_prune_deletes_what_is_gone_from_the_set_and_nothing_of_others(
    cli: Cli, worker_url: str, folder: Path, tmp_path: Path, name: str
) -> None:
    url = ["--url", worker_url]
    kept, gone, others, nobodys = (f"{name}-{which}" for which in ("kept", "gone", "others", "nobodys"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write(folder, kept)
    write(folder, gone)
    write(elsewhere, others)
    cli("apply", folder, "--set", name, *url)
    cli("apply", elsewhere, "--set", f"{name}-2", *url)
    cli("apply", write(tmp_path, nobodys), *url)
    (folder / f"{gone}.json").unlink()
    assert cli("apply", folder, "--prune", *url).code == 2
    plan = cli("apply", folder, "--set", name, "--prune", "--plan", *url)
    assert f"- delete {gone} (ends 1 task)" in plan.out
    assert plan.out.splitlines()[1] == "1 to delete, 1 unchanged"
    refused = cli("apply", folder, "--set", name, "--prune", *url)
    assert (refused.code, "--yes" in refused.err) == (2, True)
    done = cli("apply", folder, "--set", name, "--prune", "--yes", "--hash", plan_hash(plan), *url)
    assert (done.code, done.out) == (0, f"deleted {gone}\n"), done
    left = set(cli("connector", "list", "--json", *url).json)
    assert {kept, others, nobodys} <= left
    assert gone not in left
    # A connector of one set is not taken into another by the way.
    write(folder, others)
    cli.refused(1, "apply.other_set", "apply", folder, "--set", name, *url, mentions=others)


def test_a_change_of_the_set_restarts_nothing(cli: Cli, worker_url: str, folder: Path, name: str) -> None:
    url = ["--url", worker_url]
    write(folder, name)
    cli("apply", folder, "--wait", *url)
    plan = cli("apply", folder, "--set", name, "--plan", *url)
    assert plan.out.splitlines()[:2] == [f"~ change {name}", f"  + apply.set = {name}"]
    assert cli("apply", folder, "--set", name, "--wait", *url).code == 0


def test_two_operators_who_apply_at_once_lose_no_change(cli: Cli, worker_url: str, folder: Path, name: str) -> None:
    """Each writes the whole config with a key of its own more, on top of what it has read."""
    from connect.api import ConflictError
    from connect.cli.apply import Problems, Step, _do, plan_all
    from connect.cli.rest import RestClient
    from connect.cli.settings import ConnectorFile

    write(folder, name)
    cli("apply", folder, "--url", worker_url)
    conflicts: list[str] = []

    def operate(who: str) -> None:
        with RestClient(worker_url) as rest:
            for number in range(8):
                while True:
                    read = rest.call("GET", f"/connectors/{name}/config")
                    file = ConnectorFile(name, {**read, f"note.{who}.{number}": "x"})
                    [step] = plan_all(rest, [file], Problems("nothing"))
                    if len(step.changes) != 1:  # somebody was between reading and planning
                        continue
                    try:
                        _do(rest, step)
                        break
                    except ConflictError as error:
                        assert error.code == "connector.precondition_failed", error
                        conflicts.append(who)

    operators = [threading.Thread(target=operate, args=(who,)) for who in ("ann", "bob", "eve")]
    for operator in operators:
        operator.start()
    for operator in operators:
        operator.join(timeout=90)
    found = cli("connector", "config", name, "--url", worker_url).json
    notes = {key for key in found if key.startswith("note.")}
    assert notes == {f"note.{who}.{number}" for who in ("ann", "bob", "eve") for number in range(8)}
    assert isinstance(Step, type) and conflicts, "they came in each other's way"


PLAN = {"name": "", "action": "create", "etag": None, "changes": [], "restarts": None}


def test_what_was_done_is_said_where_the_worker_goes_away(cli: Cli, folder: Path) -> None:
    for each in ("a", "b", "c", "d"):
        write(folder, each)

    answers: dict[tuple[str, str], tuple[int, Any]] = {
        **{("PUT", f"/v1/connectors/{each}/config/plan"): (200, PLAN) for each in "abcd"},
        ("PUT", "/v1/connectors/a/config"): (201, {}),
        ("PUT", "/v1/connectors/b/config"): (500, {"message": "odd"}),
        ("PUT", "/v1/connectors/c/config"): (503, {"message": "the disk is full"}),
    }
    with answering(answers) as server:
        address = server.url
        done = cli("apply", folder, "--url", address)
        assert (done.code, done.out) == (1, "created a\n"), done
        assert done.err.splitlines()[-1] == "done: a; failed: b, c; not tried: d"
        told = cli("apply", folder, "--json", "--url", address).json
    assert [row.get("done") or row["error"]["message"] for row in told["connectors"]] == [
        "created",
        "odd",
        "the disk is full",
        "not tried",
    ]


def test_a_worker_of_kafka_connect_is_told_by_name(cli: Cli, folder: Path) -> None:
    write(folder, "a")
    with answering({}) as server:
        cli.refused(3, "environment.fault", "apply", folder, "--url", server.url, mentions="makes no plans")


def test_prune_leaves_what_somebody_takes_out_of_the_set_meanwhile(worker_url: str, name: str) -> None:
    class Slow(RestClient):
        """Between the listing and the look at one connector somebody else is faster."""

        def config_and_etag(self, connector: str) -> tuple[dict[str, str], str | None]:
            super().call("PUT", f"/connectors/{connector}/config", {**config, "apply.set": "another"})
            return super().config_and_etag(connector)

    config = {"connector.class": "FileStreamSink", "topics": "t", "file": "/dev/null", "apply.set": name}
    with Slow(worker_url) as rest:
        rest.call("PUT", f"/connectors/{name}/config", config)
        assert _pruned(rest, [], name) == []
        rest.call("PUT", f"/connectors/{name}/config", config)
    with RestClient(worker_url) as rest:
        assert [step.name for step in _pruned(rest, [], name)] == [name]
        rest.call("DELETE", f"/connectors/{name}")
