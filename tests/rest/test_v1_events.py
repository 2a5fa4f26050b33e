from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from connect.rest import events
from tests.support.doors import PASSWORD, ServedWorker, assert_error, make_users, served_worker
from tests.support.events import events_of
from tests.support.groups import generated, group
from tests.support.worker import STRING, until


def source(tmp_path: Path, **more: str) -> dict[str, str]:
    file = tmp_path / "in.txt"
    file.touch()
    common = {"key.converter": STRING, "value.converter": STRING}
    return {"connector.class": "FileStreamSource", "file": str(file), "topic": "t", **common, **more}


async def put(worker: ServedWorker, name: str, config: dict[str, str]) -> None:
    path = "/connectors/" + "".join(f"%{byte:02x}" for byte in name.encode()) + "/config"
    (await worker.request("PUT", path, json=config)).raise_for_status()


def test_the_stream_is_declared_with_its_media_type() -> None:
    from connect.rest.operations import answer_of, media_of
    from connect.rest.v1_events import events as endpoint

    assert (media_of(endpoint), answer_of(endpoint).__name__) == ("text/event-stream", "Events")


async def test_a_stream_begins_with_all_and_goes_on_with_what_changes(tmp_path: Path) -> None:
    async with served_worker(tmp_path, offset_flush_interval_ms="50") as worker:
        await put(worker, "a", source(tmp_path))
        async with events_of(worker.urls[0]) as stream:
            name, first = await stream.next()
            assert (name, list(stream.rows)) == ("snapshot", ["a"])
            assert first["worker"]["workers"][0]["leads"] is True
            assert stream.answer.headers["content-type"].startswith("text/event-stream")
            row = await stream.until(lambda rows: rows["a"]["tasks"]["running"] == 1 and rows["a"])
            assert (row["type"], row["class"], row["worst"]) == ("source", "FileStreamSource", "RUNNING")
            with (tmp_path / "in.txt").open("a") as file:
                file.write("x\n" * 1000)
            row = await stream.until(lambda rows: rows["a"]["records_per_second"] > 0 and rows["a"])
            assert row["records_per_second"] <= 7000, "what it moved within a look, and not more"
            await stream.until(lambda rows: rows["a"]["records_per_second"] == 0 and rows["a"]["topics"] == 1)
            await stream.until(lambda rows: rows["a"]["position"] is not None)
            await put(worker, "b", source(tmp_path, topic="u"))
            await stream.until(lambda rows: "b" in rows)
            await worker.request("DELETE", "/connectors/a")
            await stream.until(lambda rows: list(rows) == ["b"])
            assert "removed" in stream.names
            await worker.request("PUT", "/connectors/b/pause")
            await stream.until(lambda rows: rows["b"]["worst"] == "PAUSED")


