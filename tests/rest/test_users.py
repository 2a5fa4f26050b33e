from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect import credentials
from connect.rest.users import HeldBackError, Users
from tests.support.doors import PASSWORD, assert_error, make_users, served_worker
from tests.support.plain import NO_TLS

FILE = "rest.authentication.file"


ANN, BOB = ("ann", PASSWORD), ("bob", PASSWORD)


class MovingClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


async def test_a_changed_file_counts_within_a_second_and_a_broken_one_does_not(tmp_path: Path) -> None:
    path, _ = make_users(tmp_path)
    clock = MovingClock()
    users = Users(path, clock=clock)
    assert await users.find(basic(*ANN))
    path.write_text("nonsense\n")
    clock.now += 1.1
    assert await users.find(basic(*ANN))
    credentials.write(path, {"eve": credentials.Entry("eve", credentials.Role.READ, credentials.hash_password("x"))})
    clock.now += 0.5
    assert await users.find(basic(*ANN))
    clock.now += 0.6
    assert await users.find(basic(*ANN)) is None
    assert await users.find(basic("eve", "x"))


async def held_back_s(users: Users, authorization: str, address: str) -> float | None:
    try:
        assert await users.find(authorization, address) is None
    except HeldBackError as held_back:
        return held_back.retry_after_s
    return None


async def test_wrong_guesses_wait_longer_and_longer_and_hold_up_nobody_else(tmp_path: Path) -> None:
    path, token = make_users(tmp_path)
    clock = MovingClock()
    users = Users(path, clock=clock)
    assert await users.find(basic(*BOB), "10.0.0.1")
    for name in ("ann", "nobody"):  # no telling which of them there is
        waits = [await held_back_s(users, basic(name, f"wrong {n}"), "10.0.0.1") for n in range(7)]
        assert waits == [None] * 5 + [1.0, 1.0]
    clock.now += 1.0
    assert await held_back_s(users, basic("ann", "wrong"), "10.0.0.1") is None
    assert await held_back_s(users, basic("ann", "wrong"), "10.0.0.1") == 2.0
    # Neither who was let in before, nor a right token, nor another user or address has to wait.
    assert await users.find(basic(*BOB), "10.0.0.1")
    assert await users.find(f"Bearer {token}", "10.0.0.1")
    assert await users.find(basic(*ANN), "10.0.0.2")
    # Ann was let in there, and so is known here too.
    assert await users.find(basic(*ANN), "10.0.0.1")


async def test_a_right_password_after_the_wait_ends_the_count(tmp_path: Path) -> None:
    path, _ = make_users(tmp_path)
    clock = MovingClock()
    users = Users(path, clock=clock)
    for n in range(5):
        assert await held_back_s(users, basic("ann", f"wrong {n}"), "10.0.0.1") is None
    assert await held_back_s(users, basic(*ANN), "10.0.0.1") == 1.0
    clock.now += 1.0
    assert await users.find(basic(*ANN), "10.0.0.1")
    assert await held_back_s(users, basic("ann", "wrong"), "10.0.0.1") is None


async def test_wrong_tokens_are_held_back_and_right_ones_are_not(tmp_path: Path) -> None:
    path, token = make_users(tmp_path)
    users = Users(path, clock=MovingClock())
    waits = [await held_back_s(users, f"Bearer {token}{n}", "10.0.0.1") for n in range(6)]
    assert waits == [None] * 5 + [1.0]
    assert await users.find(f"Bearer {token}", "10.0.0.1")


async def test_behind_many_wrong_guesses_a_new_client_gets_in_at_once(tmp_path: Path) -> None:
    path, _ = make_users(tmp_path)
    async with (
        served_worker(tmp_path, **{FILE: str(path)}) as worker,
        httpx.AsyncClient(base_url=worker.urls[0], timeout=60, verify=NO_TLS) as stranger,
    ):
        guesses = [asyncio.create_task(stranger.get("/connectors", auth=("ann", f"wrong {n}"))) for n in range(60)]
        elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(base_url=worker.urls[0], transport=elsewhere, auth=ANN, timeout=60) as client:
            assert (await client.get("/connectors")).status_code == 200
        answers = await asyncio.gather(*guesses)
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= 8  # so many were looked at, and the new client waited for no more
    held_back = next(answer for answer in answers if answer.status_code == 429)
    assert_error(held_back, 429, "auth.held_back")
    assert int(held_back.headers["retry-after"]) >= 1


async def test_requests_with_one_password_at_once_are_one_guess(tmp_path: Path) -> None:
    path, _ = make_users(tmp_path)
    users = Users(path, clock=MovingClock())
    found = await asyncio.gather(*(users.find(basic(*ANN), "10.0.0.1") for _ in range(50)))
    assert all(entry is not None and entry.name == "ann" for entry in found)


async def test_guesses_at_many_names_wait_for_a_check_a_few_of_one_address_and_so_many_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = make_users(tmp_path)
    monkeypatch.setattr(credentials, "check_password", lambda password, hashed: password == PASSWORD)

    async def answers(*guesses: tuple[str, tuple[str, str]]) -> list[str]:
        users = Users(path, clock=MovingClock())
        asked = (users.find(basic(*user), address) for address, user in guesses)
        return [type(found).__name__ for found in await asyncio.gather(*asked, return_exceptions=True)]

    of_one = [("10.0.0.1", (f"name {number}", "wrong")) for number in range(20)]
    found = await answers(*of_one, ("10.0.0.2", ANN))
    assert found == ["NoneType"] * 4 + ["HeldBackError"] * 16 + ["Entry"]
    found = await answers(*((f"10.0.1.{number}", ("ann", f"wrong {number}")) for number in range(100)))
    assert found == ["NoneType"] * 64 + ["HeldBackError"] * 36


async def test_only_the_first_request_of_a_client_pays_for_the_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, _ = make_users(tmp_path)
    checked: list[str] = []
    check = credentials.check_password

    def counted(password: str, hashed: str) -> bool:
        checked.append(password)
        return check(password, hashed)

    monkeypatch.setattr(credentials, "check_password", counted)
    async with (
        served_worker(tmp_path, **{FILE: str(users)}) as worker,
        httpx.AsyncClient(base_url=worker.urls[0], auth=ANN, verify=NO_TLS) as client,
    ):
        for _ in range(50):
            assert (await client.get("/")).status_code == 200
    assert checked == [ANN[1]]


@settings(max_examples=10, deadline=None)  # each takes two hashes, which are slow on purpose
@given(st.text(), st.text())
def test_a_password_is_right_for_its_own_hash_alone(password: str, other: str) -> None:
    try:
        hashed = credentials.hash_password(password)
        found = credentials.check_password(other, hashed)
    except UnicodeEncodeError:  # half a surrogate pair is no text
        return
    assert found == (password == other)
