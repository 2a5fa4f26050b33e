"""What REST answered is true across kill -9, and what it had not answered yet has happened or has not.

Clients send requests to connectors of their own while the worker is killed at a random moment. A client knows what
each connector may be: what the last answer made of it, or what the request under way would have made of it. The worker
that comes back must show one of the two, whole: config, target, offsets, and tasks that run that very config.

CONNECT_CRASH_KILLS is the number of kills; see tests/support/lengths.py.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.forks import ForkedWorker
from tests.support.lengths import length
from tests.support.plain import NO_TLS
from tests.support.worker import STRING, until

KILLS = length("CONNECT_CRASH_KILLS")
CHURN_S = (0.01, 0.3)
SETTLE_S = 20.0
KINDS = ("source", "source", "source", "sink", "sink")


@dataclass(frozen=True)
class Known:
    """What a client knows of its connector: a revision that is in its config, its target, and its offset."""

    revision: int | None = None  # None: there is no such connector
    target: str = "RUNNING"
    offset: int | None = None


@dataclass
class Client:
    """One user of one connector."""

    name: str
    is_sink: bool
    folder: Path
    random: random.Random
    allowed: tuple[Known, ...] = (Known(),)
    revisions: int = 0
    answers: int = 0

    def config(self, revision: int) -> dict[str, str]:
        # The source waits for a file that never comes, and the sink reads a topic without records, so that offsets
        # are only what the client sets.
        kind = (
            {"connector.class": "FileStreamSink", "topics": "crash"}
            if self.is_sink
            else {"connector.class": "FileStreamSource", "topic": "crash"}
        )
        return {
            **kind,
            "file": str(self.folder / f"{self.name}.txt"),
            "revision": str(revision),
            "value.converter": STRING,
        }

    def offsets(self, offset: int | None) -> dict[str, Any]:
        if self.is_sink:
            at: dict[str, Any] = {"kafka_topic": "crash", "kafka_partition": 0}
            return {"offsets": [{"partition": at, "offset": None if offset is None else {"kafka_offset": offset}}]}
        at = {"filename": str(self.folder / f"{self.name}.txt")}
        return {"offsets": [{"partition": at, "offset": None if offset is None else {"position": offset}}]}

    def choose(self) -> tuple[str, str, Any, int, Known]:
        """Return a request, the status it must have, and what it makes of the connector."""
        (now,) = self.allowed
        path = f"/connectors/{self.name}"
        self.revisions += 1
        config, changed = self.config(self.revisions), replace(now, revision=self.revisions)
        if now.revision is None:
            target = self.random.choice(["RUNNING", "PAUSED", "STOPPED"])
            body = {"name": self.name, "config": config, "initial_state": target}
            created = replace(changed, target=target)
            return self.random.choice(
                [
                    ("POST", "/connectors", body, 201, created),
                    ("PUT", f"{path}/config", config, 201, replace(created, target="RUNNING")),
                ]
            )
        requests: list[tuple[str, str, Any, int, Known]] = [
            ("PUT", f"{path}/config", config, 200, changed),
            ("PATCH", f"{path}/config", {"revision": str(self.revisions)}, 200, changed),
            ("PUT", f"{path}/pause", None, 202, replace(now, target="PAUSED")),
            ("PUT", f"{path}/resume", None, 202, replace(now, target="RUNNING")),
            ("PUT", f"{path}/stop", None, 204, replace(now, target="STOPPED")),
            ("POST", f"{path}/restart?includeTasks=true", None, 202, now),
            ("DELETE", path, None, 204, replace(now, revision=None)),
        ]
        offset, may = self.random.randrange(1, 99), now.target == "STOPPED"
        requests += [
            (
                "PATCH",
                f"{path}/offsets",
                self.offsets(offset),
                200 if may else 400,
                replace(now, offset=offset) if may else now,
            ),
            ("DELETE", f"{path}/offsets", None, 200 if may else 400, replace(now, offset=None) if may else now),
        ] * (3 if may else 1)
        return self.random.choice(requests)

    async def churn(self, http: httpx.AsyncClient) -> None:
        """Send requests until the worker is gone."""
        while True:
            method, path, body, status, after = self.choose()
            before = self.allowed[0]
            self.allowed = (before, after)
            try:
                answer = await http.request(method, path, json=body)
            except httpx.TransportError:
                return
            assert answer.status_code == status, f"{method} {path} from {before}: {answer.status_code} {answer.text}"
            self.allowed = (after,)
            self.answers += 1

    async def look(self, http: httpx.AsyncClient) -> Known:
        """Return what the worker shows, once it has settled; fail where that is not whole."""
        before = self.allowed[0]
        got = await http.get(f"/connectors/{self.name}/config")
        if got.status_code == 404:
            assert (await http.get(f"/connectors/{self.name}/status")).status_code == 404
            # Offsets survive a connector; those of one that is gone cannot be read, so the client trusts its answers.
            return next((known for known in self.allowed if known.revision is None), replace(before, revision=None))
        revision = int(got.json()["revision"])
        assert got.json() == {**self.config(revision), "name": self.name}
        target = await self._settled(http, revision)
        offsets = (await http.get(f"/connectors/{self.name}/offsets")).json()["offsets"]
        found = [next(iter(entry["offset"].values())) for entry in offsets]
        assert len(found) <= 1
        return Known(revision, target, found[0] if found else None)

    async def _settled(self, http: httpx.AsyncClient, revision: int) -> str:
        deadline = time.monotonic() + SETTLE_S
        while True:
            status = (await http.get(f"/connectors/{self.name}/status")).json()
            state, tasks = status["connector"]["state"], [task["state"] for task in status["tasks"]]
            if (
                (state == "RUNNING" and tasks == ["RUNNING"])
                or (state == "PAUSED" and tasks in ([], ["PAUSED"]))
                or (state == "STOPPED" and not tasks)
            ):
                break
            assert time.monotonic() < deadline, status
            await asyncio.sleep(0.01)
        configs = [task["config"]["revision"] for task in (await http.get(f"/connectors/{self.name}/tasks")).json()]
        assert configs == [str(revision)] * len(tasks), "tasks run the connector's own config"
        return str(state)


@pytest.mark.slow
@pytest.mark.timeout(60 + KILLS * 10)
async def test_a_worker_killed_during_rest_churn_comes_back_as_its_answers_allow(tmp_path: Path) -> None:
    moments = random.Random(20_261_122)
    clients = [Client(f"c{n}", kind == "sink", tmp_path, random.Random(n)) for n, kind in enumerate(KINDS)]
    for round_ in range(KILLS + 1):
        with ForkedWorker(tmp_path / "data") as worker:
            url = await asyncio.to_thread(worker.url)
            async with httpx.AsyncClient(base_url=url, timeout=30, verify=NO_TLS) as http:
                if round_ == 0:
                    assert (await http.post("/v1/topics", json={"name": "crash"})).status_code == 201
                for client, found in zip(clients, await _all(clients, lambda c: c.look(http)), strict=True):
                    assert found in client.allowed, f"round {round_}, {client.name}:\n{worker.log[-4000:]}"
                    client.allowed = (found,)
                listed = (await http.get("/connectors")).json()
                assert listed == [client.name for client in clients if client.allowed[0].revision is not None]
                if round_ == KILLS:
                    assert await asyncio.to_thread(worker.stop) == 0, worker.log
                    break
                before = sum(client.answers for client in clients)
                churning = asyncio.gather(*(client.churn(http) for client in clients))
                await until(lambda before=before: sum(client.answers for client in clients) > before + len(clients))
                await asyncio.sleep(moments.uniform(*CHURN_S))  # the moment of death is what the test is about
                await asyncio.to_thread(worker.kill)
                await churning
    assert sum(client.answers for client in clients) > KILLS * len(clients), "the churn was hardly any"


async def _all(clients: Sequence[Client], work: Callable[[Client], Awaitable[Known]]) -> list[Known]:
    return list(await asyncio.gather(*(work(client) for client in clients)))