async def test_a_row_tells_of_the_failure_and_of_the_restart_that_comes(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        sink = {
            "connector.class": "FileStreamSink",
            "topics": "t",
            "file": str(tmp_path / "nowhere" / "out.txt"),
            "errors.restart.policy": "all",
            "errors.restart.delay.ms": "60000",
            "errors.restart.max.attempts": "5",
        }
        async with events_of(worker.urls[0]) as stream:
            await put(worker, "sink", sink)
            row = await stream.until(lambda rows: rows.get("sink", {}).get("worst") == "FAILED" and rows["sink"])
            assert row["failed_since"] == row["last_error"]["at"] and row["last_error"]["task"] == 0
            assert "out.txt" in row["last_error"]["message"]
            row = await stream.until(lambda rows: rows["sink"]["next_restart"] and rows["sink"])
            assert (row["next_restart"]["attempt"], row["next_restart"]["of"]) == (1, 5)
            (tmp_path / "nowhere").mkdir()
            await worker.request("POST", "/connectors/sink/restart?includeTasks=true&onlyFailed=true")
            row = await stream.until(lambda rows: rows["sink"]["worst"] == "RUNNING" and rows["sink"])
            assert (row["failed_since"], row["next_restart"], row["restarts"]) == (None, None, 1)
            assert row["last_error"] is not None, "what it failed by last is known all the same"


async def test_something_comes_while_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BEAT_S", 0.05)
    async with served_worker(tmp_path) as worker, events_of(worker.urls[0]) as stream:
        while "beat" not in stream.names:
            await stream.next()
        assert stream.names[0] == "snapshot"


async def test_odd_names_stay_what_they_are(tmp_path: Path) -> None:
    names = ["a/b", "event: x", "<script>", "é\u202e", '"quoted"']
    async with served_worker(tmp_path) as worker, events_of(worker.urls[0]) as stream:
        for number, name in enumerate(names):
            await put(worker, name, source(tmp_path, topic=f"t{number}"))
        assert await stream.until(lambda rows: sorted(rows) == sorted(names))


async def test_so_many_streams_are_open_and_one_more_is_refused(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker, AsyncExitStack() as stack:
        hub = worker.app.state.events
        streams = [await stack.enter_async_context(events_of(worker.urls[0])) for _ in range(events.STREAMS_MAX)]
        for stream in streams:
            await stream.next()
        refused = await worker.get("/v1/events")
        assert_error(refused, 503, "events.busy")
        assert refused.headers["retry-after"] == "5"
        assert hub.streams == events.STREAMS_MAX
        await stack.aclose()
        await until(lambda: hub.streams == 0)
        async with events_of(worker.urls[0]) as stream:
            assert (await stream.next())[0] == "snapshot"


async def test_a_hundred_that_come_and_go_at_once_leave_nothing(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        hub = worker.app.state.events

        async def come() -> int:
            async with events_of(worker.urls[0]) as stream:
                if stream.answer.status_code == 200:
                    await stream.next()
                return stream.answer.status_code

        answers = await asyncio.gather(*(come() for _ in range(100)))
        assert set(answers) <= {200, 503} and 200 in answers
        await until(lambda: hub.streams == 0)
        assert hub._looking == [], "nobody looks any more"


async def test_a_reader_that_takes_nothing_is_cut_off_and_others_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "WRITE_S", 0.3)
    monkeypatch.setattr(events, "BEAT_S", 0.001)
    monkeypatch.setattr(events, "event", lambda name, data: b'event: beat\ndata: {"at":1}\n\n' * 5000)
    async with served_worker(tmp_path) as worker:
        hub = worker.app.state.events
        _, writer = await asyncio.open_connection(*worker.address, limit=1)
        writer.write(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until(lambda: hub.streams == 1)
        await until(lambda: hub.streams == 0)
        assert (await worker.get("/v1/me")).status_code == 200
        writer.close()


async def test_a_reader_that_was_away_gets_many_changes_as_one(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        hub = worker.app.state.events
        async with events_of(worker.urls[0]) as stream:
            await stream.next()
            before = hub.version
            for number in range(3):
                await put(worker, f"c{number}", source(tmp_path, topic=f"t{number}"))
                await until(lambda number=number: f"c{number}" in hub._rows.kept)
            text = hub.since(before).decode()
            assert text.count("event: changed") == 1 and all(f'"c{number}"' in text for number in range(3))


async def test_a_stop_ends_a_stream_at_once_with_the_reason(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker, events_of(worker.urls[0]) as stream:
        await stream.next()
        worker.herder.stop_soon()
        while stream.names[-1] != "end":
            data = (await stream.next(deadline_s=3))[1]
        assert data["code"] == "worker.stopping"
        with pytest.raises(StopAsyncIteration):
            await anext(stream._lines)
        assert_error(await worker.get("/v1/events"), 503, "worker.stopping")


async def test_users_who_may_only_read_see_it_and_others_do_not(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{"rest.authentication.file": str(users)}) as worker:
        assert_error(await worker.get("/v1/events"), 401, "auth.required")
        async with events_of(worker.urls[0], auth=("bob", PASSWORD)) as stream:
            assert (await stream.next())[0] == "snapshot"


async def test_what_is_asked_for_otherwise_is_answered_and_ends(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        answer = await worker.request("HEAD", "/v1/events")
        assert (answer.status_code, answer.text) == (200, "")
        async with events_of(worker.urls[0], headers={"Accept": "text/event-stream"}) as stream:
            assert (await stream.next())[0] == "snapshot"
        assert (await worker.get("/v1/events", headers={"Accept": "image/png"})).status_code == 406
        assert (await worker.request("POST", "/v1/events")).status_code == 405


async def test_any_worker_of_a_group_streams_what_all_of_them_move(tmp_path: Path) -> None:
    async with group(tmp_path) as workers:
        nodes = [await workers.start(name, served=True) for name in ("a", "b")]
        herder = await workers.leader()
        other = next(node for node in nodes if node.herder is None)
        await herder.create("c", {**generated("c", 2), "max.interval": "1"})
        async with events_of(other.base.url) as stream:
            row: Any = await stream.until(
                lambda rows: (
                    rows.get("c", {}).get("tasks", {}).get("running") == 2
                    and rows["c"]["records_per_second"] > 0
                    and rows["c"]
                )
            )
            assert row["worst"] == "RUNNING"
            leader = next(node for node in nodes if node.herder is not None)
            leader.stop_soon()
            while stream.names[-1] != "end":
                data = (await stream.next(deadline_s=10))[1]
            assert data["code"] == "worker.stopping"
