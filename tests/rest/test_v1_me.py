from __future__ import annotations

from pathlib import Path

from tests.support.doors import PASSWORD, assert_error, make_users, served_worker
from tests.support.worker import running_worker


async def test_without_users_everyone_may_change_everything(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        told = (await worker.client.get("/v1/me")).json()
    assert told == {"user": None, "role": "write", "can_change": True, "open_to_others": False, "auth": "none"}


async def test_a_listener_that_others_reach_without_a_user_is_told_of(tmp_path: Path) -> None:
    async with served_worker(tmp_path, "http://127.0.0.1:0", "http://0.0.0.0:0") as worker:
        assert (await worker.get("/v1/me")).json()["open_to_others"] is True


async def test_who_asks_learns_what_they_may_do_and_who_does_not_log_in_that_they_must(tmp_path: Path) -> None:
    users, token = make_users(tmp_path)
    keys = {"rest.authentication.file": str(users)}
    async with served_worker(tmp_path, "http://127.0.0.1:0", "http://0.0.0.0:0", **keys) as worker:
        nobody = {"user": None, "role": None, "can_change": False, "open_to_others": False, "auth": "basic"}
        assert (await worker.get("/v1/me")).json() == nobody
        ann = (await worker.get("/v1/me", auth=("ann", PASSWORD))).json()
        assert ann == {**nobody, "user": "ann", "role": "write", "can_change": True}
        bob = (await worker.get("/v1/me", auth=("bob", PASSWORD))).json()
        assert bob == {**nobody, "user": "bob", "role": "read"}
        grafana = await worker.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert grafana.json() == {**nobody, "user": "grafana", "role": "read"}


async def test_a_wrong_password_is_refused_there_too_and_the_path_opens_no_other(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{"rest.authentication.file": str(users)}) as worker:
        assert_error(await worker.get("/v1/me", auth=("ann", "wrong")), 401, "auth.required")
        assert_error(await worker.get("/v1/me", headers={"Authorization": "None"}), 401, "auth.required")
        for path in ("/v1/mee", "/v1/me/x", "/v1", "/v1/events", "/v1/worker", "/V1/me", "/v1%2fme"):
            assert_error(await worker.get(path), 401, "auth.required")
        assert_error(await worker.request("POST", "/v1/me"), 401, "auth.required")
